import Checkpoints
import Kernels
import Tensors

/// A router that was fitted, with what it scores on held-out tokens.
package struct FittedRouter: Sendable {
  let name: ConversionRecipe.Router
  /// Φ [N, d] and b [N]; nil for the energy router, which has no parameters.
  let centroids: (weight: DoubleMatrix, bias: [Double])?
  package let quality: RouterQuality
}

/// How well a router chooses, on held-out tokens.
public struct RouterQuality: Sendable, Codable, Equatable {
  /// Mean share of the oracle's routed sub-dimensions that it finds: recall@K.
  public let recall: Double
  /// Recall of a router that chooses at random.
  public let chanceRecall: Double
  /// Share of a token's energy that its active sub-dimensions hold.
  public let capturedEnergy: Double
  /// The same for the oracle, which knows every energy.
  public let oracleEnergy: Double
  /// The same for the one best choice for all tokens.
  public let staticEnergy: Double

  enum CodingKeys: String, CodingKey {
    case recall
    case chanceRecall = "chance_recall"
    case capturedEnergy = "captured_energy"
    case oracleEnergy = "oracle_energy"
    case staticEnergy = "static_energy"
  }
}

/// What routers are fitted on.
package struct RouterTask: Sendable {
  /// The component's inputs, [tokens, d], and their energies: to fit.
  let inputs: SharedMatrix
  let energies: SubDimensionEnergies
  /// The same of held-out tokens.
  let heldOutInputs: SharedMatrix
  let heldOutEnergies: SubDimensionEnergies
  let sharedCount: Int
  let activeCount: Int
  let seed: UInt64

  package init(
    inputs: SharedMatrix, energies: SubDimensionEnergies, heldOutInputs: SharedMatrix,
    heldOutEnergies: SubDimensionEnergies, sharedCount: Int, activeCount: Int, seed: UInt64
  ) {
    (self.inputs, self.energies) = (inputs, energies)
    (self.heldOutInputs, self.heldOutEnergies) = (heldOutInputs, heldOutEnergies)
    (self.sharedCount, self.activeCount, self.seed) = (sharedCount, activeCount, seed)
  }

  var count: Int { energies.count }
  var routedCount: Int { activeCount - sharedCount }

  /// Scores of a router with these parameters: [tokens, N].
  func scores(
    _ inputs: MatrixView, weight: DoubleMatrix, bias: [Double]
  ) -> SharedMatrix {
    let narrow = SharedMatrix(weight)
    let result = SharedMatrix(rowCount: inputs.rowCount, columnCount: weight.rowCount)
    multiply(inputs, transposed: narrow.view, into: result.view)
    let row = SharedMatrix(rowCount: 1, columnCount: bias.count)
    for index in bias.indices { row.view[0, index] = Float(bias[index]) }
    Elementwise.fastest.addBias(row.view, to: result.view)
    return result
  }

  /// How well scores choose on held-out tokens; nil stands for the energies themselves.
  func quality(_ scores: MatrixView?) -> RouterQuality {
    let energies = heldOutEnergies
    let best = activeSets(scores: energies.view, shared: sharedCount, active: activeCount)
    let chosen =
      scores.map { activeSets(scores: $0, shared: sharedCount, active: activeCount) } ?? best
    var hits = 0
    for token in 0..<energies.tokenCount {
      for index in sharedCount..<count {
        hits += Int(best.view[token, index] * chosen.view[token, index])
      }
    }
    let all = routedCount * energies.tokenCount
    let loss = energies.lossKeeping(chosen.view)
    let oracle = energies.lossKeeping(best.view)
    return RouterQuality(
      recall: all == 0 ? 1 : Double(hits) / Double(all),
      chanceRecall: count == sharedCount
        ? 1 : Double(routedCount) / Double(count - sharedCount),
      capturedEnergy: 1 - loss, oracleEnergy: 1 - oracle,
      staticEnergy: 1 - energies.lossOfStatic(active: activeCount, shared: sharedCount))
  }

  /// Fits and judges one kind of router.
  ///
  /// - Returns: nil when its equations have no solution.
  package func fit(_ router: ConversionRecipe.Router) -> FittedRouter? {
    switch router {
    case .energy, .auto, .fixed:
      return FittedRouter(name: .energy, centroids: nil, quality: quality(nil))
    case .centroid: return judged(.centroid, CentroidRouterFit().fit(self))
    case .ridge: return judged(.ridge, RidgeRouterFit().fit(self))
    }
  }

  private func judged(
    _ name: ConversionRecipe.Router, _ candidates: [(DoubleMatrix, [Double])]
  ) -> FittedRouter? {
    candidates.map { weight, bias in
      FittedRouter(
        name: name, centroids: (weight, bias),
        quality: quality(scores(heldOutInputs.view, weight: weight, bias: bias).view))
    }.max { $0.quality.capturedEnergy < $1.quality.capturedEnergy }
  }
}

/// One way to fit Φ and b. Several candidates are judged on held-out tokens.
protocol RouterFit: Sendable {
  func fit(_ task: RouterTask) -> [(weight: DoubleMatrix, bias: [Double])]
}

extension SubDimensionEnergies {
  /// u_ti: each sub-dimension's share of its token's energy, [tokens, N].
  func shares() -> SharedMatrix {
    let result = SharedMatrix(rowCount: tokenCount, columnCount: count)
    for token in 0..<tokenCount {
      let row = view.rows(token..<token + 1).elements()
      let total = max(row.reduce(0, +), .leastNormalMagnitude)
      for (index, energy) in row.enumerated() { result.view[token, index] = energy / total }
    }
    return result
  }
}

/// Means of columns.
func columnMeans(_ x: MatrixView) -> [Double] {
  columnSums(x).map { $0 / Double(max(x.rowCount, 1)) }
}

/// A copy of `x` without its columns' means.
func centred(_ x: MatrixView, means: [Double]) -> SharedMatrix {
  let result = SharedMatrix(rowCount: x.rowCount, columnCount: x.columnCount)
  let shift = SharedMatrix(rowCount: 1, columnCount: x.columnCount)
  for index in means.indices { shift.view[0, index] = Float(-means[index]) }
  copy(x, into: result.view)
  Elementwise.fastest.addBias(shift.view, to: result.view)
  return result
}
