import Files
import Tokenizers

extension LoadedModel {
  /// The files, by name, from which transformers reads this model's tokenizer: those beside the
  /// weights, or what a GGUF's vocabulary says.
  ///
  /// - Returns: nil when the GGUF's vocabulary cannot be written as tokenizer.json.
  public func tokenizerFiles() throws -> [String: [UInt8]]? {
    if let gguf = checkpoint.gguf {
      return try EmbeddedVocabulary(gguf).huggingFaceFiles()
    }
    let names = [
      "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
      "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
      "generation_config.json",
    ]
    var files: [String: [UInt8]] = [:]
    for name in names where Folder.kind(of: checkpoint.folder + "/" + name) == .file {
      files[name] = try MappedFile(path: checkpoint.folder + "/" + name).copyBytes()
    }
    return files
  }
}
