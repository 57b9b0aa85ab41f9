import Checkpoints
import Tokenizers

extension EmbeddedVocabulary {
  /// The `tokenizer.*` keys of a GGUF file.
  ///
  /// - Throws: `GGUFError` when a key that decides ids has another type than it should.
  public init(_ gguf: GGUFFile) throws(GGUFError) {
    self.init(
      model: try gguf.string("tokenizer.ggml.model") ?? "(none)",
      pre: try gguf.string("tokenizer.ggml.pre"),
      tokens: try gguf.byteStrings("tokenizer.ggml.tokens") ?? [])
    scores = try gguf.numbers("tokenizer.ggml.scores")?.map { Float($0) }
    tokenTypes = try gguf.integers("tokenizer.ggml.token_type")?.map { Int32(clamping: $0) }
    merges = try gguf.byteStrings("tokenizer.ggml.merges")
    bosID = try gguf.integer("tokenizer.ggml.bos_token_id")
    eosID = try gguf.integer("tokenizer.ggml.eos_token_id")
    unknownID = try gguf.integer("tokenizer.ggml.unknown_token_id")
    addsBOS = try gguf.boolean("tokenizer.ggml.add_bos_token")
    addsEOS = try gguf.boolean("tokenizer.ggml.add_eos_token")
    addsSpacePrefix = try gguf.boolean("tokenizer.ggml.add_space_prefix")
    huggingFaceJSON = try gguf.string("tokenizer.huggingface.json").map { Array($0.utf8) }
    readWhatDecidesNoID(gguf)
  }

  /// What only travels on with the vocabulary: a key of another type is as good as none.
  private mutating func readWhatDecidesNoID(_ gguf: GGUFFile) {
    func text(_ key: String) -> String? { (try? gguf.string(key)) ?? nil }
    func identifier(_ name: String) -> Int? {
      (try? gguf.integer("tokenizer.ggml.\(name)_token_id")) ?? nil
    }
    architecture = text("general.architecture")
    paddingID = identifier("padding")
    // The format's own spelling, and the one that some writers correct it to.
    separatorID = identifier("seperator") ?? identifier("separator")
    maskID = identifier("mask")
    let names = ((try? gguf.strings("tokenizer.chat_templates")) ?? nil) ?? []
    let keys =
      [("default", "tokenizer.chat_template")]
      + names.filter { $0 != "default" }.map { ($0, "tokenizer.chat_template.\($0)") }
    chatTemplates = keys.compactMap { name, key in
      text(key).map { ChatTemplate(name: name, template: $0) }
    }
  }
}
