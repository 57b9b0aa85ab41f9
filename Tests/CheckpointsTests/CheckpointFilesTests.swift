import Checkpoints
import Files
import Foundation
import Testing

/// Finding a checkpoint, and what is said when there is none or a wrong one.
@Suite("CheckpointFiles")
struct CheckpointFilesTests {
  private func open(_ path: String, _ environment: [String: String] = [:]) throws -> Checkpoint {
    try Checkpoint(path, environment: environment)
  }

  private func refuses(
    _ path: String, _ label: String, _ status: Files.ExitStatus = .badInput, _ text: String = "",
    environment: [String: String] = [:]
  ) {
    do {
      _ = try open(path, environment)
      Issue.record("opened")
    } catch let error as any ReportableError {
      #expect(Mirror(reflecting: error).children.first?.label == label, "\(error)")
      #expect(error.exitStatus == status)
      #expect(text.isEmpty || error.description.contains(text), "\(error)")
    } catch {
      Issue.record("\(error)")
    }
  }

  @Test("a hub id is found in the cache, through links, by branch, tag and commit")
  func hub() throws {
    let cache = try TemporaryFolder()
    let commit = "0123456789abcdef0123456789abcdef01234567"
    let repository = "models--org--pico"
    try cache.write(commit + "\n", "\(repository)/refs/main")
    try cache.write(commit, "\(repository)/refs/pr/1")
    try cache.copy("llama-f32", as: "shared")
    for name in ["config.json", "model.safetensors"] {
      let link = "\(repository)/snapshots/\(commit)/\(name)"
      try cache.write("", link)
      try FileManager.default.removeItem(atPath: cache.path + "/" + link)
      try FileManager.default.createSymbolicLink(
        atPath: cache.path + "/" + link, withDestinationPath: "../../../shared/\(name)")
    }
    let environment = ["HF_HUB_CACHE": cache.path, "HF_HOME": "/nowhere"]
    for name in ["org/pico", "org/pico@main", "org/pico@refs/pr/1", "org/pico@\(commit)"] {
      if name.contains("refs/pr") {
        refuses(name, "notInCache", .missingInput, environment: environment)
      } else {
        #expect(try open(name, environment).configuration.layerCount == 2)
      }
    }
    #expect(try open("org/pico@pr/1", environment).configuration.layerCount == 2)
    refuses(
      "org/pico@v2", "notInCache", .missingInput, "hf download org/pico --revision v2",
      environment: environment)
    refuses(
      "org/other", "notInCache", .missingInput, "hf download org/other", environment: environment)
    refuses("org/pico@../main", "invalidRevision", environment: environment)
    try cache.write("../../etc", "\(repository)/refs/evil")
    refuses("org/pico@evil", "invalidRevision", environment: environment)
    for environment in [
      ["HF_HOME": cache.path + "/home"], ["XDG_CACHE_HOME": cache.path + "/xdg"],
      ["HOME": cache.path],
    ] {
      refuses("org/pico", "notInCache", .missingInput, environment: environment)
    }
  }

  @Test("what is not there is missing: 66")
  func missing() throws {
    refuses("/no/such/model", "notFound", .missingInput)
    refuses("no-such-model", "notFound", .missingInput)
    refuses("./org/name", "notFound", .missingInput)
    let folder = try TemporaryFolder()
    refuses(folder.path, "noWeights", .missingInput)
    try folder.copy("llama-f32/model.safetensors", as: "model.safetensors")
    refuses(folder.path, "missing", .missingInput, "config.json")
    try folder.copy("llama-bf16-sharded", as: "sharded")
    let shard = folder.path + "/sharded/model-00002-of-00003.safetensors"
    try FileManager.default.removeItem(atPath: shard)
    refuses(folder.path + "/sharded", "missing", .missingInput, shard)
    for index in [1, 2] {
      let name = "llama-split-0000\(index)-of-00003.gguf"
      try folder.copy(name, as: "splits-\(name)")
    }
    refuses(
      folder.path + "/splits-llama-split-00001-of-00003.gguf", "missing", .missingInput, "00003")
  }

  @Test("pickled weights are refused with the command that converts them")
  func pickle() throws {
    let folder = try TemporaryFolder()
    try folder.write("{}", "config.json")
    let path = try folder.write("pickle", "pytorch_model.bin")
    refuses(folder.path, "pickle", .badInput, "save_pretrained")
    refuses(path, "pickle", .badInput, "from_pretrained")
    refuses(try folder.write("{}", "pytorch_model.bin.index.json"), "pickle")
    refuses(try folder.write("text", "notes.txt"), "path")
  }

