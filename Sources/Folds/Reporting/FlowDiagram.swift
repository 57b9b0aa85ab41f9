/// A flow along a line of stations: where each value comes from, and how large it is.
///
/// Drawn like a railway map (stations from top to bottom, branches as side tracks, additions as
/// junctions) beside one number per station on a logarithmic scale around 100 %.
public struct FlowDiagram: Codable, Sendable, Equatable {
  /// What a station is; decides its symbol and colour.
  public enum NodeKind: String, Codable, Sendable {
    /// On the main line.
    case stream
    /// On the main line, where a branch is added back.
    case junction
    /// Enters a branch.
    case input
    /// Within a branch.
    case inside
    /// Leaves a branch.
    case output
  }

  /// One station.
  public struct Node: Codable, Sendable, Equatable {
    public var id: String
    public var label: String
    public var kind: NodeKind
    /// Track on which it stands: 0 is the main line, 1… lie to its right.
    public var track: Int
    /// Size relative to the reference, as a fraction (1 is 100 %); NaN when not measured.
    public var value: Double
    /// Smallest and largest over the repetitions (layers), when there are several.
    public var low: Double?
    public var high: Double?

    public init(
      id: String, label: String, kind: NodeKind, track: Int, value: Double, low: Double? = nil,
      high: Double? = nil
    ) {
      self.id = id
      self.label = label
      self.kind = kind
      self.track = track
      self.value = value
      self.low = low
      self.high = high
    }
  }

  /// One piece of track between two stations.
  public struct Edge: Codable, Sendable, Equatable {
    public var from: String
    public var to: String

    public init(_ from: String, _ to: String) {
      self.from = from
      self.to = to
    }
  }

  /// Stations from top to bottom.
  public var nodes: [Node]
  public var edges: [Edge]
  /// Title of the number axis ("mean |x| relative to attention_input").
  public var valueTitle: String
  /// What `low` and `high` span ("range over 30 layers"); empty without them.
  public var rangeTitle: String

  public init(nodes: [Node], edges: [Edge], valueTitle: String, rangeTitle: String = "") {
    self.nodes = nodes
    self.edges = edges
    self.valueTitle = valueTitle
    self.rangeTitle = rangeTitle
  }

  /// The plan of a pre-norm transformer block with gated feed-forward network (Fig. 4 of the MoHD
  /// paper), with the numbers that `value` has; stations it does not know are drawn empty.
  ///
  /// - Parameter value: size, and smallest and largest over layers, of a station by its name
  ///   (`residual_pre`, `attention_input`, `query`, …); nil when not measured.
  public static func transformerBlock(
    valueTitle: String, rangeTitle: String = "",
    value: (String) -> (value: Double, low: Double?, high: Double?)?
  ) -> FlowDiagram {
    let stations: [(String, NodeKind, Int)] = [
      ("residual_pre", .stream, 0), ("attention_input", .input, 1), ("query", .inside, 1),
      ("key", .inside, 2), ("value", .inside, 3), ("attention_heads", .inside, 1),
      ("attention_output", .output, 1), ("residual_mid", .junction, 0), ("ffn_input", .input, 1),
      ("ffn_gate", .inside, 1), ("ffn_up", .inside, 2), ("ffn_hidden", .inside, 1),
      ("ffn_output", .output, 1), ("residual_post", .junction, 0),
    ]
    let nodes = stations.map { name, kind, track in
      let found = value(name)
      return Node(
        id: name, label: name, kind: kind, track: track, value: found?.value ?? .nan,
        low: found?.low, high: found?.high)
    }
    let edges = [
      Edge("residual_pre", "residual_mid"), Edge("residual_mid", "residual_post"),
      Edge("residual_pre", "attention_input"), Edge("attention_input", "query"),
      Edge("attention_input", "key"), Edge("attention_input", "value"),
      Edge("query", "attention_heads"), Edge("key", "attention_heads"),
      Edge("value", "attention_heads"), Edge("attention_heads", "attention_output"),
      Edge("attention_output", "residual_mid"), Edge("residual_mid", "ffn_input"),
      Edge("ffn_input", "ffn_gate"), Edge("ffn_input", "ffn_up"), Edge("ffn_gate", "ffn_hidden"),
      Edge("ffn_up", "ffn_hidden"), Edge("ffn_hidden", "ffn_output"),
      Edge("ffn_output", "residual_post"),
    ]
    return FlowDiagram(
      nodes: nodes, edges: edges, valueTitle: valueTitle, rangeTitle: rangeTitle)
  }
}
