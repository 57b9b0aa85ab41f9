import Checkpoints
import Kernels
import Tensors

/// What a batch's routing costs beside the cross entropy (Eq. 13, and the z-loss), and what it looks
/// like.
struct RouterLoss: Sendable {
  let penalty: RouterPenalty
  let summary: RouterSummary

  /// - Parameters:
  ///   - routing: of all tokens of the step.
  ///   - logSums: log Σ exp of the logits, [tokens, 1], where there is a z-loss.
  init(_ routing: Routing, logSums: MatrixView?, zWeight: Double) {
    let settings = routing.settings
    let (count, tokens) = (settings.count, routing.tokenCount)
    // i over which the loss looks; the first is the winner of a token without gates.
    let judged = settings.balanced
    var (shares, wins) = (
      [Double](repeating: 0, count: count), [Double](repeating: 0, count: count)
    )
    var (load, gates) = (wins, wins)
    var (least, greatest, sum) = (Double.infinity, -Double.infinity, 0.0)
    for token in 0..<tokens {
      var total = 0.0
      for i in 0..<count {
        let gate = Double(routing.gates[token, i])
        total += gate
        gates[i] += gate
        load[i] += Double(routing.active[token, i])
      }
      let alpha = Double(routing.alpha[token, 0])
      (least, greatest, sum) = (min(least, alpha), max(greatest, alpha), sum + alpha)
      guard var winner = judged.first else { continue }
      for i in judged {
        if total != 0 { shares[i] += Double(routing.gates[token, i]) / total }
        if routing.gates[token, i] > routing.gates[token, winner] { winner = i }
      }
      wins[winner] += 1
    }
    let n = Double(max(tokens, 1))
    let frequencies = wins.map { $0 / n }
    let balance =
      settings.balanceWeight
      * judged.reduce(0) { $0 + shares[$1] / n * frequencies[$1] }
    var z = 0.0
    if let logSums {
      for token in 0..<tokens { z += Double(logSums[token, 0]) * Double(logSums[token, 0]) }
    }
    penalty = RouterPenalty(
      shares: Matrix(
        rowCount: 1, columnCount: count, elements: frequencies.map { Float($0) }
      ).view, balance: Float(settings.balanceWeight / n), z: Float(zWeight / n))
    summary = RouterSummary(
      balanceLoss: balance, zLoss: zWeight * z / n, load: load.map { $0 / n },
      meanGates: gates.map { $0 / n }, alpha: (least, sum / n, greatest))
  }
}

/// One router over the tokens of a step.
public struct RouterSummary: Sendable {
  /// β included.
  public let balanceLoss: Double
  public let zLoss: Double
  /// The share of tokens for which each sub-dimension is active, [N].
  public let load: [Double]
  /// [N].
  public let meanGates: [Double]
  public let alpha: (least: Double, mean: Double, greatest: Double)
}

/// The loss of one batch, in nats.
public struct StepLosses: Sendable {
  /// −log of the next token's probability at each row; NaN where none is scored.
  public let rows: [Double]
  /// Layer by layer, attention and FFN; empty in a dense model.
  public let routers: [[RouterSummary]]

  public var scoredCount: Int { rows.count { !$0.isNaN } }
  /// Summed in the batch's order.
  public var crossEntropySum: Double { rows.reduce(0) { $1.isNaN ? $0 : $0 + $1 } }
  /// Mean over the scored tokens; NaN where there are none.
  public var crossEntropy: Double { crossEntropySum / Double(scoredCount) }
  public var balanceLoss: Double { routers.joined().reduce(0) { $0 + $1.balanceLoss } }
  public var zLoss: Double { routers.joined().reduce(0) { $0 + $1.zLoss } }
  /// What training minimises.
  public var total: Double { crossEntropy + balanceLoss + zLoss }
}
