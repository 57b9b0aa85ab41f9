import Checkpoints
import Files
import Tokenizers

extension LoadedModel {
  /// Everything from which transformers reads a tokenizer, or knows what to generate with.
  private static let fileNames = [
    "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
  ]
  private static let generationFile = "generation_config.json"

  /// The files, by name, from which transformers reads the tokenizer that was used: those beside the
  /// weights, what a GGUF's vocabulary says, or those that `--tokenizer` named.
  ///
  /// - Parameter terminal: told what the files cannot say.
  public func tokenizerFiles(on terminal: Terminal) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]]
    if let path = tokenizerPath {
      files =
        Folder.kind(of: path) == .folder
        ? try Self.files(in: path) : try Self.file(path, on: terminal)
    } else if let gguf = checkpoint.gguf {
      files = try EmbeddedVocabulary(gguf).huggingFaceFiles()
      try compare(files["tokenizer.json"] ?? [], on: terminal)
    } else {
      files = try Self.files(in: checkpoint.folder)
    }
    if files["tokenizer.json"] != nil, files["tokenizer_config.json"] == nil {
      files["tokenizer_config.json"] = tokenizer.plainConfiguration
    }
    // What ends a text is the model's own, whatever the tokenizer.
    if let gguf = checkpoint.gguf {
      files[Self.generationFile] = try EmbeddedVocabulary(gguf).generationConfiguration
    } else {
      files[Self.generationFile] = try Self.bytes(checkpoint.folder + "/" + Self.generationFile)
    }
    return files
  }

  private static func files(in folder: String) throws -> [String: [UInt8]] {
    var files: [String: [UInt8]] = [:]
    for name in fileNames { files[name] = try bytes(folder + "/" + name) }
    return files
  }

  /// One file, under the name by which it is found.
  private static func file(_ path: String, on terminal: Terminal) throws -> [String: [UInt8]] {
    guard let bytes = try bytes(path) else { return [:] }
    if ForeignFile(firstBytes: bytes)?.kind == .jsonObject { return ["tokenizer.json": bytes] }
    terminal.print(
      "note: a tokenizer.model alone does not say which of its tokens a text may spell: "
        + "transformers finds <s> and the like in the converted folder, this run did not; "
        + "name a folder with its tokenizer_config.json")
    return [
      "tokenizer.model": bytes, "tokenizer_config.json": Tokenizer.plainPieceConfiguration,
    ]
  }

  private static func bytes(_ path: String) throws -> [UInt8]? {
    guard Folder.kind(of: path) == .file else { return nil }
    return try MappedFile(path: path).copyBytes()
  }

  /// Says where a tokenizer.json made from a vocabulary gives other ids than the vocabulary.
  private func compare(_ json: [UInt8], on terminal: Terminal) throws {
    var vocabulary = EmbeddedVocabulary(model: "gpt2", tokens: [])
    vocabulary.huggingFaceJSON = json
    let written = try Tokenizer(vocabulary: vocabulary)
    // All tokens in a row, cut into lines: each stands beside others as in no text.
    let width = 16
    var (lineCount, differing) = (0, 0)
    for start in stride(from: 0, to: tokenizer.vocabularySize, by: width) {
      let ids = (start..<min(start + width, tokenizer.vocabularySize)).map { Int32($0) }
      let line = ids.flatMap { tokenizer.decode([$0]) + ($0 % 3 == 0 ? [0x20] : []) }
      lineCount += 1
      if written.encode(line) != tokenizer.encode(line) { differing += 1 }
    }
    if differing > 0 {
      terminal.print(
        "warning: the folder's tokenizer.json gives other ids than the GGUF's vocabulary for "
          + "\(differing) of \(lineCount) lines of all its tokens; copy the original model's "
          + "tokenizer files there")
    }
  }
}