  @Test("a folder with one GGUF file opens it, with several it does not")
  func folders() throws {
    let folder = try TemporaryFolder()
    try folder.copy("llama-bf16.gguf", as: "a.gguf")
    #expect(try open(folder.path + "/").format == .gguf)
    try folder.copy("qwen2-f16.gguf", as: "b.gguf")
    refuses(folder.path, "severalCheckpoints", .badInput, "a.gguf, b.gguf")
    let splits = try TemporaryFolder()
    for index in 1...3 {
      let name = "llama-split-0000\(index)-of-00003.gguf"
      try splits.copy(name, as: name)
    }
    #expect(try open(splits.path).files.count == 3)
  }

  @Test("an index must tell the truth and stay in its folder")
  func index() throws {
    let folder = try TemporaryFolder()
    try folder.copy("llama-bf16-sharded", as: "model")
    let path = folder.path + "/model/model.safetensors.index.json"
    let text = String(decoding: try MappedFile(path: path).copyBytes(), as: UTF8.self)
    func replace(_ old: String, _ new: String) throws {
      try Data(text.replacingOccurrences(of: old, with: new).utf8)
        .write(to: URL(fileURLWithPath: path))
    }
    let entry = "\"model.norm.weight\": \"model-00003-of-00003.safetensors\""
    #expect(text.contains(entry))
    for name in [
      "../model-00003-of-00003.safetensors", "/etc/passwd", "model.bin", ".safetensors", "",
    ] {
      try replace(entry, "\"model.norm.weight\": \"\(name)\"")
      refuses(path, "invalidIndex")
    }
    // transformers looks into all files, whatever the index says of each.
    try replace(entry, "\"model.norm.weight\": \"model-00001-of-00003.safetensors\"")
    #expect(try open(path).warnings.isEmpty)
    try replace(entry, entry + ", \"x\": \"model-00003-of-00003.safetensors\"")
    #expect(try open(path).warnings.first?.contains("1 tensor (x) listed") == true)
    try replace(entry, entry + ", " + entry)
    refuses(path, "duplicateKey")
    try replace("weight_map", "weights")
    refuses(path, "invalidIndex", .badInput, "weight_map")
    try replace(entry, entry)
    try folder.copy(
      "llama-bf16-sharded/model-00001-of-00003.safetensors", as: "copy.safetensors")
    try FileManager.default.moveItem(
      atPath: folder.path + "/copy.safetensors", toPath: folder.path + "/model/copy.safetensors")
    try replace("model-00002-of-00003", "copy")
    refuses(path, "invalidIndex", .badInput, "expected in copy.safetensors")
  }

  @Test("Another file in a checkpoint's place is told by its first bytes, wherever it stands")
  func foreign() throws {
    let folder = try TemporaryFolder()
    let samples = URL(fileURLWithPath: Fixtures.folder).deletingLastPathComponent()
      .appendingPathComponent("foreign").path
    let bytes = try MappedFile(path: samples + "/gitLFSPointer").copyBytes()
    for name in [
      "model.safetensors", "config.json", "model.safetensors.index.json", "m.gguf", "weights",
      "pytorch_model.bin",
    ] {
      let model = "\(name)-model"
      try folder.copy("llama-bf16-sharded", as: model)
      let path = try folder.write(bytes, model + "/" + name)
      let opened =
        name.hasSuffix("index.json") || name == "config.json" ? folder.path + "/" + model : path
      refuses(opened, "path", .badInput, "a Git LFS pointer to 2200119864 bytes")
      refuses(opened, "path", .badInput, "lfs pull --include \(name)")
    }
    let page = try MappedFile(path: samples + "/webPage").copyBytes()
    refuses(try folder.write(page, "page.safetensors"), "path", .badInput, "a web page (HTML)")
    let archive = try MappedFile(path: samples + "/torchArchive").copyBytes()
    refuses(try folder.write(archive, "a b/m.gguf"), "path", .badInput, "save_pretrained(t)\"")
  }

  @Test("A file opens by its first bytes, under the digest that a cache calls it too")
  func blob() throws {
    let folder = try TemporaryFolder()
    try folder.copy("llama-bf16.gguf", as: "sha256-0123")
    #expect(try open(folder.path + "/sha256-0123").format == .gguf)
  }

