import Files
import Foundation

extension EmbeddedVocabulary {
  /// The same vocabulary as the files that Hugging Face's tokenizers read: `tokenizer.json` and
  /// `tokenizer_config.json`, by name.
  ///
  /// - Returns: nil for a vocabulary that is not byte-level BPE: a SentencePiece model's merges
  ///   cannot be told from its scores alone.
  public func huggingFaceFiles() throws -> [String: [UInt8]]? {
    if let huggingFaceJSON {
      return ["tokenizer.json": huggingFaceJSON, "tokenizer_config.json": try configuration()]
    }
    guard model == "gpt2", let merges else { return nil }
    var vocabulary: [String: Int] = [:]
    var added: [JSONValue] = []
    for (id, bytes) in tokens.enumerated() {
      let text = String(decoding: bytes, as: UTF8.self)
      vocabulary[text] = id
      let type = tokenTypes?[id] ?? 1
      guard type == 3 || type == 4 else { continue }
      added.append(
        .object([
          "id": .integer(id), "content": .text(text), "single_word": .boolean(false),
          "lstrip": .boolean(false), "rstrip": .boolean(false), "normalized": .boolean(false),
          "special": .boolean(type == 3),
        ]))
    }
    let byteLevel = JSONValue.object([
      "type": .text("ByteLevel"), "add_prefix_space": .boolean(false),
      "trim_offsets": .boolean(true), "use_regex": .boolean(false),
    ])
    // Two spellings that Swift takes for one would lose a token.
    guard vocabulary.count == tokens.count, let splits else { return nil }
    let file = JSONValue.object([
      "version": .text("1.0"), "truncation": .null, "padding": .null,
      "added_tokens": .list(added),
      "normalizer": pre == "qwen2" ? .object(["type": .text("NFC")]) : .null,
      "pre_tokenizer": .object([
        "type": .text("Sequence"), "pretokenizers": .list(splits + [byteLevel]),
      ]),
      "post_processor": addsBeginning ? beginning() : byteLevel,
      "decoder": byteLevel,
      "model": .object([
        "type": .text("BPE"), "dropout": .null, "unk_token": .null,
        "continuing_subword_prefix": .null, "end_of_word_suffix": .null,
        "fuse_unk": .boolean(false), "byte_fallback": .boolean(false),
        "ignore_merges": .boolean(isLlama3),
        "vocab": .object(vocabulary.mapValues { .integer($0) }),
        "merges": .list(merges.map { .text(String(decoding: $0, as: UTF8.self)) }),
      ]),
    ])
    return [
      "tokenizer.json": try JSONText.encode(file), "tokenizer_config.json": try configuration(),
    ]
  }

  private var isLlama3: Bool { ["llama-bpe", "llama3", "llama-v3"].contains(pre ?? "") }
  private var addsBeginning: Bool { bosID != nil && (addsBOS ?? isLlama3) }

  private func text(_ id: Int?) -> JSONValue {
    guard let id, tokens.indices.contains(id) else { return .null }
    return .text(String(decoding: tokens[id], as: UTF8.self))
  }

  private func configuration() throws -> [UInt8] {
    try JSONText.encode(
      JSONValue.object([
        "tokenizer_class": .text("PreTrainedTokenizerFast"), "bos_token": text(bosID),
        "eos_token": text(eosID), "unk_token": text(unknownID),
        "add_bos_token": .boolean(addsBeginning), "clean_up_tokenization_spaces": .boolean(false),
      ]))
  }

  /// BOS before the text, as a template.
  private func beginning() -> JSONValue {
    let token = text(bosID)
    let special = JSONValue.object([
      "SpecialToken": .object(["id": token, "type_id": .integer(0)])
    ])
    func sequence(_ name: String, _ type: Int) -> JSONValue {
      .object(["Sequence": .object(["id": .text(name), "type_id": .integer(type)])])
    }
    guard case .text(let name) = token else { return .null }
    return .object([
      "type": .text("TemplateProcessing"), "single": .list([special, sequence("A", 0)]),
      "pair": .list([special, sequence("A", 0), special, sequence("B", 1)]),
      "special_tokens": .object([
        name: .object([
          "id": token, "ids": .list([.integer(bosID ?? 0)]), "tokens": .list([token]),
        ])
      ]),
    ])
  }

  /// The pre-tokeniser's steps before bytes become characters.
  private var splits: [JSONValue]? {
    func pattern(_ text: String) -> JSONValue {
      .object([
        "type": .text("Split"), "pattern": .object(["Regex": .text(text)]),
        "behavior": .text("Isolated"), "invert": .boolean(false),
      ])
    }
    let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    let tail = #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    let gpt2 = pattern(
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#)
    switch pre {
    case nil, "default", "gpt-2": return [gpt2]
    case "smollm", "starcoder", "refact", "command-r", "codeshell":
      return [.object(["type": .text("Digits"), "individual_digits": .boolean(true)]), gpt2]
    case "qwen2":
      return [pattern(contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"# + tail)]
    case "llama-bpe", "llama3", "llama-v3":
      return [pattern(contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"# + tail)]
    default: return nil
    }
  }
}

/// A JSON value of any shape, to write.
private indirect enum JSONValue: Encodable {
  case null
  case boolean(Bool)
  case integer(Int)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  func encode(to encoder: any Encoder) throws {
    switch self {
    case .list(let items):
      var box = encoder.unkeyedContainer()
      for item in items { try box.encode(item) }
    case .object(let members):
      var box = encoder.container(keyedBy: Key.self)
      for (name, value) in members { try box.encode(value, forKey: Key(stringValue: name)) }
    case .null:
      var box = encoder.singleValueContainer()
      try box.encodeNil()
    case .boolean(let value):
      var box = encoder.singleValueContainer()
      try box.encode(value)
    case .integer(let value):
      var box = encoder.singleValueContainer()
      try box.encode(value)
    case .text(let value):
      var box = encoder.singleValueContainer()
      try box.encode(value)
    }
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }
}
