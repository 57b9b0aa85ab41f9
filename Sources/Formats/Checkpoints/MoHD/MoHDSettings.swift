/// The two components of a block that have sub-dimensions of their own; raw values are the keys of
/// config.json's `mohd`.
public enum MoHDComponent: String, Sendable, Codable, CaseIterable {
  case attention, ffn
}

/// What makes a model MoHD: each layer's sub-dimensions, of attention and of FFN.
///
/// It is coded as config.json's `mohd`: `{"attention": C, "ffn": C}`, where C is one object where all
/// layers are equal, and a list of one for each layer where they are not.
public struct MoHDSettings: Sendable, Equatable {
  /// One entry for each layer.
  public var attention: [SubDimensions]
  /// One entry for each layer.
  public var ffn: [SubDimensions]

  /// - Parameters:
  ///   - attention, ffn: one entry for each layer.
  public init(attention: [SubDimensions], ffn: [SubDimensions]) {
    self.attention = attention
    self.ffn = ffn
  }

  /// Equal settings in all layers.
  public init(attention: SubDimensions, ffn: SubDimensions, layerCount: Int) {
    self.attention = Array(repeating: attention, count: layerCount)
    self.ffn = Array(repeating: ffn, count: layerCount)
  }

  /// A column of Table 3 for attention and FFN alike.
  public init(preset: Preset, layerCount: Int) {
    let settings = SubDimensions(preset: preset)
    self.init(attention: settings, ffn: settings, layerCount: layerCount)
  }

  /// The settings of one component, layer by layer.
  public subscript(component: MoHDComponent) -> [SubDimensions] {
    get { component == .attention ? attention : ffn }
    set {
      switch component {
      case .attention: attention = newValue
      case .ffn: ffn = newValue
      }
    }
  }

  /// The columns of Table 3.
  ///
  /// Its 75 % column prints 4 of 12, which is not 75 %: it is 9 of 12 here.
  public enum Preset: String, Sendable, Codable, CaseIterable {
    case half = "50%"
    case threeQuarters = "75%"
    case twofold = "x2"
    case threefold = "x3"
    case fourfold = "x4"

    /// Sub-dimensions that are active, and that there are.
    public var counts: (active: Int, all: Int) {
      switch self {
      case .half, .twofold: (4, 8)
      case .threeQuarters: (9, 12)
      case .threefold: (4, 12)
      case .fourfold: (4, 16)
      }
    }

    /// The same of a hidden size: where 12 does not divide it, three quarters are 6 of 8.
    public func counts(hiddenSize: Int) -> (active: Int, all: Int) {
      self == .threeQuarters && hiddenSize % counts.all != 0 ? (6, 8) : counts
    }
  }

  /// - Throws: `ConfigurationError` when a list is not as long as there are layers, or a setting is
  ///   wrong.
  package func validate(
    hiddenSize: Int, layerCount: Int, path: String
  ) throws(ConfigurationError) {
    for component in MoHDComponent.allCases {
      let layers = self[component]
      let place = "mohd.\(component.rawValue)"
      guard layers.count == layerCount else {
        throw .inconsistent(
          path: path,
          reason: "\(place): expected one entry for each of \(layerCount) layers, "
            + "found \(layers.count)")
      }
      if layers.allSatisfy({ $0 == layers[0] }) {
        try layers[0].validate(hiddenSize: hiddenSize, path: path, place: place)
      } else {
        for (layer, settings) in layers.enumerated() {
          try settings.validate(hiddenSize: hiddenSize, path: path, place: "\(place)[\(layer)]")
        }
      }
    }
  }
}

extension SubDimensions {
  /// A column of Table 3: three shared sub-dimensions, Monarch fusion of N blocks.
  public init(preset: MoHDSettings.Preset) {
    let (active, all) = preset.counts
    self.init(count: all, sharedCount: 3, activeCount: active, fusion: .monarch)
  }
}

// MARK: - Coding

/// config.json's `mohd`, nothing judged yet.
struct StoredMoHDSettings: Decodable, Equatable {
  let attention: Layers
  let ffn: Layers
  /// Keys that mean nothing here, sorted.
  let unknownKeys: [String]

  init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: AnyKey.self)
    attention = try box.decode(Layers.self, forKey: AnyKey(stringValue: "attention"))
    ffn = try box.decode(Layers.self, forKey: AnyKey(stringValue: "ffn"))
    unknownKeys = box.allKeys.map(\.stringValue)
      .filter { MoHDComponent(rawValue: $0) == nil }.sorted()
  }

  /// One object for all layers, or one for each.
  enum Layers: Decodable, Equatable {
    case all(StoredSubDimensions)
    case each([StoredSubDimensions])

    init(from decoder: any Decoder) throws {
      if (try? decoder.unkeyedContainer()) != nil {
        self = .each(try [StoredSubDimensions](from: decoder))
      } else {
        self = .all(try StoredSubDimensions(from: decoder))
      }
    }
  }
}

extension MoHDSettings: Encodable {
  init(
    _ stored: StoredMoHDSettings, hiddenSize: Int, layerCount: Int, path: String
  ) throws(ConfigurationError) {
    guard stored.unknownKeys.isEmpty else {
      throw .unsupported(
        path: path, field: "mohd", found: "key " + stored.unknownKeys.joined(separator: ", "),
        supported: MoHDComponent.allCases.map(\.rawValue))
    }
    /// A size that is d / N anyhow is left out, so that equal settings are equal.
    func settings(
      _ stored: StoredSubDimensions, _ place: String
    ) throws(ConfigurationError) -> SubDimensions {
      var settings = try SubDimensions(stored, path: path, place: place)
      if let size = settings.size, hiddenSize.isMultiple(of: size),
        hiddenSize / max(size, 1) == settings.count
      {
        settings.size = nil
      }
      return settings
    }
    func layers(
      _ stored: StoredMoHDSettings.Layers, _ component: MoHDComponent
    ) throws(ConfigurationError) -> [SubDimensions] {
      let place = "mohd.\(component.rawValue)"
      switch stored {
      case .all(let one):
        return Array(
          repeating: try settings(one, place), count: layerCount)
      case .each(let list):
        var result: [SubDimensions] = []
        for (layer, entry) in list.enumerated() {
          result.append(try settings(entry, "\(place)[\(layer)]"))
        }
        return result
      }
    }
    self.init(
      attention: try layers(stored.attention, .attention), ffn: try layers(stored.ffn, .ffn))
  }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: AnyKey.self)
    for component in MoHDComponent.allCases {
      let layers = self[component]
      let key = AnyKey(stringValue: component.rawValue)
      if let first = layers.first, layers.allSatisfy({ $0 == first }) {
        try box.encode(first, forKey: key)
      } else {
        try box.encode(layers, forKey: key)
      }
    }
  }
}
