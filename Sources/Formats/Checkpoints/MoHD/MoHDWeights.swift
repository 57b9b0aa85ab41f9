/// What MoHD adds to one component's weights, by what it does.
public enum MoHDRole: String, Sendable, CaseIterable, Codable {
  /// o, the order of entries in which sub-dimensions are runs: integers, see `dimensionOrder`.
  case dimensionOrder
  /// Φ, the centroids (Eq. 6), and their bias (ours).
  case routerWeight, routerBias
  /// n, the norms of the joined input projections' columns that an energy router goes by (ours): a
  /// buffer, no parameter, taken when weights are published.
  case routerNorms
  /// One factor for each sub-dimension's input (ours).
  case scale
  /// B, dense (ours).
  case basis
  /// The factors L and R of a Monarch basis (ours).
  case basisLeft, basisRight
  /// The factors L and R of Eq. 9's M.
  case fusionLeft, fusionRight
  /// What each inactive sub-dimension adds to the projections (ours).
  case inactiveBias
  /// The low-rank path from inactive entries, down and up (ours).
  case lowRankDown, lowRankUp
}

/// One row of the table: a weight of a MoHD component, its name, its shape, and who has it.
public struct MoHDWeightDescription: Sendable {
  public let role: MoHDRole
  /// The name's end, after `….self_attn.mohd.` or `….mlp.mohd.`.
  public let suffix: String
  /// Sides, outermost first.
  public let sides: [Side]
  /// Whether a component with these settings has it.
  public let presence: @Sendable (SubDimensions) -> Presence

  /// Sizes that shapes are made of.
  public enum Side: Sendable {
    /// d.
    case hidden
    /// D, N · d_e.
    case width
    /// N.
    case subDimensions
    /// m, the joined width of the component's input projections: q | k | v, or gate | up.
    case projections
    /// r, and d / r, of Monarch matrices.
    case blocks, blockSize
    case lowRank
  }

  public enum Presence: Sendable {
    /// Without it the checkpoint is incomplete.
    case required
    /// Without it nothing changes.
    case optional
    /// It is ignored.
    case absent
  }

  /// The tensor's whole name in a Hugging Face checkpoint.
  public func name(_ component: MoHDComponent, layer: Int) -> String {
    let part = component == .attention ? "self_attn" : "mlp"
    return "model.layers.\(layer).\(part).mohd.\(suffix)"
  }

  /// Sizes, outermost first.
  public func shape(
    _ component: MoHDComponent, _ settings: SubDimensions, in configuration: ModelConfiguration
  ) -> [Int] {
    sides.map { side in
      switch side {
      case .hidden: configuration.hiddenSize
      case .width: settings.width(hiddenSize: configuration.hiddenSize)
      case .subDimensions: settings.count
      case .projections: configuration.projectionWidth(component)
      case .blocks: settings.fusionBlockCount
      case .blockSize: configuration.hiddenSize / settings.fusionBlockCount
      case .lowRank: settings.lowRank
      }
    }
  }
}

extension ModelConfiguration {
  /// m, the joined width of a component's input projections: q | k | v, or gate | up.
  public func projectionWidth(_ component: MoHDComponent) -> Int {
    component == .attention ? queryWidth + 2 * keyValueWidth : 2 * intermediateSize
  }
}

extension WeightDescription {
  /// Sizes, outermost first, of a layer's weight: those of a component's projections follow its
  /// sub-dimensions.
  public func shape(in configuration: ModelConfiguration, layer: Int?) -> [Int] {
    var shape = shape(in: configuration)
    guard let mohd = configuration.mohd, let layer else { return shape }
    for component in MoHDComponent.allCases {
      let (settings, hiddenSize) = (mohd[component][layer], configuration.hiddenSize)
      if component.inputRoles.contains(role) { shape[1] = settings.width(hiddenSize: hiddenSize) }
      if component.outputRoles.contains(role) {
        shape[0] = settings.outputWidth(hiddenSize: hiddenSize)
      }
    }
    return shape
  }
}

extension MoHDComponent {
  /// The projections that read the hidden dimensions, in the order in which they are joined.
  public var inputRoles: [WeightRole] {
    self == .attention
      ? [.queryProjection, .keyProjection, .valueProjection] : [.gateProjection, .upProjection]
  }

  /// The projection that writes them, and its bias.
  public var outputRoles: [WeightRole] {
    self == .attention
      ? [.attentionOutputProjection, .attentionOutputBias] : [.downProjection, .downBias]
  }
}

/// The table of all weights that MoHD adds to a component; names as in modeling_mohd.py.
public enum MoHDWeights {
  public static let all: [MoHDWeightDescription] = [
    .init(.dimensionOrder, "dimension_order", [.width]) { _ in .optional },
    .init(.routerWeight, "router.weight", [.subDimensions, .hidden]) {
      $0.router == .centroid ? .required : .absent
    },
    .init(.routerBias, "router.bias", [.subDimensions]) {
      $0.router == .centroid ? .optional : .absent
    },
    .init(.routerNorms, "router.norms", [.width]) {
      $0.router == .energy ? .optional : .absent
    },
    .init(.scale, "scale", [.subDimensions]) { _ in .optional },
    .init(.basis, "basis", [.width, .hidden]) { required($0.inputBasis == .dense) },
    .init(.basisLeft, "basis.left", [.blockSize, .blocks, .blocks]) {
      required($0.inputBasis == .monarch)
    },
    .init(.basisRight, "basis.right", [.blocks, .blockSize, .blockSize]) {
      required($0.inputBasis == .monarch)
    },
    .init(.fusionLeft, "fusion.left", [.blockSize, .blocks, .blocks]) {
      required($0.fusion == .monarch)
    },
    .init(.fusionRight, "fusion.right", [.blocks, .blockSize, .blockSize]) {
      required($0.fusion != .none)
    },
    .init(.inactiveBias, "inactive_bias", [.subDimensions, .projections]) {
      required($0.hasInactiveBias)
    },
    .init(.lowRankDown, "low_rank.a", [.lowRank, .width]) { required($0.lowRank > 0) },
    .init(.lowRankUp, "low_rank.b", [.projections, .lowRank]) { required($0.lowRank > 0) },
  ]

  private static func required(_ holds: Bool) -> MoHDWeightDescription.Presence {
    holds ? .required : .absent
  }
}

extension MoHDWeightDescription {
  fileprivate init(
    _ role: MoHDRole, _ suffix: String, _ sides: [Side],
    presence: @escaping @Sendable (SubDimensions) -> Presence
  ) {
    self.role = role
    self.suffix = suffix
    self.sides = sides
    self.presence = presence
  }
}
