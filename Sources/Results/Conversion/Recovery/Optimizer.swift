import Checkpoints
import Kernels
import Models
import Tensors

/// Adam over the trained matrices of all layers.
final class Optimizer {
  /// One matrix with what belongs to it.
  private struct Entry: Sendable {
    let weights: MatrixView
    let gradient: MatrixView
    let firstMoment: MatrixView
    let secondMoment: MatrixView
    /// [1, columns] or [rows, 1]: the root mean square of what each dimension of the basis has, as
    /// it was at first.
    let rates: MatrixView

    /// Some of the rows.
    func rows(_ range: Range<Int>) -> Entry {
      Entry(
        weights: weights.rows(range), gradient: gradient.rows(range),
        firstMoment: firstMoment.rows(range), secondMoment: secondMoment.rows(range),
        rates: rates.columnCount == 1 ? rates.rows(range) : rates)
    }
  }

  private let entries: [Entry]
  private let settings: DistillationSettings
  private let pool: WorkerPool
  private var stepCount = 0

  init(
    _ layers: [TrainableLayer], gradients: [TrainableLayer], settings: DistillationSettings,
    pool: WorkerPool
  ) {
    (self.settings, self.pool) = (settings, pool)
    var entries: [Entry] = []
    for (layer, gradients) in zip(layers, gradients) {
      let moments = (layer.zeros(), layer.zeros())
      for component in MoHDComponent.allCases {
        guard let trained = layer[component], let gradient = gradients[component],
          let first = moments.0[component], let second = moments.1[component]
        else { continue }
        for (index, weights) in trained.matrices.enumerated() {
          let whole = Entry(
            weights: weights, gradient: gradient.matrices[index],
            firstMoment: first.matrices[index], secondMoment: second.matrices[index],
            // Dimensions of the basis are the columns of W and the rows of B; a router's
            // sub-dimensions are rows.
            rates: index == 0 ? columnSizes(weights) : rowSizes(weights))
          for start in stride(from: 0, to: weights.rowCount, by: Self.pieceRowCount) {
            entries.append(whole.rows(start..<min(start + Self.pieceRowCount, weights.rowCount)))
          }
        }
      }
    }
    self.entries = entries
  }

  private static let pieceRowCount = 512

  /// One step along the gradients as they are.
  ///
  /// - Parameter share: of all steps, what is done.
  func step(share: Double) {
    stepCount += 1
    let (entries, step) = (entries, stepCount)
    let sums = Matrix(rowCount: entries.count, columnCount: 1).view
    pool.forEach(entries.count) { index, _ in
      sums[index, 0] = Float(GradientKernels.fastest.sumOfSquares(entries[index].gradient))
    }
    let norm = sums.elements().reduce(0) { $0 + Double($1) }.squareRoot()
    let factor = norm > settings.greatestNorm ? settings.greatestNorm / norm : 1
    // A step that would only spoil the weights is left out.
    guard norm.isFinite else { return }
    let rate = Float(settings.rate(share: share))
    pool.forEach(entries.count) { index, _ in
      let entry = entries[index]
      GradientKernels.fastest.adam(
        entry.weights, firstMoment: entry.firstMoment, secondMoment: entry.secondMoment,
        gradient: entry.gradient, settings: Adam(), step: step, rates: entry.rates, share: rate,
        factor: Float(factor))
    }
  }
}

/// Root mean squares of columns, [1, columns].
private func columnSizes(_ matrix: MatrixView) -> MatrixView {
  let sums = Matrix(rowCount: 1, columnCount: matrix.columnCount).view
  SubDimensionKernels.fastest.addSquares(of: matrix, to: sums)
  for column in 0..<matrix.columnCount {
    sums[0, column] = (sums[0, column] / Float(max(matrix.rowCount, 1))).squareRoot()
  }
  return sums
}

/// Root mean squares of rows, [rows, 1].
private func rowSizes(_ matrix: MatrixView) -> MatrixView {
  let sizes = Matrix(rowCount: matrix.rowCount, columnCount: 1).view
  for row in 0..<matrix.rowCount {
    let sum = GradientKernels.fastest.sumOfSquares(matrix.rows(row..<row + 1))
    sizes[row, 0] = Float((sum / Double(max(matrix.columnCount, 1))).squareRoot())
  }
  return sizes
}
