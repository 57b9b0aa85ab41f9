/// Reads the "model" of a tokenizer.json.
struct BytePairFile {
  let document: JSONDocument

  /// A byte-pair model, and what of it was left out.
  ///
  /// - Throws: `TokenizerError` for any other model, a merge of tokens that are not there, an id
  ///   that stands twice or is too large.
  func model(
    _ node: JSONDocument.Node, unit: BytePairModel.Unit
  ) throws(TokenizerError) -> (model: BytePairModel, warning: String?) {
    let members = try document.members(of: node, field: "model")
    let kind = try document.member(members, "type").map { node throws(TokenizerError) in
      try document.text(node, "model.type")
    }
    guard kind == nil || kind == "BPE" else {
      throw unsupported("type", kind ?? "", "BPE")
    }
    if let node = document.member(members, "dropout"), document.number(node) != 0 {
      throw unsupported("dropout", "a probability", "none")
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let node = document.member(members, name),
        try !document.text(node, "model.\(name)").isEmpty
      {
        throw unsupported(name, "a text", "none")
      }
    }
    func flag(_ name: String) throws(TokenizerError) -> Bool {
      guard let node = document.member(members, name) else { return false }
      return try document.flag(node, "model.\(name)")
    }
    let vocabulary = try readVocabulary(document.member(members, "vocab"))
    let merges = try readMerges(document.member(members, "merges"), vocabulary)
    let unknown = try document.member(members, "unk_token").map { node throws(TokenizerError) in
      Array(try document.text(node, "model.unk_token").utf8)
    }
    let unknownID = unknown.flatMap { vocabulary.id(of: $0) }.map { Int32($0) } ?? -1
    let fallsBack = try flag("byte_fallback")
    let model = BytePairModel(
      unit: unit, vocabulary: vocabulary,
      words: unit == .byte ? Self.byteWords(vocabulary) : vocabulary, merges: merges,
      ignoresMerges: try flag("ignore_merges"), unknownID: unknownID,
      fusesUnknown: try flag("fuse_unk"), byteFallback: fallsBack && unit == .character)
    if fallsBack, unit == .byte, !model.coversAllBytes {
      throw unsupported(
        "byte_fallback", "byte fallback with a byte-level alphabet that lacks bytes",
        "one of the two")
    }
    guard let unknown, unknownID < 0 else { return (model, nil) }
    guard !model.hasUnknownUnits else {
      throw .wrongField(
        file: document.file, field: "model.unk_token", expected: "a token of the vocabulary",
        found: TokenizerError.excerpt(unknown))
    }
    return (
      model,
      "model.unk_token: \(TokenizerError.excerpt(unknown)) is not in the "
        + "vocabulary; no text needs it"
    )
  }

  /// The tokens that are spelled in `ByteAlphabet`, as the bytes they spell.
  static func byteWords(_ vocabulary: TokenTable) -> TokenTable {
    var words = TokenTable(byteCount: TokenTable.largestIdentifierLimit * 16)
    for id in 0..<vocabulary.identifierCount {
      guard let token = vocabulary.bytes(of: id),
        let bytes = ByteAlphabet.bytes(spelledBy: Array(token))
      else { continue }
      // Spelling is one to one, so nothing can stand twice.
      _ = words.insert(bytes, id: id)
    }
    return words
  }

  private func readVocabulary(
    _ node: JSONDocument.Node?
  ) throws(TokenizerError) -> TokenTable {
    guard let node, document.kind(node) == .object else {
      throw .wrongField(
        file: document.file, field: "model.vocab", expected: "an object of tokens and ids",
        found: node.map { document.kind($0).rawValue } ?? "nothing")
    }
    var table = TokenTable(byteCount: document.bytes.count)
    try document.forEachMember(of: node) { key, value throws(TokenizerError) in
      let token = try document.string(key)
      guard let id = document.naturalNumber(value) else {
        throw .wrongField(
          file: document.file, field: "model.vocab.\(TokenizerError.excerpt(token))",
          expected: "an id", found: document.kind(value).rawValue)
      }
      let name = TokenizerError.excerpt(token)
      switch table.insert(token, id: id) {
      case .inserted: break
      case .duplicateToken: throw .duplicateToken(file: document.file, token: name)
      case .duplicateIdentifier:
        throw .duplicateIdentifier(file: document.file, token: name, id: id)
      case .identifierOutOfRange:
        throw .identifierOutOfRange(
          file: document.file, token: name, id: id, limit: table.identifierLimit)
      }
    }
    return table
  }

  private func readMerges(
    _ node: JSONDocument.Node?, _ vocabulary: TokenTable
  ) throws(TokenizerError) -> MergeTable {
    guard let node, document.kind(node) == .array else {
      throw .wrongField(
        file: document.file, field: "model.merges", expected: "an array",
        found: node.map { document.kind($0).rawValue } ?? "nothing")
    }
    var reader = MergeReader(file: document.file, vocabulary: vocabulary)
    try document.forEachElement(of: node) { element throws(TokenizerError) in
      switch document.kind(element) {
      case .string: try reader.add(try document.string(element))
      case .array:
        var pair: [[UInt8]] = []
        try document.forEachElement(of: element) { side throws(TokenizerError) in
          guard pair.count < 2, document.kind(side) == .string else {
            throw .wrongField(
              file: document.file, field: "model.merges[\(reader.count)]",
              expected: "two strings", found: "something else")
          }
          pair.append(try document.string(side))
        }
        guard pair.count == 2 else {
          throw .wrongField(
            file: document.file, field: "model.merges[\(reader.count)]", expected: "two strings",
            found: "\(pair.count)")
        }
        try reader.add(left: pair[0], right: pair[1])
      default:
        throw .wrongField(
          file: document.file, field: "model.merges[\(reader.count)]",
          expected: "a string or two", found: document.kind(element).rawValue)
      }
    }
    return reader.merges
  }

  private func unsupported(
    _ field: String, _ found: String, _ supported: String
  ) -> TokenizerError {
    .unsupported(
      file: document.file, field: "model.\(field)", found: TokenizerError.excerpt(found.utf8),
      supported: supported)
  }
}

/// Collects merges, most urgent first.
struct MergeReader {
  let file: String
  let vocabulary: TokenTable
  private(set) var merges = MergeTable()
  /// How many merges were added.
  private(set) var count = 0

  init(file: String, vocabulary: TokenTable) {
    self.file = file
    self.vocabulary = vocabulary
  }

  /// Adds "left right".
  mutating func add(_ line: [UInt8]) throws(TokenizerError) {
    let parts = line.split(separator: 0x20, maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw .wrongField(
        file: file, field: "merges[\(count)]", expected: "two tokens with one space between",
        found: "\"\(TokenizerError.excerpt(line))\"")
    }
    try add(left: Array(parts[0]), right: Array(parts[1]))
  }

  /// Adds a merge of two tokens.
  mutating func add(left: [UInt8], right: [UInt8]) throws(TokenizerError) {
    guard let rank = UInt32(exactly: count), rank < .max else {
      throw .limitExceeded(file: file, field: "merges", found: count, limit: Int(UInt32.max))
    }
    let ids = (try id(of: left), try id(of: right), try id(of: left + right))
    merges.set(left: ids.0, right: ids.1, rank: rank, merged: ids.2)
    count += 1
  }

  private func id(of token: [UInt8]) throws(TokenizerError) -> Int32 {
    guard let id = vocabulary.id(of: token) else {
      throw .unknownMergeToken(file: file, merge: count, token: TokenizerError.excerpt(token))
    }
    return Int32(id)
  }
}
