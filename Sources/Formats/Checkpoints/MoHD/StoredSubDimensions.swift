/// One component's settings as config.json has them: nothing judged yet.
struct StoredSubDimensions: Decodable, Equatable {
  var count: Int?
  var size: Int?
  var sharedCount: Int?
  var activeCount: Int?
  /// The settings that are one of several words, by key.
  var words: [String: String] = [:]
  var fusionBlockCount: Int?
  var hasInactiveBias: Bool?
  var lowRank: Int?
  var balanceWeight: Double?
  /// Keys that mean nothing here, sorted.
  var unknownKeys: [String] = []

  enum CodingKeys: String, CodingKey, CaseIterable {
    case count = "sub_dimensions"
    case sharedCount = "shared"
    case activeCount = "top_k"
    case size = "sub_dimension_size"
    case router
    case gate
    case gateAt = "gate_at"
    case scaling
    case sparseSide = "sparse_side"
    case fusion
    case fusionBlockCount = "fusion_blocks"
    case inputBasis = "input_basis"
    case hasInactiveBias = "inactive_bias"
    case lowRank = "low_rank"
    case balanceWeight = "balance_weight"
    case balanceOver = "balance_over"
  }

  init(from decoder: any Decoder) throws {
    let names = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
    unknownKeys = names.filter { CodingKeys(rawValue: $0) == nil }.sorted()
    let box = try decoder.container(keyedBy: CodingKeys.self)
    // Only sizes with a default of their own may be null: elsewhere null is no value, as in Python.
    func value<Value: Decodable>(_ type: Value.Type, _ key: CodingKeys) throws -> Value? {
      box.contains(key) ? try box.decode(type, forKey: key) : nil
    }
    count = try value(Int.self, .count)
    size = try box.decodeIfPresent(Int.self, forKey: .size)
    sharedCount = try value(Int.self, .sharedCount)
    activeCount = try value(Int.self, .activeCount)
    for key in [
      CodingKeys.router, .gate, .gateAt, .scaling, .sparseSide, .fusion, .inputBasis, .balanceOver,
    ] {
      words[key.rawValue] = try value(String.self, key)
    }
    fusionBlockCount = try box.decodeIfPresent(Int.self, forKey: .fusionBlockCount)
    hasInactiveBias = try value(Bool.self, .hasInactiveBias)
    lowRank = try value(Int.self, .lowRank)
    balanceWeight = try value(Double.self, .balanceWeight)
  }
}

/// Any key: to see those that nobody asks for.
struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }
  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

extension SubDimensions {
  /// Gives absent fields their defaults; ranges are left to `validate`.
  ///
  /// - Throws: `ConfigurationError` for unknown keys and words, and for what must not be absent.
  init(
    _ stored: StoredSubDimensions, path: String, place: String
  ) throws(ConfigurationError) {
    guard stored.unknownKeys.isEmpty else {
      throw .unsupported(
        path: path, field: place, found: "key " + stored.unknownKeys.joined(separator: ", "),
        supported: SettingsKey.allCases.map(\.rawValue))
    }
    func required(_ key: SettingsKey, _ value: Int?) throws(ConfigurationError) -> Int {
      guard let value else {
        throw .inconsistent(
          path: path, reason: "\(place).\(key.rawValue): expected an integer, found none")
      }
      return value
    }
    func word<Choice: RawRepresentable & CaseIterable>(
      _ key: SettingsKey, _ standard: Choice
    ) throws(ConfigurationError) -> Choice where Choice.RawValue == String {
      guard let found = stored.words[key.rawValue] else { return standard }
      guard let choice = Choice(rawValue: found) else {
        throw .unsupported(
          path: path, field: "\(place).\(key.rawValue)", found: "\"\(found)\"",
          supported: Choice.allCases.map(\.rawValue))
      }
      return choice
    }
    self.init(
      count: try required(.count, stored.count),
      size: stored.size,
      sharedCount: try required(.sharedCount, stored.sharedCount),
      activeCount: try required(.activeCount, stored.activeCount),
      router: try word(.router, .centroid),
      gate: try word(.gate, .softmax),
      gateAt: try word(.gateAt, .output),
      scaling: try word(.scaling, .paper),
      sparseSide: try word(.sparseSide, .both),
      fusion: try word(.fusion, Fusion.none),
      fusionBlockCount: stored.fusionBlockCount,
      inputBasis: try word(.inputBasis, InputBasis.none),
      hasInactiveBias: stored.hasInactiveBias ?? false,
      lowRank: stored.lowRank ?? 0,
      balanceWeight: stored.balanceWeight ?? 0.01,
      balanceOver: try word(.balanceOver, .specialised))
  }
}
