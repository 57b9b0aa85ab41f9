extension EmbeddedVocabulary {
  /// The same vocabulary as the files that Hugging Face's tokenizers read, tokenizer.json and
  /// tokenizer_config.json, by name.
  ///
  /// A SentencePiece vocabulary's merges are told from its scores, as transformers tells them; where
  /// scores are equal the order is a guess, so that whoever writes the files compares the two.
  /// - Throws: `TokenizerError` when the vocabulary cannot be read.
  public func huggingFaceFiles() throws -> [String: [UInt8]] {
    var added: [AddedToken] = []
    var files: [String: [UInt8]] = [:]
    if let huggingFaceJSON {
      files["tokenizer.json"] = huggingFaceJSON
      added = try TokenizerFile(huggingFaceJSON, file: "tokenizer.huggingface.json").definition()
        .addedTokens
      files["tokenizer_config.json"] = configuration(added).bytes
    } else {
      let checked = try CheckedVocabulary(self, source: "vocabulary in the checkpoint")
      let definition =
        model == "gpt2"
        ? try ByteLevelVocabulary(checked).definition()
        : try PieceVocabulary(checked).definition()
      let writer = HuggingFaceTokenizer(vocabulary: checked.vocabulary, definition: definition)
      files["tokenizer.json"] = try writer.file().bytes
      files["tokenizer_config.json"] =
        checked.vocabulary.configuration(definition.addedTokens).bytes
    }
    return files
  }

  /// generation_config.json: the ids that begin, end and pad; nil when the file names none.
  public var generationConfiguration: [UInt8]? {
    let ids: [(key: [UInt8], value: JSONTree)] = [
      ("bos_token_id", bosID), ("eos_token_id", eosID), ("pad_token_id", paddingID),
    ].compactMap { name, id in
      id.flatMap { tokens.indices.contains($0) ? (Array(name.utf8), .integer($0)) : nil }
    }
    return ids.isEmpty ? nil : JSONTree.object(ids).bytes
  }

  /// tokenizer_config.json: names for special tokens that are found in the text anyway, for to
  /// transformers naming a token means finding it.
  private func configuration(_ added: [AddedToken]) -> JSONTree {
    let byID = Dictionary(added.map { (Int($0.id), $0.content) }, uniquingKeysWith: { a, _ in a })
    var members: [(key: [UInt8], value: JSONTree)] = []
    func add(_ name: String, _ value: JSONTree?) {
      if let value { members.append((Array(name.utf8), value)) }
    }
    add("tokenizer_class", .string("PreTrainedTokenizerFast"))
    for (name, id) in [
      ("bos_token", bosID), ("eos_token", eosID), ("unk_token", unknownID),
      ("sep_token", separatorID), ("pad_token", paddingID), ("mask_token", maskID),
    ] {
      add(name, id.flatMap { byID[$0] }.map { .text($0) })
    }
    add("clean_up_tokenization_spaces", .boolean(false))
    add("model_input_names", .list([.string("input_ids"), .string("attention_mask")]))
    if chatTemplates.count == 1, let only = chatTemplates.first, only.name == "default" {
      add("chat_template", .string(only.template))
    } else if !chatTemplates.isEmpty {
      add(
        "chat_template",
        .list(
          chatTemplates.map {
            .members(["name": .string($0.name), "template": .string($0.template)])
          }))
    }
    return .object(members)
  }
}

/// tokenizer.json of an embedded vocabulary.
struct HuggingFaceTokenizer {
  let vocabulary: EmbeddedVocabulary
  let definition: TokenizerDefinition

  func file() throws(TokenizerError) -> JSONTree {
    var members: [(key: [UInt8], value: JSONTree)] = []
    func add(_ name: String, _ value: JSONTree) { members.append((Array(name.utf8), value)) }
    add("version", .string("1.0"))
    add("truncation", .null)
    add("padding", .null)
    add("added_tokens", .list(definition.addedTokens.map(Self.token)))
    switch definition.model {
    case .bytePairs(let model, let preTokenizer):
      add(
        "normalizer",
        definition.normalizer.steps.isEmpty ? .null : .members(["type": .string("NFC")]))
      add(
        "pre_tokenizer",
        .members([
          "type": .string("Sequence"),
          "pretokenizers": .list(preTokenizer.steps.compactMap(Self.step) + [Self.byteLevel]),
        ]))
      add("post_processor", postProcessor ?? Self.byteLevel)
      add("decoder", Self.byteLevel)
      let merges = (vocabulary.merges ?? []).map { JSONTree.text($0) }
      add(
        "model",
        Self.model(
          vocabulary.tokens, merges, unknown: nil, ignoresMerges: model.ignoresMerges,
          byteFallback: false))
    case .sentencePieces(let model):
      let space = JSONTree.members([
        "type": .string("Replace"), "pattern": .members(["String": .string(" ")]),
        "content": .text(Metaspace.bytes),
      ])
      let prefix = JSONTree.members(["type": .string("Prepend"), "prepend": .text(Metaspace.bytes)])
      let hasPrefix = model.normalizer.addsDummyPrefix
      add(
        "normalizer",
        .members([
          "type": .string("Sequence"), "normalizers": .list(hasPrefix ? [prefix, space] : [space]),
        ]))
      add("pre_tokenizer", .null)
      add("post_processor", postProcessor ?? .null)
      add("decoder", Self.pieceDecoder(dropsSpace: hasPrefix))
      add(
        "model",
        Self.model(
          vocabulary.tokens, model.merges().map { .list([.text($0.left), .text($0.right)]) },
          unknown: model.unknownPiece, ignoresMerges: false, byteFallback: model.hasByteFallback))
    }
    return .object(members)
  }

