import Checkpoints
import Files
import Foundation
import Testing

@Suite("Checkpoint")
struct CheckpointTests {
  @Test(
    "every format gives the same llama",
    arguments: [
      "llama-f32", "llama-f32/model.safetensors", "llama-bf16-sharded",
      "llama-bf16-sharded/model.safetensors.index.json", "llama-bf16.gguf",
      "llama-split-00001-of-00003.gguf", "llama-split-00003-of-00003.gguf",
    ])
  func llama(name: String) throws {
    try compare(Checkpoint.open(Fixtures.path(name)), with: Fixtures.expected().llama)
  }

  @Test("every format gives the same qwen2", arguments: ["qwen2-f16", "qwen2-f16.gguf"])
  func qwen2(name: String) throws {
    try compare(Checkpoint.open(Fixtures.path(name)), with: Fixtures.expected().qwen2)
  }

  /// Every weight of the table against the digest of the generator's tensor.
  private func compare(_ checkpoint: Checkpoint, with expected: [String: String]) throws {
    var count = 0
    for row in LlamaWeights.all where row.isPresent(in: checkpoint.configuration) {
      let layers: [Int?] =
        row.role.isPerLayer ? (0..<checkpoint.configuration.layerCount).map { $0 } : [nil]
      for layer in layers {
        let weight = try #require(checkpoint.weight(row.role, layer: layer))
        let name = row.name(in: .safetensors, layer: layer)
        #expect(weight.digest() == expected[name], "\(name)")
        #expect(weight.digest(baseOnly: true) == expected[name], "\(name), base kernels")
        count += 1
      }
    }
    #expect(count == expected.count)
  }

  @Test("a tied head is the embedding")
  func tiedHead() throws {
    for name in ["qwen2-f16", "qwen2-f16.gguf"] {
      let checkpoint = try Checkpoint.open(Fixtures.path(name))
      let head = try #require(checkpoint.weight(.outputProjection))
      let embedding = try #require(checkpoint.weight(.tokenEmbedding))
      #expect(checkpoint.configuration.tiesWordEmbeddings)
      #expect(head.name == embedding.name)
      #expect(head.widened() == embedding.widened())
    }
  }

  @Test("a head beside tied embeddings is used, as transformers uses it when the two differ")
  func headBesideTiedEmbeddings() throws {
    let folder = try TemporaryFolder()
    try folder.copy("llama-f32", as: "model")
    let text = String(decoding: try Fixtures.bytes("llama-f32/config.json"), as: UTF8.self)
    try folder.write(
      text.replacingOccurrences(of: "embeddings\": false", with: "embeddings\": true"),
      "model/config.json")
    let checkpoint = try Checkpoint.open(folder.path + "/model")
    #expect(!checkpoint.configuration.tiesWordEmbeddings && checkpoint.head == .own)
    #expect(checkpoint.weight(.outputProjection)?.name == "lm_head.weight")
  }

  @Test("tied embeddings may be stored as the head alone, as transformers reads them")
  func headInPlaceOfTiedEmbeddings() throws {
    let folder = try TemporaryFolder()
    try folder.copy("qwen2-f16", as: "model")
    let bytes = try Fixtures.bytes("qwen2-f16/model.safetensors")
    for name in ["lm_head.weight", "lm_heap.weight"] {
      // Spaces keep the header's length.
      let (old, new) = (Array("\"model.embed_tokens.weight\"".utf8), Array("\"\(name)\"".utf8))
      let place = try #require(bytes.firstRange(of: old))
      var changed = bytes
      changed.replaceSubrange(
        place, with: new + [UInt8](repeating: 32, count: old.count - new.count))
      try folder.write(changed, "model/model.safetensors")
      guard name == "lm_head.weight" else {
        #expect(throws: CheckpointError.self) { try Checkpoint.open(folder.path + "/model") }
        continue
      }
      let checkpoint = try Checkpoint.open(folder.path + "/model")
      let whole = try Checkpoint.open(Fixtures.path("qwen2-f16"))
      #expect(checkpoint.ignoredTensors.isEmpty)
      for role in [WeightRole.tokenEmbedding, .outputProjection] {
        #expect(checkpoint.weight(role)?.widened() == whole.weight(role)?.widened())
      }
    }
  }

  @Test("GGUF gives the configuration that config.json gives, rotary scaling as factors")
  func configurations() throws {
    var safetensors = try Checkpoint.open(Fixtures.path("llama-f32")).configuration
    let gguf = try Checkpoint.open(Fixtures.path("llama-bf16.gguf")).configuration
    #expect(gguf.ropeScaling == .frequencyFactors(try Fixtures.expected().ropeFactors))
    #expect(
      safetensors.ropeScaling
        == .llama3(
          factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 64))
    safetensors.ropeScaling = gguf.ropeScaling
    #expect(safetensors == gguf)
    var qwen2 = try Checkpoint.open(Fixtures.path("qwen2-f16")).configuration
    #expect(qwen2.endOfTextIDs == [2, 3])
    qwen2.endOfTextIDs = [2]
    #expect(try qwen2 == Checkpoint.open(Fixtures.path("qwen2-f16.gguf")).configuration)
  }

  @Test("the digest of one file is its own, of several that of their digests")
  func digest() throws {
    let one = try Checkpoint.open(Fixtures.path("llama-bf16.gguf"))
    #expect(try one.sha256() == SHA256.hash(Fixtures.bytes("llama-bf16.gguf")))
    let several = try Checkpoint.open(Fixtures.path("llama-bf16-sharded"))
    let names = ["config.json"] + (1...3).map { "model-0000\($0)-of-00003.safetensors" }
    let lines = try names.map {
      SHA256.hash(try Fixtures.bytes("llama-bf16-sharded/" + $0)) + "\n"
    }
    var hashed = 0
    #expect(several.sha256 { hashed += $0 } == SHA256.hash(Array(lines.joined().utf8)))
    #expect(hashed == several.files.reduce(0) { $0 + $1.byteCount })
    #expect(several.files.map { DurableFile.split($0.path).name } == names)
  }

  @Test("tensors, parameters, folder and format are told")
  func description() throws {
    let checkpoint = try Checkpoint.open(Fixtures.path("llama-f32/"))
    #expect(checkpoint.format == .safetensors && checkpoint.gguf == nil)
    #expect(checkpoint.folder == Fixtures.path("llama-f32"))
    #expect(checkpoint.ignoredTensors.isEmpty)
    #expect(checkpoint.parameterCount == checkpoint.tensors.reduce(0) { $0 + $1.elementCount })
    let gguf = try Checkpoint.open(Fixtures.path("llama-bf16.gguf"))
    #expect(gguf.parameterCount == checkpoint.parameterCount)
    #expect(gguf.ignoredTensors == ["rope_freqs.weight"])
    let file = try #require(gguf.gguf)
    #expect(try file.strings("tokenizer.ggml.tokens")?.count == 32)
    #expect(
      try file.byteStrings("tokenizer.ggml.merges") == [Array("a b".utf8), Array("ab c".utf8)])
    #expect(try file.integers("tokenizer.ggml.token_type") == Array(repeating: 1, count: 32))
    #expect(try file.string("tokenizer.ggml.model") == "gpt2")
    #expect(try file.string("absent") == nil)
    #expect(throws: GGUFError.self) { try file.string("tokenizer.ggml.tokens") }
  }
}