  @Test("every weight must be there, in its shape and in a type that can be read")
  func weights() throws {
    let folder = try TemporaryFolder()
    try folder.copy("qwen2-f16", as: "model")
    let path = folder.path + "/model"
    let configuration = String(
      decoding: try Fixtures.bytes("qwen2-f16/config.json"), as: UTF8.self)
    func configure(_ old: String, _ new: String) throws {
      #expect(configuration.contains(old))
      try folder.write(configuration.replacingOccurrences(of: old, with: new), "model/config.json")
    }
    try configure("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")
    refuses(path, "missingTensor", .badInput, "model.layers.2.input_layernorm.weight")
    try configure("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1")
    #expect(try open(path).ignoredTensors.count == 12)
    try configure("\"vocab_size\": 32", "\"vocab_size\": 33")
    refuses(path, "wrongShape", .badInput, "expected shape [33, 16], found [32, 16]")
    try configure("\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false")
    #expect(try open(path).head == .none)
    try configure("qwen2\"", "llama\"")
    // A llama of this shape has no biases; transformers leaves such tensors unused.
    let ignored = try open(path).ignoredTensors
    #expect(ignored.count == 6 && ignored.allSatisfy { $0.hasSuffix(".bias") })
    try folder.write(configuration, "model/config.json")
    let bytes = try Fixtures.bytes("qwen2-f16/model.safetensors")
    let integers = String(decoding: bytes.prefix(4096), as: Unicode.ASCII.self)
    #expect(integers.contains("\"F16\""))
    try folder.write(bytes.replacingFirst("\"F16\"", with: "\"I16\""), "model/model.safetensors")
    refuses(path, "unsupportedType", .badInput, "BF16, F64, Q4_0")
  }

  @Test("GGUF's vocabulary and metadata must agree with its tensors")
  func gguf() throws {
    let folder = try TemporaryFolder()
    let bytes = try Fixtures.bytes("llama-bf16.gguf")
    func refuse(_ old: String, _ new: String, _ label: String, _ text: String) throws {
      let path = try folder.write(bytes.replacingFirst(old, with: new), "model.gguf")
      refuses(path, label, .badInput, text)
    }
    func u32(_ value: UInt32) -> String {
      String(decoding: (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }, as: UTF8.self)
    }
    let typed = u32(4)
    let name = "general.architecture" + u32(8) + u32(5) + u32(0)
    try refuse(name + "llama", name + "gpt22", "unsupported", "supported: llama, qwen2")
    try refuse("llama.block_count", "llama.block_countX", "unknownValueType", "")
    try refuse("llama.block_count", "llama.block_counX", "missingKey", "llama.block_count")
    try refuse("blk.0.attn_q.weight", "blk.0.attn_z.weight", "missingTensor", "attn_q")
    try refuse("blk.1.attn_q.bias", "blk.1.attn_z.bias", "missingTensor", "blk.1.attn_q.bias")
    try refuse("rope_freqs.weight", "rope_freqz.weight", "unexpectedTensor", "rope_freqz")
    try refuse(
      "head_count_kv\(typed)\(u32(2))", "head_count_kv\(typed)\(u32(3))", "inconsistent",
      "num_key_value_heads")
    try refuse(
      "head_count_kv\(typed)\(u32(2))", "head_count_kv\(typed)\(u32(4))", "wrongShape", "attn_k")
    try refuse(
      "rope.dimension_count\(typed)\(u32(8))", "rope.dimension_count\(typed)\(u32(4))",
      "unsupported", "rope.dimension_count")
  }

  @Test("a special id beyond the vocabulary is as good as none: weights need no tokenizer")
  func needlessIdentifiers() throws {
    let folder = try TemporaryFolder()
    let bytes = try Fixtures.bytes("llama-bf16.gguf")
    func u32(_ value: UInt32) -> String {
      String(decoding: (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }, as: UTF8.self)
    }
    let key = "bos_token_id\(u32(4))"
    let path = try folder.write(
      bytes.replacingFirst(key + u32(1), with: key + u32(32)), "model.gguf")
    #expect(try Checkpoint.open(Fixtures.path("llama-bf16.gguf")).configuration.beginOfTextID == 1)
    #expect(try Checkpoint.open(path).configuration.beginOfTextID == nil)
  }

  @Test("a quantised GGUF file must name version 2 of the block layouts")
  func quantisationVersion() throws {
    // types.gguf is no model; its metadata end with the version.
    refuses(Fixtures.path("types.gguf"), "missingKey", .badInput, "embedding_length")
  }
}

extension [UInt8] {
  /// The bytes with the first occurrence of a text replaced.
  func replacingFirst(_ old: String, with new: String) -> [UInt8] {
    guard let range = self.firstRange(of: Array(old.utf8)) else { return self }
    var result = self
    result.replaceSubrange(range, with: Array(new.utf8))
    return result
  }
}
