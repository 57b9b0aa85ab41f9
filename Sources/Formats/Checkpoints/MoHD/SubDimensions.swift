/// How one component (the attention or the FFN of one layer) of a MoHD model uses its hidden
/// dimensions: cut into N sub-dimensions of which S are always active and K − S are chosen.
///
/// It is coded as the object C of `"mohd": {"attention": C, "ffn": C}` in config.json; what a file
/// leaves out has the value that `configuration_mohd.py` gives it.
/// Source: MoHD (arXiv 2412.05644), Section 4; values marked "ours" are not the paper's.
public struct SubDimensions: Sendable, Equatable {
  /// Where the scores of sub-dimensions come from.
  public enum Router: String, Sendable, Codable, CaseIterable {
    /// softmax(Φ a + b) (Eqs. 6, 11).
    case centroid
    /// Energy of each sub-dimension's contribution, without parameters (ours).
    case energy
  }

  /// How much active sub-dimensions weigh.
  public enum Gate: String, Sendable, Codable, CaseIterable {
    /// Their scores.
    case softmax
    /// 1 (ours).
    case unit
  }

  /// What gates multiply.
  public enum GatePlace: String, Sendable, Codable, CaseIterable {
    /// The component's output (Eq. 10).
    case output
    /// The inputs of its projections too (Eqs. 14–16).
    case everyProjection = "every_projection"
  }

  /// α of Section 4.2, with G = Σ g.
  public enum Scaling: String, Sendable, Codable, CaseIterable {
    /// N·G, as printed.
    case paper
    /// N / G: the weights sum to N.
    case unitSum = "unit_sum"
    /// K / G: the active weights average 1.
    case unitMean = "unit_mean"
    /// 1.
    case none
  }

  /// Which sides of the component use the active set.
  public enum SparseSide: String, Sendable, Codable, CaseIterable {
    /// Its inputs; outputs are whole and carry no gate (ours).
    case input
    /// Its inputs and its outputs.
    case both
  }

  /// M of Eq. 9, which mixes output entries in the order of the sub-dimensions.
  public enum Fusion: String, Sendable, Codable, CaseIterable {
    case none
    case blockDiagonal = "block_diagonal"
    case monarch
  }

  /// The transform of the component's input before it is cut (ours).
  public enum InputBasis: String, Sendable, Codable, CaseIterable {
    case none, dense, monarch
  }

  /// N, equal parts that the hidden dimensions are cut into; divides the hidden size.
  public var count: Int
  /// S: sub-dimensions 0..<S are active for every token.
  public var sharedCount: Int
  /// K, how many are active for a token, the shared ones included.
  public var activeCount: Int
  public var router: Router
  public var gate: Gate
  public var gateAt: GatePlace
  public var scaling: Scaling
  public var sparseSide: SparseSide
  public var fusion: Fusion
  /// r, blocks of R in every Monarch or block-diagonal matrix of the component, fusion and basis;
  /// divides the hidden size.
  public var fusionBlockCount: Int
  public var inputBasis: InputBasis
  /// Whether each inactive sub-dimension adds a bias to the input projections (ours).
  public var hasInactiveBias: Bool
  /// Rank of the path from inactive entries to the input projections; 0: none (ours).
  public var lowRank: Int
  /// β of Eq. 13.
  public var balanceWeight: Double

  /// - Parameter fusionBlockCount: nil is `count`, as in Table 3.
  public init(
    count: Int, sharedCount: Int, activeCount: Int, router: Router = .centroid,
    gate: Gate = .softmax, gateAt: GatePlace = .output, scaling: Scaling = .paper,
    sparseSide: SparseSide = .both, fusion: Fusion = .none, fusionBlockCount: Int? = nil,
    inputBasis: InputBasis = .none, hasInactiveBias: Bool = false, lowRank: Int = 0,
    balanceWeight: Double = 0.01
  ) {
    self.count = count
    self.sharedCount = sharedCount
    self.activeCount = activeCount
    self.router = router
    self.gate = gate
    self.gateAt = gateAt
    self.scaling = scaling
    self.sparseSide = sparseSide
    self.fusion = fusion
    self.fusionBlockCount = fusionBlockCount ?? count
    self.inputBasis = inputBasis
    self.hasInactiveBias = hasInactiveBias
    self.lowRank = lowRank
    self.balanceWeight = balanceWeight
  }

  /// Whether every token has the same active set: all are shared, or all active.
  public var isStatic: Bool { activeCount == sharedCount || activeCount == count }

  /// Checks the settings against each other and the hidden size.
  ///
  /// - Parameters:
  ///   - path: names the file, or the command, in errors.
  ///   - place: names the component in errors: `mohd.attention`, `mohd.ffn[3]`.
  /// - Throws: `ConfigurationError` when a number is out of range or does not divide.
  package func validate(
    hiddenSize: Int, path: String, place: String
  ) throws(ConfigurationError) {
    func check(
      _ key: SettingsKey, _ value: Int, _ range: ClosedRange<Int>
    ) throws(ConfigurationError) {
      guard range.contains(value) else {
        throw .outOfRange(
          path: path, field: "\(place).\(key.rawValue)", found: "\(value)",
          expected: "an integer in \(range.lowerBound)…\(range.upperBound)")
      }
    }
    try check(.count, count, 1...max(1, hiddenSize))
    try check(.activeCount, activeCount, 1...count)
    try check(.sharedCount, sharedCount, 0...activeCount)
    try check(.fusionBlockCount, fusionBlockCount, 1...max(1, hiddenSize))
    try check(.lowRank, lowRank, 0...max(0, hiddenSize))
    for (key, value) in [
      (SettingsKey.count, count), (.fusionBlockCount, fusionBlockCount),
    ] where hiddenSize % value != 0 {
      throw .inconsistent(
        path: path,
        reason: "\(place).\(key.rawValue): expected a divisor of the hidden size "
          + "(\(hiddenSize)), found \(value)")
    }
    guard balanceWeight.isFinite, balanceWeight >= 0 else {
      throw .outOfRange(
        path: path, field: "\(place).\(SettingsKey.balanceWeight.rawValue)",
        found: "\(balanceWeight)", expected: "a finite number of at least 0")
    }
  }
}

// MARK: - Codable

extension SubDimensions: Codable {
  typealias SettingsKey = StoredSubDimensions.CodingKeys

  public init(from decoder: any Decoder) throws {
    let place = decoder.codingPath.map(\.stringValue).joined(separator: ".")
    try self.init(
      StoredSubDimensions(from: decoder), path: "config.json",
      place: place.isEmpty ? "mohd" : place)
  }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: SettingsKey.self)
    try box.encode(count, forKey: .count)
    try box.encode(sharedCount, forKey: .sharedCount)
    try box.encode(activeCount, forKey: .activeCount)
    try box.encode(router, forKey: .router)
    try box.encode(gate, forKey: .gate)
    try box.encode(gateAt, forKey: .gateAt)
    try box.encode(scaling, forKey: .scaling)
    try box.encode(sparseSide, forKey: .sparseSide)
    try box.encode(fusion, forKey: .fusion)
    try box.encode(fusionBlockCount, forKey: .fusionBlockCount)
    try box.encode(inputBasis, forKey: .inputBasis)
    try box.encode(hasInactiveBias, forKey: .hasInactiveBias)
    try box.encode(lowRank, forKey: .lowRank)
    try box.encode(balanceWeight, forKey: .balanceWeight)
  }
}
