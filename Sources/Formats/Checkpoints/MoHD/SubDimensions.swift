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

  /// Whose gates the balance loss evens.
  public enum BalanceOver: String, Sendable, Codable, CaseIterable {
    /// Those of specialised sub-dimensions, so that nothing is gained by moving weight to the shared.
    case specialised
    /// All of them, as Eq. 13 is printed.
    case all
  }

  /// N, equal parts that the hidden dimensions are cut into.
  public var count: Int
  /// d_e, entries of each; nil is d / N. See `width(hiddenSize:)`.
  public var size: Int?
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
  /// divides the hidden size where there is one.
  public var fusionBlockCount: Int
  public var inputBasis: InputBasis
  /// Whether each inactive sub-dimension adds a bias to the input projections (ours).
  public var hasInactiveBias: Bool
  /// Rank of the path from inactive entries to the input projections; 0: none (ours).
  public var lowRank: Int
  /// β of Eq. 13.
  public var balanceWeight: Double
  public var balanceOver: BalanceOver

  /// - Parameters:
  ///   - size: d_e; nil is d / N.
  ///   - fusionBlockCount: nil is `count`, as in Table 3.
  public init(
    count: Int, size: Int? = nil, sharedCount: Int, activeCount: Int, router: Router = .centroid,
    gate: Gate = .softmax, gateAt: GatePlace = .output, scaling: Scaling = .paper,
    sparseSide: SparseSide = .both, fusion: Fusion = .none, fusionBlockCount: Int? = nil,
    inputBasis: InputBasis = .none, hasInactiveBias: Bool = false, lowRank: Int = 0,
    balanceWeight: Double = 0.01, balanceOver: BalanceOver = .specialised
  ) {
    self.count = count
    self.size = size
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
    self.balanceOver = balanceOver
  }

  /// The sub-dimensions that the balance loss looks at.
  public var balanced: Range<Int> { (balanceOver == .all ? 0 : sharedCount)..<count }

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
    let most = size == nil ? hiddenSize : ModelConfiguration.Bound.size
    try check(.count, count, 1...max(1, most))
    if let size { try check(.size, size, 1...max(1, most / count)) }
    try check(.activeCount, activeCount, 1...count)
    try check(.sharedCount, sharedCount, 0...activeCount)
    try check(.lowRank, lowRank, 0...max(0, hiddenSize))
    func checkDivisor(_ key: SettingsKey, _ value: Int) throws(ConfigurationError) {
      guard hiddenSize % value == 0 else {
        throw .inconsistent(
          path: path,
          reason: "\(place).\(key.rawValue): expected a divisor of the hidden size "
            + "(\(hiddenSize)), found \(value)")
      }
    }
    if cutsOutputs(hiddenSize: hiddenSize) { try checkDivisor(.count, count) }
    let width = width(hiddenSize: hiddenSize)
    if fusion != .none || inputBasis == .monarch || width == hiddenSize {
      try check(.fusionBlockCount, fusionBlockCount, 1...max(1, hiddenSize))
      try checkDivisor(.fusionBlockCount, fusionBlockCount)
    }
    guard width == hiddenSize || inputBasis == .dense else {
      throw .inconsistent(
        path: path,
        reason: "\(place).\(SettingsKey.size.rawValue): expected \(count) × it to be the hidden "
          + "size (\(hiddenSize)), found a width of \(width), which needs "
          + "\"\(SettingsKey.inputBasis.rawValue)\": \"dense\"")
    }
    guard balanceWeight.isFinite, balanceWeight >= 0 else {
      throw .outOfRange(
        path: path, field: "\(place).\(SettingsKey.balanceWeight.rawValue)",
        found: "\(balanceWeight)", expected: "a finite number of at least 0")
    }
  }
}

// MARK: - Widths

extension SubDimensions {
  /// d_e, entries of a sub-dimension at the component's input.
  public func size(hiddenSize: Int) -> Int { size ?? hiddenSize / count }

  /// D = N · d_e, the width of the space that the component's input is cut in.
  ///
  /// It is d, unless an input basis, [D, d], leads to less (a static choice that holds only what it
  /// uses) or to more (sub-dimensions that overlap). Input projections are [m, D].
  public func width(hiddenSize: Int) -> Int { count * size(hiddenSize: hiddenSize) }

  /// Whether W_out holds those rows alone that a choice of everything in less than d uses:
  /// `dimension_order` then says which entries of the output they are, and the others are 0.
  public func keepsUsedOutputs(hiddenSize: Int) -> Bool {
    sparseSide == .both && activeCount == count && width(hiddenSize: hiddenSize) < hiddenSize
  }

  /// Rows of W_out.
  public func outputWidth(hiddenSize: Int) -> Int {
    keepsUsedOutputs(hiddenSize: hiddenSize) ? width(hiddenSize: hiddenSize) : hiddenSize
  }

  /// Rows of W_out that a token uses.
  public func activeOutputs(hiddenSize: Int) -> Int {
    if sparseSide == .input { return hiddenSize }
    return keepsUsedOutputs(hiddenSize: hiddenSize)
      ? width(hiddenSize: hiddenSize) : activeCount * (hiddenSize / count)
  }

  /// Whether the d outputs are cut into N parts; with a width of its own the input is not.
  private func cutsOutputs(hiddenSize: Int) -> Bool {
    size == nil || sparseSide == .both && !keepsUsedOutputs(hiddenSize: hiddenSize)
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
    try box.encodeIfPresent(size, forKey: .size)
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
    if balanceOver != .specialised { try box.encode(balanceOver, forKey: .balanceOver) }
  }
}