  private static func token(_ token: AddedToken) -> JSONTree {
    .members([
      "id": .integer(Int(token.id)), "content": .text(token.content),
      "single_word": .boolean(false), "lstrip": .boolean(false), "rstrip": .boolean(false),
      "normalized": .boolean(false), "special": .boolean(token.isSpecial),
    ])
  }

  private static let byteLevel = JSONTree.members([
    "type": .string("ByteLevel"), "add_prefix_space": .boolean(false),
    "trim_offsets": .boolean(true), "use_regex": .boolean(false),
  ])

  private static func step(_ step: PreTokenizer.Step) -> JSONTree? {
    func split(_ pattern: [UInt8]) -> JSONTree {
      .members([
        "type": .string("Split"), "pattern": .members(["Regex": .text(pattern)]),
        "behavior": .string("Isolated"), "invert": .boolean(false),
      ])
    }
    switch step {
    case .digits(let individual):
      return .members([
        "type": .string("Digits"), "individual_digits": .boolean(individual),
      ])
    case .pattern(let pattern): return split(Array(pattern.expression.utf8))
    case .expression(let expression, _, _): return split(expression.pattern)
    case .prefixSpace, .metaspace: return nil
    }
  }

  private static func pieceDecoder(dropsSpace: Bool) -> JSONTree {
    let replace = JSONTree.members([
      "type": .string("Replace"), "pattern": .members(["String": .text(Metaspace.bytes)]),
      "content": .string(" "),
    ])
    let strip = JSONTree.members([
      "type": .string("Strip"), "content": .string(" "), "start": .integer(1), "stop": .integer(0),
    ])
    return .members([
      "type": .string("Sequence"),
      "decoders": .list(
        [
          replace, .members(["type": .string("ByteFallback")]),
          .members(["type": .string("Fuse")]),
        ] + (dropsSpace ? [strip] : [])),
    ])
  }

  private static func model(
    _ tokens: [[UInt8]], _ merges: [JSONTree], unknown: [UInt8]?, ignoresMerges: Bool,
    byteFallback: Bool
  ) -> JSONTree {
    .members([
      "type": .string("BPE"), "dropout": .null,
      "unk_token": unknown.map { .text($0) } ?? .null,
      "continuing_subword_prefix": .null, "end_of_word_suffix": .null,
      "fuse_unk": .boolean(unknown != nil), "byte_fallback": .boolean(byteFallback),
      "ignore_merges": .boolean(ignoresMerges),
      "vocab": .object(
        tokens.enumerated().filter { !$0.element.isEmpty }.map {
          ($0.element, .integer($0.offset))
        }),
      "merges": .list(merges),
    ])
  }

  /// The ids before and after every text, as a template; nil when there are none.
  private var postProcessor: JSONTree? {
    let ids = definition.prefixIDs + definition.suffixIDs
    if ids.isEmpty { return nil }
    func text(_ id: Int32) -> JSONTree { .text(vocabulary.tokens[Int(id)]) }
    func special(_ id: Int32, _ type: Int) -> JSONTree {
      .members(["SpecialToken": .members(["id": text(id), "type_id": .integer(type)])])
    }
    func sequence(_ name: String, _ type: Int) -> [JSONTree] {
      let text = JSONTree.members([
        "Sequence": .members(["id": .string(name), "type_id": .integer(type)])
      ])
      return definition.prefixIDs.map { special($0, type) } + [text]
        + definition.suffixIDs.map { special($0, type) }
    }
    let names = Set(ids).sorted()
    return .members([
      "type": .string("TemplateProcessing"), "single": .list(sequence("A", 0)),
      "pair": .list(sequence("A", 0) + sequence("B", 1)),
      "special_tokens": .object(
        names.map { id in
          (
            vocabulary.tokens[Int(id)],
            .members([
              "id": text(id), "ids": .list([.integer(Int(id))]), "tokens": .list([text(id)]),
            ])
          )
        }),
    ])
  }
}
