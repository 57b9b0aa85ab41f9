import Checkpoints
import Kernels
import Tensors

/// What a router decides for each token: which sub-dimensions are active, and what they weigh.
///
///     A_t = the S shared ones and the K − S largest scores of the rest     (Eq. 12)
///     g_i = s_i if i is in A_t, else 0; 1 and 0 with unit gates            (Eq. 7)
///     α = N·G, N/G, K/G or 1, with G = Σ g_i                               (Section 4.2)
///
/// Of equal scores the lower index is chosen. If G = 0 (the energy of an input of zeros), α = 1.
/// Whoever has a capture's router scores can decide again: no second tap is needed.
public struct Routing: Sendable {
  public let settings: SubDimensions
  /// s, [tokens, N].
  public let scores: MatrixView
  /// 1 where a sub-dimension is active, else 0: [tokens, N].
  public let active: MatrixView
  /// g, [tokens, N].
  public let gates: MatrixView
  /// α, [tokens, 1].
  public let alpha: MatrixView

  /// Room for the decisions of `tokenCount` tokens.
  init(settings: SubDimensions, tokenCount: Int) {
    self.init(
      settings: settings, tokenCount: tokenCount,
      storage: Matrix(rowCount: tokenCount, columnCount: 3 * settings.count + 1).view)
  }

  /// - Parameter storage: at least tokenCount · (3 N + 1) elements, contiguous.
  init(settings: SubDimensions, tokenCount: Int, storage: MatrixView) {
    // Four matrices below each other in one block, each contiguous.
    let count = settings.count
    let block = storage.reshaped(rowCount: 1, columnCount: tokenCount * (3 * count + 1))
    func part(_ index: Int, width: Int) -> MatrixView {
      let start = index * tokenCount * count
      return block.columns(start..<start + tokenCount * width)
        .reshaped(rowCount: tokenCount, columnCount: width)
    }
    self.settings = settings
    scores = part(0, width: count)
    active = part(1, width: count)
    gates = part(2, width: count)
    alpha = part(3, width: 1)
  }

  /// Room for decisions about scores that lie elsewhere, [tokens, N].
  init(settings: SubDimensions, tokenCount: Int, scores: MatrixView) {
    let own = Routing(settings: settings, tokenCount: tokenCount)
    self.init(
      settings: settings, scores: scores, active: own.active, gates: own.gates, alpha: own.alpha)
  }

  /// Decides by scores that are known already, those of a capture for example.
  ///
  /// - Parameter scores: [tokens, N], row by row.
  public init(settings: SubDimensions, scores: [Float]) {
    precondition(
      settings.count > 0 && scores.count % settings.count == 0, "scores must be whole rows")
    self.init(settings: settings, tokenCount: scores.count / settings.count)
    self.scores.copyElements(from: scores)
    decide()
  }

  private init(
    settings: SubDimensions, scores: MatrixView, active: MatrixView, gates: MatrixView,
    alpha: MatrixView
  ) {
    self.settings = settings
    self.scores = scores
    self.active = active
    self.gates = gates
    self.alpha = alpha
  }

  public var tokenCount: Int { scores.rowCount }

  /// The decisions for some of the tokens.
  public func rows(_ range: Range<Int>) -> Routing {
    Routing(
      settings: settings, scores: scores.rows(range), active: active.rows(range),
      gates: gates.rows(range), alpha: alpha.rows(range))
  }

  /// Active sub-dimensions of one token, ascending.
  public func activeSet(token: Int) -> [Int] {
    (0..<settings.count).filter { active[token, $0] != 0 }
  }

  /// Chooses by `scores`, and fills the rest.
  func decide() {
    SubDimensionKernels.fastest.choose(
      scores, sharedCount: settings.sharedCount, activeCount: settings.activeCount, into: active)
    weigh()
  }

  /// Gates and α of `active`, whoever chose it.
  func weigh() {
    let count = settings.count
    if settings.gate == .unit {
      copy(active, into: gates)
      for token in 0..<tokenCount { alpha[token, 0] = 1 }
      return
    }
    for token in 0..<tokenCount {
      var total: Float = 0
      var activeCount = 0
      for i in 0..<count {
        let gate = active[token, i] == 0 ? 0 : scores[token, i]
        gates[token, i] = gate
        total += gate
        activeCount += active[token, i] == 0 ? 0 : 1
      }
      alpha[token, 0] =
        total == 0
        ? 1 : settings.scaling.factor(settings, total: total, activeCount: activeCount)
    }
  }

  /// The balance loss of these tokens, β included (Eq. 13); over specialised i = S…N − 1, or all:
  ///
  ///     β Σ_i mean_t(g_ti / G_t) · f_i
  ///
  /// f_i is the share of tokens whose largest gate of these is i; of equal gates the lower
  /// index. A token with G_t = 0 has shares of 0. No tokens: 0.
  public func balanceLoss() -> Double {
    let judged = settings.balanced
    guard tokenCount > 0, let first = judged.first else { return 0 }
    var shares = [Double](repeating: 0, count: settings.count)
    var wins = shares
    for token in 0..<tokenCount {
      var total = 0.0
      for i in 0..<settings.count { total += Double(gates[token, i]) }
      var winner = first
      for i in judged {
        if total != 0 { shares[i] += Double(gates[token, i]) / total }
        if gates[token, i] > gates[token, winner] { winner = i }
      }
      wins[winner] += 1
    }
    let square = Double(tokenCount) * Double(tokenCount)
    return settings.balanceWeight
      * judged.reduce(0) { $0 + shares[$1] * wins[$1] } / square
  }
}

extension SubDimensions.Scaling {
  /// α for softmax gates that sum to `total`, which is not 0.
  fileprivate func factor(_ settings: SubDimensions, total: Float, activeCount: Int) -> Float {
    switch self {
    case .paper: Float(settings.count) * total
    case .unitSum: Float(settings.count) / total
    case .unitMean: Float(activeCount) / total
    case .none: 1
    }
  }
}
