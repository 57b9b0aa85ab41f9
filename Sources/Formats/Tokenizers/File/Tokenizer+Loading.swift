import Files

extension Tokenizer {
  /// Larger tokenizer files are refused.
  static let fileLimit = 1 << 30

  /// The tokenizer of a model folder: its tokenizer.json, else its tokenizer.model.
  ///
  /// tokenizer_config.json and special_tokens_map.json are read for the names of the tokens that
  /// begin and end a sequence. Whether they are added is what tokenizer.json itself says; a
  /// tokenizer.model does not, so that tokenizer_config.json's `add_bos_token` and
  /// `add_eos_token` decide there, and without them its class: LLaMA's adds the first.
  /// - Throws: `TokenizerError` when there is no tokenizer or it is not one that we know,
  ///   `FileError` when a file cannot be read.
  public static func load(folder: String) throws -> Tokenizer {
    let json = folder + "/tokenizer.json"
    guard Folder.kind(of: json) == .missing else {
      var definition = try TokenizerFile(try read(json), file: json).definition()
      let names = try SpecialTokenNames(folder: folder)
      definition.bosID = names.begin.flatMap { definition.id(of: $0) } ?? definition.bosID
      definition.eosID = names.end.flatMap { definition.id(of: $0) } ?? definition.eosID
      return try Tokenizer(definition)
    }
    let model = folder + "/tokenizer.model"
    guard Folder.kind(of: model) != .missing else {
      throw TokenizerError.noTokenizer(folder: folder)
    }
    var definition = try SentencePieceFile(try read(model), file: model).definition()
    let names = try SpecialTokenNames(folder: folder)
    definition.bosID = names.begin.flatMap { definition.id(of: $0) } ?? definition.bosID
    definition.eosID = names.end.flatMap { definition.id(of: $0) } ?? definition.eosID
    if names.addsBegin ?? names.isLlamaClass, let id = definition.bosID {
      definition.prefixIDs = [Int32(id)]
    }
    if names.addsEnd ?? false, let id = definition.eosID { definition.suffixIDs = [Int32(id)] }
    return try Tokenizer(definition)
  }

  /// The tokenizer of one file, a tokenizer.json or a tokenizer.model: told apart by whether it
  /// begins as JSON does.
  public static func load(file: String) throws -> Tokenizer {
    let bytes = try read(file)
    let isJSON = bytes.first { !JSONChecker.isSpace($0) } == UInt8(ascii: "{")
    return try Tokenizer(
      isJSON
        ? try TokenizerFile(bytes, file: file).definition()
        : try SentencePieceFile(bytes, file: file).definition())
  }

  static func read(_ path: String) throws(FileError) -> [UInt8] {
    let file = try MappedFile(path: path, limit: fileLimit)
    let bytes = file.copyBytes()
    file.release(0..<file.count)
    return bytes
  }
}

extension TokenizerDefinition {
  /// The id of a token by its text.
  func id(of token: [UInt8]) -> Int? {
    if let added = addedTokens.first(where: { $0.content == token }) { return Int(added.id) }
    switch model {
    case .bytePairs(let model, _): return model.vocabulary.id(of: token)
    case .sentencePieces(let model): return model.pieces.id(of: token)
    }
  }
}

/// The names of the tokens that begin and end a sequence, from the files beside a tokenizer.
struct SpecialTokenNames {
  private(set) var begin: [UInt8]?
  private(set) var end: [UInt8]?
  /// tokenizer_config.json's `add_bos_token` and `add_eos_token`.
  private(set) var addsBegin: Bool?
  private(set) var addsEnd: Bool?
  /// tokenizer_config.json's `tokenizer_class`.
  private(set) var tokenizerClass: String?

  /// LLaMA's tokenizer classes begin every text with a token unless told otherwise.
  var isLlamaClass: Bool { tokenizerClass?.contains("LlamaTokenizer") ?? false }

  /// Reads tokenizer_config.json, then special_tokens_map.json for what it leaves open.
  init(folder: String) throws {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
      let path = folder + "/" + name
      if Folder.kind(of: path) == .missing { continue }
      let document = try JSONDocument(try Tokenizer.read(path), file: path)
      let members = try document.members(of: document.root, field: "(top level)")
      begin = try begin ?? Self.content(document, members, "bos_token")
      end = try end ?? Self.content(document, members, "eos_token")
      guard name == "tokenizer_config.json" else { continue }
      addsBegin = document.member(members, "add_bos_token").flatMap { document.boolean($0) }
      addsEnd = document.member(members, "add_eos_token").flatMap { document.boolean($0) }
      if let node = document.member(members, "tokenizer_class") {
        tokenizerClass = try document.text(node, "tokenizer_class")
      }
    }
  }

  /// A token as a string, or as an object with a "content".
  private static func content(
    _ document: JSONDocument, _ members: [String: JSONDocument.Node], _ name: String
  ) throws(TokenizerError) -> [UInt8]? {
    guard let node = document.member(members, name) else { return nil }
    if document.kind(node) == .string { return try document.string(node) }
    let object = try document.members(of: node, field: name)
    guard let content = document.member(object, "content"), document.kind(content) == .string
    else { return nil }
    return try document.string(content)
  }
}
