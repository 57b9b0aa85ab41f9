/// How rotary frequencies differ from θ^(−2i/d_h), for i in 0..<d_h/2.
public enum RopeScaling: Sendable, Equatable {
  /// Unchanged.
  case none
  /// Every frequency divided by `factor`: positions squeezed evenly.
  case linear(factor: Double)
  /// Llama 3.1's: long wavelengths divided by `factor`, short ones kept, a smooth step between.
  /// Source: `_compute_llama3_parameters` (transformers, modeling_rope_utils.py).
  case llama3(
    factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
    originalContextLength: Int)
  /// Frequency i divided by entry i; [headSize / 2]. GGUF files carry llama3's scaling so, in the
  /// tensor `rope_freqs.weight`.
  case frequencyFactors([Float])

  /// The names of Hugging Face's `rope_type` that are supported.
  static let supportedNames = ["default", "linear", "llama3"]
}
