import Checkpoints
import Files
import Foundation
import Testing

@Suite("ModelConfiguration")
struct ModelConfigurationTests {
  static func read(_ json: String) throws -> ModelConfiguration {
    try ModelConfiguration(json: Array(json.utf8), path: "config.json")
  }

  @Test("absent fields are what transformers makes them")
  func defaults() throws {
    let llama = try Self.read(#"{"model_type": "llama"}"#)
    #expect(llama.hiddenSize == 4096 && llama.intermediateSize == 11_008)
    #expect(llama.layerCount == 32 && llama.headCount == 32 && llama.keyValueHeadCount == 32)
    #expect(llama.headSize == 128 && llama.vocabularySize == 32_000)
    #expect(llama.normEpsilon == 1e-6 && llama.ropeTheta == 10_000)
    #expect(llama.contextLength == 2048 && llama.ropeScaling == .none)
    #expect(!llama.tiesWordEmbeddings && !llama.queryKeyValueBias && !llama.mlpBias)
    #expect(llama.slidingWindow == nil && llama.slidingWindow(layer: 3) == nil)
    #expect(llama.beginOfTextID == nil && llama.endOfTextIDs.isEmpty)

    let mistral = try Self.read(#"{"model_type": "mistral"}"#)
    #expect(mistral.intermediateSize == 14_336 && mistral.keyValueHeadCount == 8)
    #expect(mistral.contextLength == 131_072 && mistral.slidingWindow == 4096)
    #expect(mistral.slidingWindow(layer: 0) == 4096 && !mistral.tiesWordEmbeddings)

    let qwen2 = try Self.read(#"{"model_type": "qwen2"}"#)
    #expect(qwen2.intermediateSize == 22_016 && qwen2.vocabularySize == 151_936)
    #expect(qwen2.contextLength == 32_768 && qwen2.queryKeyValueBias)
    #expect(!qwen2.attentionOutputBias && qwen2.slidingWindow(layer: 31) == nil)
  }

  @Test("a sliding window slides where transformers lets it")
  func windows() throws {
    let none = try Self.read(#"{"model_type": "mistral", "sliding_window": null}"#)
    #expect(none.slidingWindow == nil && none.slidingWindow(layer: 0) == nil)
    let late = try Self.read(
      #"""
      {"model_type": "qwen2", "use_sliding_window": true, "sliding_window": 64,
       "max_window_layers": 30}
      """#)
    #expect(late.slidingWindow(layer: 29) == nil && late.slidingWindow(layer: 30) == 64)
    let typed = try Self.read(
      #"""
      {"model_type": "qwen2", "use_sliding_window": true, "num_hidden_layers": 2,
       "layer_types": ["sliding_attention", "full_attention"]}
      """#)
    #expect(typed.slidingWindow(layer: 0) == 4096 && typed.slidingWindow(layer: 1) == nil)
    let llama = try Self.read(#"{"model_type": "llama", "sliding_window": 7}"#)
    #expect(llama.slidingWindow == nil)
  }

  @Test("rotary scaling is read from both generations of fields")
  func rope() throws {
    let old = try Self.read(
      #"""
      {"model_type": "llama", "rope_theta": 500000.0, "torch_dtype": "bfloat16",
       "max_position_embeddings": 131072, "rope_scaling": {"type": "llama3", "factor": 8.0,
       "low_freq_factor": 1, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}
      """#)
    let new = try Self.read(
      #"""
      {"model_type": "llama", "dtype": "bfloat16", "max_position_embeddings": 131072,
       "rope_parameters": {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
       "low_freq_factor": 1, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}}
      """#)
    #expect(old == new && old.ropeTheta == 500_000)
    #expect(
      old.ropeScaling
        == .llama3(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192))
    let linear = try Self.read(
      #"{"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 4}}"#)
    #expect(linear.ropeScaling == .linear(factor: 4))
    let empty = try Self.read(#"{"model_type": "llama", "rope_scaling": {}}"#)
    #expect(empty.ropeScaling == .none)
    let missing = try Self.read(
      #"""
      {"model_type": "llama", "max_position_embeddings": 99, "rope_scaling": {"rope_type":
       "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}}
      """#)
    #expect(
      missing.ropeScaling
        == .llama3(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 99))
  }

  @Test("writing and reading again changes nothing")
  func roundTrip() throws {
    var all = try ["llama-f32", "llama-bf16.gguf", "qwen2-f16"].map {
      try Checkpoint.open(Fixtures.path($0)).configuration
    }
    all.append(try Self.read(#"{"model_type": "mistral", "head_dim": 64}"#))
    all.append(try Self.read(#"{"model_type": "mistral", "sliding_window": null}"#))
    all.append(
      try Self.read(
        #"""
        {"model_type": "qwen2", "use_sliding_window": true, "max_window_layers": 3,
         "rope_scaling": {"rope_type": "linear", "factor": 2.5}, "eos_token_id": [5, 6]}
        """#))
    for configuration in all {
      let bytes = try JSONText.encode(configuration)
      let again = try JSONDecoder().decode(ModelConfiguration.self, from: Data(bytes))
      #expect(again == configuration)
      #expect(try JSONText.encode(again) == bytes)
    }
  }

  @Test(
    "what is not supported is refused with the list of what is",
    arguments: [
      (#"{}"#, "llama, mistral, qwen2"),
      (#"{"model_type": "gpt2"}"#, "llama, mistral, qwen2"),
      (#"{"model_type": "llama", "hidden_act": "gelu"}"#, "silu"),
      (#"{"model_type": "llama", "rope_scaling": {"type": "yarn", "factor": 2}}"#, "llama3"),
      (#"{"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 2}}"#, "linear"),
      (#"{"model_type": "llama", "partial_rotary_factor": 0.5}"#, "1"),
      (#"{"model_type": "llama", "quantization_config": {"bits": 4}}"#, "GGUF"),
      (#"{"model_type": "qwen2", "layer_types": ["chunked_attention"]}"#, "full_attention"),
      (
        #"{"model_type": "mistral", "layer_types": ["full_attention", "sliding_attention"]}"#,
        "sliding_window"
      ),
      (#"{"model_type": "llama", "rope_parameters": {"full_attention": {}}}"#, "one entry"),
    ])
  func unsupported(json: String, supported: String) {
    do {
      _ = try Self.read(json)
      Issue.record("accepted")
    } catch let error as ConfigurationError {
      guard case .unsupported = error else {
        Issue.record("\(error)")
        return
      }
      #expect(error.description.contains("supported: "))
      #expect(error.description.contains(supported))
      #expect(error.exitStatus == .badInput)
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test(
    "numbers that cannot be are refused",
    arguments: [
      #""hidden_size": 0"#, #""hidden_size": -4096"#, #""hidden_size": 9223372036854775807"#,
      #""hidden_size": 4097"#, #""num_attention_heads": 0"#, #""num_attention_heads": -1"#,
      #""num_attention_heads": 33"#, #""num_key_value_heads": 5"#, #""num_key_value_heads": 0"#,
      #""num_hidden_layers": 0"#, #""num_hidden_layers": 1000000000000"#, #""head_dim": 3"#,
      #""head_dim": 0"#, #""head_dim": 16777216"#, #""vocab_size": -1"#, #""vocab_size": 1e30"#,
      #""intermediate_size": 99999999999"#, #""rms_norm_eps": -1"#, #""rms_norm_eps": 1e400"#,
      #""rope_theta": 0"#, #""rope_theta": 1e300"#, #""max_position_embeddings": 0"#,
      #""rope_scaling": {"type": "linear"}"#, #""rope_scaling": {"type": "linear", "factor": 0}"#,
      #""rope_scaling": {"rope_type": "llama3", "factor": 8}"#,
      #"""
      "rope_scaling": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4,
       "high_freq_factor": 4}
      """#,
      #""rms_norm_eps": NaN"#, #""rope_theta": Infinity"#, #""rope_theta": -Infinity"#,
      #""hidden_size": "4096""#, #""hidden_size": 40.5"#, #""hidden_size": null, "a": ["#,
      #""bos_token_id": -5"#, #""eos_token_id": "x""#, #""rope_scaling": 3"#,
    ])
  func outOfRange(field: String) {
    do {
      _ = try Self.read("{\"model_type\": \"llama\", \(field)}")
      Issue.record("accepted")
    } catch let error as any ReportableError {
      #expect(error.exitStatus == .badInput)
      #expect(error.description.hasPrefix("config.json: "))
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test("a NaN inside a text is a text")
  func notANumberInText() throws {
    _ = try Self.read(#"{"model_type": "llama", "_name_or_path": "NaN \" Infinity \\"}"#)
    #expect(throws: JSONError.self) { try Self.read(#"{"model_type": "llama", "x": [NaN]}"#) }
  }
}
