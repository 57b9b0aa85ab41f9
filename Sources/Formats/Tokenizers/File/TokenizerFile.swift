/// Reads a tokenizer.json: the format of the package `tokenizers`, version "1.0".
struct TokenizerFile {
  let document: JSONDocument
  private let members: [String: JSONDocument.Node]

  init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
    document = try JSONDocument(bytes, file: file)
    members = try document.members(of: document.root, field: "(top level)")
  }

  /// Everything in it that decides the ids.
  func definition() throws(TokenizerError) -> TokenizerDefinition {
    if let node = present(members, "version") {
      let version = try text(node, "version")
      guard version == "1.0" else {
        throw unsupported("version", version, "1.0")
      }
    }
    guard let modelNode = present(members, "model") else {
      throw .wrongField(
        file: document.file, field: "model", expected: "an object", found: "nothing")
    }
    let steps = StepReader(document: document)
    let normalizer = Normalizer(steps: try steps.normalizer(present(members, "normalizer")))
    let preTokenizer = try steps.preTokenizer(present(members, "pre_tokenizer"))
    if case .metaspace(_, .first, _)? = preTokenizer.steps.first(where: {
      if case .metaspace = $0 { true } else { false }
    }) {
      for step in normalizer.steps {
        switch step {
        case .strip, .replace, .replaceExpression:
          throw unsupported(
            "normalizer", "Strip or Replace before a Metaspace with prepend_scheme \"first\"",
            "prepend_scheme \"always\" or \"never\"")
        default: break
        }
      }
    }
    let (model, warning) = try BytePairFile(document: document).model(
      modelNode, unit: preTokenizer.isByteLevel ? .byte : .character)
    var definition = TokenizerDefinition(
      source: document.file, summary: summary(preTokenizer, normalizer),
      model: .bytePairs(model, PreTokenizer(steps: preTokenizer.steps)))
    definition.normalizer = normalizer
    definition.warnings = [warning].compactMap { $0 }
    definition.addedTokens = try addedTokens(model)
    let special = try PostProcessorReader(document: document).specialTokens(
      present(members, "post_processor"), limit: model.vocabulary.identifierLimit)
    definition.prefixIDs = special.prefix
    definition.suffixIDs = special.suffix
    let known = Set(definition.addedTokens.map(\.id))
    for id in special.prefix + special.suffix
    where model.vocabulary.bytes(of: Int(id)) == nil && !known.contains(id) {
      throw .wrongField(
        file: document.file, field: "post_processor.special_tokens",
        expected: "ids of the vocabulary", found: "\(id)")
    }
    definition.bosID = special.prefix.first.map { Int($0) }
    definition.eosID = special.suffix.last.map { Int($0) }
    definition.dropsLeadingSpace = dropsLeadingSpace(preTokenizer, normalizer)
    return definition
  }

  // MARK: Added tokens

  private func addedTokens(_ model: BytePairModel) throws(TokenizerError) -> [AddedToken] {
    guard let node = present(members, "added_tokens") else { return [] }
    guard document.kind(node) == .array else {
      throw .wrongField(
        file: document.file, field: "added_tokens", expected: "an array",
        found: document.kind(node).rawValue)
    }
    var tokens: [AddedToken] = []
    var places: [[UInt8]: Int] = [:]
    // A token that the vocabulary has not gets the next id, as `tokenizers` numbers them.
    var next = model.vocabulary.count
    try document.forEachElement(of: node) { element throws(TokenizerError) in
      let field = "added_tokens[\(tokens.count)]"
      let members = try document.members(of: element, field: field)
      guard let contentNode = members["content"], document.kind(contentNode) == .string else {
        throw .wrongField(
          file: document.file, field: "\(field).content", expected: "a string", found: "none")
      }
      let content = try document.string(contentNode)
      if content.isEmpty { return }
      guard content.count <= AddedTokenMatcher.lengthLimit else {
        throw .limitExceeded(
          file: document.file, field: "\(field).content (bytes)", found: content.count,
          limit: AddedTokenMatcher.lengthLimit)
      }
      guard let stated = members["id"].flatMap({ document.naturalNumber($0) }) else {
        throw .wrongField(
          file: document.file, field: "\(field).id", expected: "an id", found: "none")
      }
      let earlier = places[content]
      let id = earlier.map { Int(tokens[$0].id) } ?? model.vocabulary.id(of: content) ?? next
      if earlier == nil, id == next { next += 1 }
      guard stated == id else {
        throw .wrongField(
          file: document.file, field: "\(field).id (\(TokenizerError.excerpt(content)))",
          expected: "\(id), the id that the vocabulary gives it", found: "\(stated)")
      }
      guard id < model.vocabulary.identifierLimit else {
        throw .identifierOutOfRange(
          file: document.file, token: TokenizerError.excerpt(content), id: id,
          limit: model.vocabulary.identifierLimit)
      }
      func flag(_ name: String, _ standard: Bool) throws(TokenizerError) -> Bool {
        guard let node = members[name] else { return standard }
        return try boolean(node, "\(field).\(name)")
      }
      let special = try flag("special", false)
      let token = AddedToken(
        content: content, id: Int32(id), isSingleWord: try flag("single_word", false),
        stripsLeft: try flag("lstrip", false), stripsRight: try flag("rstrip", false),
        isNormalized: try flag("normalized", !special), isSpecial: special)
      if let earlier {
        tokens[earlier] = token
      } else {
        places[content] = tokens.count
        tokens.append(token)
      }
    }
    return tokens
  }

  // MARK: Summaries

  private func summary(
    _ preTokenizer: (steps: [PreTokenizer.Step], isByteLevel: Bool), _ normalizer: Normalizer
  ) -> String {
    guard preTokenizer.isByteLevel else { return "BPE over characters" }
    for step in preTokenizer.steps {
      switch step {
      case .pattern(.gpt2):
        if case .digits(true)? = preTokenizer.steps.first {
          return "byte-level BPE, SmolLM pre-tokeniser"
        }
        return "byte-level BPE, GPT-2 pre-tokeniser"
      case .pattern(.llama3): return "byte-level BPE, LLaMA 3 pre-tokeniser"
      case .pattern(.qwen2): return "byte-level BPE, Qwen 2 pre-tokeniser"
      default: continue
      }
    }
    return "byte-level BPE"
  }

  private func dropsLeadingSpace(
    _ preTokenizer: (steps: [PreTokenizer.Step], isByteLevel: Bool), _ normalizer: Normalizer
  ) -> Bool {
    for case .prepend(Metaspace.bytes) in normalizer.steps { return true }
    for case .metaspace(_, let scheme, _) in preTokenizer.steps { return scheme != .never }
    return false
  }

  // MARK: Fields

  private func present(
    _ members: [String: JSONDocument.Node], _ name: String
  ) -> JSONDocument.Node? {
    members[name].flatMap { document.kind($0) == .null ? nil : $0 }
  }

  private func text(
    _ node: JSONDocument.Node, _ field: String
  ) throws(TokenizerError) -> String {
    try document.text(node, field)
  }

  private func boolean(
    _ node: JSONDocument.Node, _ field: String
  ) throws(TokenizerError) -> Bool {
    try document.flag(node, field)
  }

  private func unsupported(
    _ field: String, _ found: String, _ supported: String
  ) -> TokenizerError {
    .unsupported(
      file: document.file, field: field, found: TokenizerError.excerpt(found.utf8),
      supported: supported)
  }
}

extension JSONDocument {
  /// A string as Swift text; any other value is refused.
  func text(_ node: Node, _ field: String) throws(TokenizerError) -> String {
    guard kind(node) == .string else {
      throw .wrongField(file: file, field: field, expected: "a string", found: kind(node).rawValue)
    }
    return String(decoding: try string(node), as: UTF8.self)
  }

  /// A boolean; any other value is refused.
  func flag(_ node: Node, _ field: String) throws(TokenizerError) -> Bool {
    guard let value = boolean(node) else {
      throw .wrongField(
        file: file, field: field, expected: "true or false", found: kind(node).rawValue)
    }
    return value
  }

  /// A member that is there and is not null.
  func member(_ members: [String: Node], _ name: String) -> Node? {
    members[name].flatMap { kind($0) == .null ? nil : $0 }
  }
}
