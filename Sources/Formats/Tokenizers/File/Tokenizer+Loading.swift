import Files

extension Tokenizer {
  /// Larger tokenizer files are refused.
  static let fileLimit = 1 << 30

  /// The tokenizer of a model folder: its tokenizer.json, else its tokenizer.model.
  ///
  /// Tokens that tokenizer_config.json, special_tokens_map.json and added_tokens.json name are found
  /// in the text too, with the ids that transformers gives them. Whether special tokens stand around
  /// a text is what tokenizer.json itself says; a tokenizer.model does not, so that
  /// tokenizer_config.json's `add_bos_token` and `add_eos_token` decide there, and without them its
  /// class: LLaMA's adds the first.
  /// - Throws: `TokenizerError` when there is no tokenizer or it is not one that we know,
  ///   `FileError` when a file cannot be read, `ForeignFileError` when it is something else.
  public static func load(folder: String) throws -> Tokenizer {
    let json = folder + "/tokenizer.json"
    let model = folder + "/tokenizer.model"
    let hasJSON = Folder.kind(of: json) != .missing
    guard hasJSON || Folder.kind(of: model) != .missing else {
      throw TokenizerError.noTokenizer(folder: folder)
    }
    var beside = try TokensBeside(folder: folder)
    var definition: TokenizerDefinition
    if hasJSON {
      definition = try TokenizerFile(try read(json), file: json).definition()
      // transformers reads a byte-level file without the class that its folder names.
      if !(beside.isLlamaClass && definition.isByteLevel) { beside.addClassDefaults() }
      try definition.add(beside)
    } else {
      let file = try SentencePieceFile(try read(model), file: model)
      definition = try file.definition()
      beside.addClassDefaults()
      try definition.addAsPieces(beside, file)
    }
    definition.bosID = beside["bos_token"].flatMap { definition.id(of: $0) } ?? definition.bosID
    definition.eosID = beside["eos_token"].flatMap { definition.id(of: $0) } ?? definition.eosID
    if !hasJSON {
      if beside.addsBegin ?? beside.isLlamaClass, let id = definition.bosID {
        definition.prefixIDs = [Int32(id)]
      }
      if beside.addsEnd ?? false, let id = definition.eosID { definition.suffixIDs = [Int32(id)] }
    }
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

  /// tokenizer_config.json for a tokenizer.json that has none beside it: the class that reads it as
  /// it stands. Naming a token adds it to those that are found in a text, so only such are named.
  public var plainConfiguration: [UInt8] {
    var members: [(key: [UInt8], value: JSONTree)] = [
      (Array("tokenizer_class".utf8), .string("PreTrainedTokenizerFast")),
      (Array("clean_up_tokenization_spaces".utf8), .boolean(false)),
      (
        Array("model_input_names".utf8),
        .list([.string("input_ids"), .string("attention_mask")])
      ),
    ]
    for (name, id) in [("bos_token", beginningOfSequenceID), ("eos_token", endOfSequenceID)] {
      guard let id, let content = addedToken(id) else { continue }
      members.append((Array(name.utf8), .text(content)))
    }
    return JSONTree.object(members).bytes
  }

  /// tokenizer_config.json for a tokenizer.model that has none beside it: SentencePiece adds nothing
  /// to a text.
  public static var plainPieceConfiguration: [UInt8] {
    JSONTree.members([
      "tokenizer_class": .string("LlamaTokenizer"), "legacy": .boolean(true),
      "add_bos_token": .boolean(false), "add_eos_token": .boolean(false),
      "clean_up_tokenization_spaces": .boolean(false),
    ]).bytes
  }

  /// The bytes of a tokenizer's file.
  ///
  /// - Throws: `ForeignFileError` when it is something else than its name says.
  static func read(_ path: String) throws -> [UInt8] {
    let file = try MappedFile(path: path, limit: fileLimit)
    let name = DurableFile.split(path).name
    let expected: (name: String, kinds: Set<ForeignFile.Kind>) =
      if name.hasSuffix(".json") {
        ("JSON", [.jsonObject, .jsonArray])
      } else if name.hasSuffix(".model") {
        ("a SentencePiece model", [.sentencePiece, .jsonObject])
      } else {
        ("a tokenizer.json or tokenizer.model", [.sentencePiece, .jsonObject])
      }
    try ForeignFileError.check(file, expected: expected.name, kinds: expected.kinds)
    let bytes = file.copyBytes()
    file.release(0..<file.count)
    return bytes
  }
}

extension TokenizerDefinition {
  fileprivate var isByteLevel: Bool {
    if case .bytePairs(let model, _) = model { model.unit == .byte } else { false }
  }

  /// Adds the tokens beside a tokenizer.model; what the model itself marks and the tokens that stand
  /// for unknown text and both ends are found in the text too, as transformers finds them.
  fileprivate mutating func addAsPieces(
    _ beside: TokensBeside, _ file: SentencePieceFile
  ) throws(TokenizerError) {
    guard case .sentencePieces(var pieces) = model else { return }
    var beside = beside
    if beside.tokenizerClass == nil {
      for (name, piece) in [
        ("bos_token", file.bosPiece), ("eos_token", file.eosPiece),
        ("unk_token", file.unknownPiece),
      ] where pieces.pieces.id(of: piece) != nil {
        beside.setDefault(name, piece)
      }
    }
    pieces.fragmentPrefix =
      beside.isLlamaClass && beside.isLegacy ? .unlessSpace : .never
    if beside.isLlamaClass, beside.addsPrefixSpace == false {
      pieces.normalizer.addsDummyPrefix = false
      dropsLeadingSpace = false
    }
    model = .sentencePieces(pieces)
    try add(beside, pieces: pieces.markedPieces)
  }
}
