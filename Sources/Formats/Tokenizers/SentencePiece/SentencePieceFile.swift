/// Reads a tokenizer.model: SentencePiece's `ModelProto` (sentencepiece_model.proto).
struct SentencePieceFile {
  let file: String
  private let data: [UInt8]

  private(set) var pieces: SentencePieceList
  private(set) var isUnigram = true
  /// What was read otherwise than the file has it.
  private var warnings: [String] = []
  private(set) var bosPiece = Array("<s>".utf8)
  private(set) var eosPiece = Array("</s>".utf8)
  private(set) var unknownPiece = Array("<unk>".utf8)
  private var byteFallback = false
  private var spacesAreSuffixes = false
  private var rules: [UInt8] = []
  private var addsDummyPrefix = true
  private var removesExtraSpaces = true

  init(_ data: [UInt8], file: String) throws(TokenizerError) {
    self.file = file
    self.data = data
    pieces = SentencePieceList(byteCount: data.count * 4)
    var reader = ProtobufReader(0..<data.count, file: file)
    while let (field, value) = try reader.next(data.span) {
      guard case .bytes(let range) = value else { continue }
      switch field {
      case 1: try readPiece(range)
      case 2: try readTrainer(range)
      case 3: try readNormalizer(range)
      default: break
      }
    }
    guard pieces.table.count > 0 else {
      throw .malformedProtobuf(file: file, offset: 0, reason: "no pieces")
    }
  }

  /// Everything in it that decides the ids.
  func definition() throws(TokenizerError) -> TokenizerDefinition {
    guard !spacesAreSuffixes else {
      throw .unsupported(
        file: file, field: "trainer_spec.treat_whitespace_as_suffix", found: "true",
        supported: "false")
    }
    let normalizer = SentencePieceNormalizer(
      rules: rules.isEmpty ? nil : try CharacterRules(rules, file: file),
      addsDummyPrefix: addsDummyPrefix, removesExtraSpaces: removesExtraSpaces)
    let model = try SentencePieceModel(
      pieces, isUnigram: isUnigram, byteFallback: byteFallback, normalizer: normalizer,
      file: file)
    var definition = TokenizerDefinition(
      source: file, summary: "SentencePiece \(isUnigram ? "unigram" : "BPE")",
      model: .sentencePieces(model))
    definition.bosID = pieces.table.id(of: bosPiece)
    definition.eosID = pieces.table.id(of: eosPiece)
    definition.dropsLeadingSpace = addsDummyPrefix
    definition.warnings = warnings
    return definition
  }

  private mutating func readPiece(_ range: Range<Int>) throws(TokenizerError) {
    var reader = ProtobufReader(range, file: file)
    var piece: [UInt8] = []
    var score: Float = 0
    var type: UInt64 = 1
    while let (field, value) = try reader.next(data.span) {
      switch (field, value) {
      case (1, .bytes(let text)): piece = Array(data[text])
      case (2, .fixed32(let bits)): score = Float(bitPattern: bits)
      case (3, .number(let number)): type = number
      default: break
      }
    }
    if piece.isEmpty {
      let id = pieces.kinds.count
      pieces.appendEmpty()
      warnings.append("pieces[\(id)].piece is empty; no text has it")
      return
    }
    try pieces.append(piece, score: score, type: Int(clamping: type), file: file)
  }

  private mutating func readTrainer(_ range: Range<Int>) throws(TokenizerError) {
    var reader = ProtobufReader(range, file: file)
    while let (field, value) = try reader.next(data.span) {
      switch (field, value) {
      case (3, .number(let type)):
        guard type == 1 || type == 2 else {
          throw .unsupported(
            file: file, field: "trainer_spec.model_type", found: "\(type)",
            supported: "1 (unigram), 2 (BPE)")
        }
        isUnigram = type == 1
      case (24, .number(let flag)): spacesAreSuffixes = flag != 0
      case (35, .number(let flag)): byteFallback = flag != 0
      case (45, .bytes(let text)): unknownPiece = Array(data[text])
      case (46, .bytes(let text)): bosPiece = Array(data[text])
      case (47, .bytes(let text)): eosPiece = Array(data[text])
      default: break
      }
    }
  }

  private mutating func readNormalizer(_ range: Range<Int>) throws(TokenizerError) {
    var reader = ProtobufReader(range, file: file)
    while let (field, value) = try reader.next(data.span) {
      switch (field, value) {
      case (2, .bytes(let blob)): rules = Array(data[blob])
      case (3, .number(let flag)): addsDummyPrefix = flag != 0
      case (4, .number(let flag)): removesExtraSpaces = flag != 0
      case (5, .number(0)):
        throw .unsupported(
          file: file, field: "normalizer_spec.escape_whitespaces", found: "false",
          supported: "true")
      default: break
      }
    }
  }
}

/// The pieces of a SentencePiece vocabulary, by id.
struct SentencePieceList: Sendable {
  /// SentencePiece's numbers; GGUF's token types are the same.
  enum Kind: UInt8, Sendable {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  private(set) var table: TokenTable
  private(set) var scores: [Float] = []
  private(set) var kinds: [Kind] = []
  /// Longer pieces are refused.
  static let lengthLimit = 1024

  /// - Parameter byteCount: the size of the file.
  init(byteCount: Int) {
    table = TokenTable(byteCount: byteCount)
  }

  /// Adds a piece without a text, which none can become, with the next id.
  mutating func appendEmpty() {
    scores.append(0)
    kinds.append(.unused)
  }

  /// Adds the piece with the next id.
  mutating func append(
    _ piece: [UInt8], score: Float, type: Int, file: String
  ) throws(TokenizerError) {
    let id = kinds.count
    let name = TokenizerError.excerpt(piece)
    guard let kind = UInt8(exactly: type).flatMap({ Kind(rawValue: $0) }) else {
      throw .wrongField(
        file: file, field: "pieces[\(id)].type", expected: "a type from 1 to 6",
        found: "\(type)")
    }
    guard score.isFinite else {
      throw .wrongField(
        file: file, field: "pieces[\(id)].score", expected: "a finite number",
        found: "\(score)")
    }
    guard !piece.isEmpty, UTF8Text.isValid(piece.span) else {
      throw .wrongField(
        file: file, field: "pieces[\(id)].piece", expected: "UTF-8 text",
        found: "\"\(name)\"")
    }
    guard piece.count <= Self.lengthLimit else {
      throw .limitExceeded(
        file: file, field: "pieces[\(id)].piece (bytes)", found: piece.count,
        limit: Self.lengthLimit)
    }
    guard kind != .byte || ByteToken.byte(of: piece) != nil else {
      throw .wrongField(
        file: file, field: "pieces[\(id)].piece", expected: "a byte from <0x00> to <0xFF>",
        found: name)
    }
    switch table.insert(piece, id: id) {
    case .inserted: break
    case .duplicateToken: throw .duplicateToken(file: file, token: name)
    case .duplicateIdentifier: throw .duplicateIdentifier(file: file, token: name, id: id)
    case .identifierOutOfRange:
      throw .identifierOutOfRange(
        file: file, token: name, id: id, limit: table.identifierLimit)
    }
    scores.append(score)
    kinds.append(kind)
  }
}
