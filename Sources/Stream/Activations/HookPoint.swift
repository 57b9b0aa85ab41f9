/// A named place in a transformer block where activations are read.
///
/// Raw values are the dataset names of a capture and the keys of JSON results. All values are per
/// token, after the operation they are named for; dimensions are symbols of the configuration: d
/// hidden size, d_ff intermediate size, d_h head size.
public enum HookPoint: String, CaseIterable, Sendable, Codable, Hashable {
  /// x, the block's input: [token, d].
  case residualPre = "residual_pre"
  /// a = RMSNorm(x) with its gain, what enters W_q, W_k and W_v: [token, d].
  case attentionInput = "attention_input"
  /// The scores of the attention's sub-dimensions, MoHD only: [token, N].
  case attentionRouter = "attention_router"
  /// a·W_q (plus bias), before rotary embedding: [token, heads·d_h].
  case query
  /// a·W_k (plus bias), before rotary embedding: [token, key-value heads·d_h].
  case key
  /// a·W_v (plus bias): [token, key-value heads·d_h].
  case value
  /// The heads' outputs side by side, before W_o: [token, heads·d_h].
  case attentionHeads = "attention_heads"
  /// o = heads·W_o (plus bias), before the residual add: [token, d].
  case attentionOutput = "attention_output"
  /// h = x + o: [token, d].
  case residualMid = "residual_mid"
  /// m = RMSNorm(h) with its gain, what enters W_gate and W_up: [token, d].
  case ffnInput = "ffn_input"
  /// The scores of the FFN's sub-dimensions, MoHD only: [token, N].
  case ffnRouter = "ffn_router"
  /// m·W_gate (plus bias), before the activation: [token, d_ff].
  case ffnGate = "ffn_gate"
  /// m·W_up (plus bias): [token, d_ff].
  case ffnUp = "ffn_up"
  /// SiLU(gate)·up: [token, d_ff].
  case ffnHidden = "ffn_hidden"
  /// f = hidden·W_down (plus bias), before the residual add: [token, d].
  case ffnOutput = "ffn_output"
  /// y = h + f: [token, d].
  case residualPost = "residual_post"

  /// The paper's inputs and outputs of Attention and FFN: the default selection.
  public static let standard: [HookPoint] = [
    .attentionInput, .attentionOutput, .ffnInput, .ffnOutput,
  ]

  /// Those of a dense model: all but the routers.
  public static let dense: [HookPoint] = allCases.filter { !$0.isRouter }

  /// Whether only a MoHD model has it.
  public var isRouter: Bool { self == .attentionRouter || self == .ffnRouter }

  /// The space that the values live in: the name of the dataset's last dimension.
  public var space: FeatureSpace {
    switch self {
    case .residualPre, .attentionInput, .attentionOutput, .residualMid, .ffnInput, .ffnOutput,
      .residualPost:
      .hidden
    case .query: .query
    case .key: .key
    case .value: .value
    case .attentionHeads: .heads
    case .ffnGate, .ffnUp, .ffnHidden: .intermediate
    case .attentionRouter: .attentionSubDimension
    case .ffnRouter: .ffnSubDimension
    }
  }
}

/// The vector spaces of a block; raw values are the names of HDF5 dimension scales.
public enum FeatureSpace: String, CaseIterable, Sendable, Codable, Hashable {
  case hidden
  case intermediate
  case query = "query_feature"
  case key = "key_feature"
  case value = "value_feature"
  case heads = "heads_feature"
  case attentionSubDimension = "attention_sub_dimension"
  case ffnSubDimension = "ffn_sub_dimension"
}

/// One hook point of one layer.
public struct ActivationSite: Hashable, Sendable {
  /// 0-based index of the block.
  public let layer: Int
  public let hookPoint: HookPoint

  public init(layer: Int, hookPoint: HookPoint) {
    self.layer = layer
    self.hookPoint = hookPoint
  }
}
