import Checkpoints
import Kernels
import Tensors

/// Where a component's calibration rows and weights meet.
struct ComponentRows: Sendable {
  let layer: Int
  let component: MoHDComponent
  /// The component's normalised inputs, [tokens, d]: those to fit on and those held out.
  let fitting: SharedMatrix
  let heldOut: SharedMatrix
}

/// A component in its new basis, before it is decided how much of it stays active.
struct ComponentSurvey: Sendable {
  /// B, [d, d]; nil for the model's own dimensions.
  let basis: SharedMatrix?
  /// The joined input projections in that basis, [m, d].
  let weights: SharedMatrix
  /// `dimension_order`.
  var order: [Int]
  /// The length of the weights that read each entry, errors of outputs as heavy as they count, [d].
  let lengths: [Double]
  /// The share of energy that is lost on held-out tokens, for K = S…N: the oracle's choice, or
  /// without a router that of the first K.
  let losses: [Double]
  /// Half the energy itself, the mean over held-out tokens: by the Fisher information what the model
  /// would lose without the component, in nats.
  let cost: Double

  /// - Parameters:
  ///   - weights: the joined dense input projections, [m, d].
  ///   - outputWeights: what squared errors of their outputs count, [m].
  /// - Throws: `ConversionError.nonFinite`, `.singular`.
  init(
    _ rows: ComponentRows, weights dense: SharedMatrix, outputWeights: [Double],
    recipe: ConversionRecipe
  ) throws(ConversionError) {
    let settings = recipe[rows.component]
    guard rows.fitting.isFinite, rows.heldOut.isFinite else {
      throw .nonFinite(layer: rows.layer, component: rows.component)
    }
    var transformed = dense
    var transform: SharedMatrix?
    if let strategy = recipe.basis.strategy {
      let count = Double(rows.fitting.view.rowCount)
      var covariance = crossMoments(rows.fitting.view, rows.fitting.view)
      covariance.elements = covariance.elements.map { $0 / count }
      // Inputs that are all zeros, as behind a norm whose gain is: every basis loses nothing, and the
      // one of equal variances can be inverted in float32.
      let mean = covariance.meanDiagonal
      covariance.addToDiagonal(
        mean > 0 ? max(recipe.damping * mean, .leastNormalMagnitude) : 1)
      let weighted = Self.weigh(dense, outputWeights)
      let moments = crossMoments(weighted.view, weighted.view)
      guard let basis = strategy.basis(covariance: covariance, weightMoments: moments) else {
        throw .singular(layer: rows.layer, component: rows.component)
      }
      let inverse = SharedMatrix(basis.inverse)
      transformed = SharedMatrix(
        rowCount: dense.view.rowCount, columnCount: dense.view.columnCount)
      multiply(dense.view, inverse.view, into: transformed.view)
      let change = SharedMatrix(basis.transform)
      guard change.isFinite, transformed.isFinite else {
        throw .singular(layer: rows.layer, component: rows.component)
      }
      transform = change
    }
    self.basis = transform
    weights = transformed
    let norms = columnSquares(Self.weigh(transformed, outputWeights).view)
    let single = ConversionRecipe.Component(
      subDimensionCount: dense.view.columnCount, sharedCount: 0, activeCount: 1)
    let z = Self.change(rows.fitting, to: transform)
    order = recipe.grouping.strategy.order(
      energies: Self.energies(z.view, norms: norms, single: single).view, settings: settings)
    lengths = norms.map { Double($0).squareRoot() }
    let heldOut = Self.change(rows.heldOut, to: transform)
    let steps = recipe.budgetSteps(rows.component, hiddenSize: dense.view.columnCount)
    guard !recipe.usesSubspaces(rows.component) else {
      let energies = SubDimensionEnergies(
        heldOut.view, norms: norms, order: order, count: dense.view.columnCount)
      cost = energies.meanTotal / 2
      let lost = energies.lossOfFirst()
      losses = (0...steps).map { lost[min($0 * settings.activeCount, dense.view.columnCount)] }
      return
    }
    let energies = SubDimensionEnergies(
      heldOut.view, norms: norms, order: order, count: settings.subDimensionCount)
    cost = energies.meanTotal / 2
    losses =
      recipe.router == .fixed
      ? energies.lossOfFirst() : energies.lossOfBest(shared: settings.sharedCount)
  }

  /// What was kept between the survey and the fit.
  init(
    basis: SharedMatrix?, weights: SharedMatrix, order: [Int], lengths: [Double],
    losses: [Double], cost: Double
  ) {
    (self.basis, self.weights, self.order, self.lengths) = (basis, weights, order, lengths)
    (self.losses, self.cost) = (losses, cost)
  }

  /// The projections, each row as long as errors of its output count.
  private static func weigh(_ projections: SharedMatrix, _ weights: [Double]) -> SharedMatrix {
    let source = projections.view
    let result = SharedMatrix(rowCount: source.rowCount, columnCount: source.columnCount)
    source.withSpan { numbers in
      result.view.withMutableSpan { weighted in
        for row in 0..<source.rowCount {
          let factor = Float(weights[row].squareRoot())
          for index in row * source.columnCount..<(row + 1) * source.columnCount {
            weighted[index] = factor * numbers[index]
          }
        }
      }
    }
    return result
  }

  /// z = B a for all rows.
  static func change(_ rows: SharedMatrix, to basis: SharedMatrix?) -> SharedMatrix {
    guard let basis else { return rows }
    let z = SharedMatrix(rowCount: rows.view.rowCount, columnCount: basis.view.rowCount)
    multiply(rows.view, transposed: basis.view, into: z.view)
    return z
  }

  /// e_tj of single dimensions, [tokens, d].
  private static func energies(
    _ z: MatrixView, norms: [Float], single: ConversionRecipe.Component
  ) -> SharedMatrix {
    let result = SharedMatrix(rowCount: z.rowCount, columnCount: z.columnCount)
    z.withSpan { numbers in
      result.view.withMutableSpan { energies in
        for index in numbers.indices {
          energies[index] = numbers[index] * numbers[index] * norms[index % norms.count]
        }
      }
    }
    return result
  }
}

/// ‖w_j‖² of each column.
func columnSquares(_ w: MatrixView) -> [Float] {
  var sums = [Double](repeating: 0, count: w.columnCount)
  w.withSpan { numbers in
    for row in 0..<w.rowCount {
      for column in 0..<w.columnCount {
        let value = Double(numbers[row * w.columnCount + column])
        sums[column] += value * value
      }
    }
  }
  return sums.map { Float($0) }
}
