import Activations

/// What other programs call these places; `{i}` stands for the layer. Stored as attributes, so that
/// a reader who knows one vocabulary finds its way in the other.
extension HookPoint {
  /// One line for people and for plots.
  var longName: String {
    switch self {
    case .residualPre: "residual stream before the block"
    case .attentionInput: "input of attention: RMSNorm of the residual stream, with its gain"
    case .attentionRouter: "scores of the attention's sub-dimensions"
    case .query: "queries before rotary embedding"
    case .key: "keys before rotary embedding"
    case .value: "values"
    case .attentionHeads: "outputs of the attention heads side by side, before W_o"
    case .attentionOutput: "output of attention, before the residual add"
    case .residualMid: "residual stream between attention and FFN"
    case .ffnInput: "input of the FFN: RMSNorm of the residual stream, with its gain"
    case .ffnRouter: "scores of the FFN's sub-dimensions"
    case .ffnGate: "gate of the FFN, before the activation function"
    case .ffnUp: "up projection of the FFN"
    case .ffnHidden: "hidden activations of the FFN: activation(gate) times up"
    case .ffnOutput: "output of the FFN, before the residual add"
    case .residualPost: "residual stream after the block"
    }
  }

  /// The hook of TransformerLens that gives the same values.
  var transformerLensName: String {
    switch self {
    case .residualPre: "blocks.{i}.hook_resid_pre"
    case .attentionInput: "blocks.{i}.ln1.hook_normalized, times blocks.{i}.ln1.w"
    case .attentionRouter: "none"
    case .query: "blocks.{i}.attn.hook_q"
    case .key: "blocks.{i}.attn.hook_k"
    case .value: "blocks.{i}.attn.hook_v"
    case .attentionHeads: "blocks.{i}.attn.hook_z"
    case .attentionOutput: "blocks.{i}.hook_attn_out"
    case .residualMid: "blocks.{i}.hook_resid_mid"
    case .ffnInput: "blocks.{i}.ln2.hook_normalized, times blocks.{i}.ln2.w"
    case .ffnRouter: "none"
    case .ffnGate: "blocks.{i}.mlp.hook_pre"
    case .ffnUp: "blocks.{i}.mlp.hook_pre_linear"
    case .ffnHidden: "blocks.{i}.mlp.hook_post"
    case .ffnOutput: "blocks.{i}.hook_mlp_out"
    case .residualPost: "blocks.{i}.hook_resid_post"
    }
  }

  /// The module of a transformers model whose input or output has the same values.
  var transformersName: String {
    let layer = "model.layers.{i}"
    return switch self {
    case .residualPre: layer + " input"
    case .attentionInput: layer + ".self_attn.q_proj input"
    case .attentionRouter: "router_scores[{i}][0] of the output, MoHD only"
    case .query: layer + ".self_attn.q_proj output"
    case .key: layer + ".self_attn.k_proj output"
    case .value: layer + ".self_attn.v_proj output"
    case .attentionHeads: layer + ".self_attn.o_proj input"
    case .attentionOutput: layer + ".self_attn.o_proj output"
    case .residualMid: layer + ".post_attention_layernorm input"
    case .ffnInput: layer + ".mlp.gate_proj input"
    case .ffnRouter: "router_scores[{i}][1] of the output, MoHD only"
    case .ffnGate: layer + ".mlp.gate_proj output"
    case .ffnUp: layer + ".mlp.up_proj output"
    case .ffnHidden: layer + ".mlp.down_proj input"
    case .ffnOutput: layer + ".mlp.down_proj output"
    case .residualPost: layer + " output"
    }
  }
}
