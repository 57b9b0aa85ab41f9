import Files

/// Reads the documents of corpora one by one, in command-line order.
///
/// A text file is one document; a JSON lines file is one for each line, blank lines apart. Memory is
/// bounded by the longest document, and that by `lineByteLimit` and, in compressed files, by their
/// size (see `LineReader` and `TextFileReader`). Damage to a whole file (it is missing, unreadable
/// or a broken compressed stream) is always an error; damage to one document is one or, as the
/// options choose, a `CorpusItem.skipped`.
public final class CorpusReader {
  /// The longest JSON line, in bytes.
  public static let lineByteLimit = 64 << 20
  /// So many malformed lines in a row are an error even where they are skipped: more likely the
  /// field is wrong than the corpus.
  public static let malformedLineLimit = 10_000

  /// The files that are read, in order.
  public let sources: [CorpusSource]
  /// What folders hold besides, and is not read.
  public let passedOver: PassedOverFiles
  /// Compressed size of all files, for progress; nil when one is a pipe.
  public let byteCount: Int?
  /// Compressed bytes read so far.
  public var byteOffset: Int { finishedByteCount + (stream?.compressedOffset ?? 0) }

  /// How the files are read.
  public let options: CorpusOptions
  /// The index of the source that is being read, or comes next; `sources.count` at the end.
  public private(set) var sourceIndex = 0

  private let fields: [JSONLine.FieldPath]
  private var finishedByteCount = 0
  private var malformedInARow = 0
  private var stream: DecompressingReader?
  private var lines: LineReader?

  /// Finds the files of all corpora; they are opened when their turn comes.
  ///
  /// - Throws: what `CorpusSource.find` throws, so a missing path is known before any work is done;
  ///   `CorpusError.noDocuments` when there is no corpus at all.
  public convenience init(
    _ specifications: [CorpusSpecification], options: CorpusOptions = CorpusOptions()
  ) throws {
    let listing = try CorpusListing(specifications, format: options.format)
    try self.init(sources: listing.sources, passedOver: listing.passedOver, options: options)
  }

  /// Reads files that are already found.
  public init(
    sources: [CorpusSource], passedOver: PassedOverFiles = PassedOverFiles(),
    options: CorpusOptions = CorpusOptions()
  ) throws {
    guard !sources.isEmpty else { throw CorpusError.noDocuments(paths: ["(no corpus)"]) }
    self.sources = sources
    self.passedOver = passedOver
    self.options = options
    fields = [options.textField, options.identifierField, options.domainField].map {
      JSONLine.FieldPath($0 ?? "")
    }
    var total: Int? = 0
    for source in sources {
      let count = source.path == "-" ? nil : Folder.fileByteCount(source.path)
      total = total.flatMap { total in count.map { total + $0 } }
    }
    byteCount = total
  }

  /// The next document, or the next one that was skipped; nil at the end of the last corpus.
  ///
  /// - Throws: `FileError`, `CompressionError`, `CorpusError`.
  public func next() throws -> CorpusItem? {
    while sourceIndex < sources.count {
      if let lines {
        while let line = try lines.next() {
          if let item = try item(of: line) { return item }
        }
        finishSource()
      } else if let item = try openSource() {
        return item
      }
    }
    return nil
  }

  /// Passes over what is left of the source at `sourceIndex`, also one that has just failed.
  public func skipSource() {
    if sourceIndex < sources.count { finishSource() }
  }

  // MARK: - Files

  /// Opens the current source: a text file is read whole and finished, lines come one by one.
  private func openSource() throws -> CorpusItem? {
    let source = sources[sourceIndex]
    let opened = try DecompressingReader(path: source.path)
    stream = opened
    let known = options.format ?? CorpusFormat(fileName: source.path)
    var first: [UInt8] = []
    while first.count < ForeignFile.sampleByteCount, let piece = try opened.next() {
      first += piece
    }
    if let skipped = try refuse(first, of: opened, known: known) {
      finishSource()
      return skipped
    }
    guard try (known ?? format(&first, of: opened)) == .jsonLines else {
      let text = try TextFileReader.read(opened, startingWith: first)
      let item = try item(text: text, of: source)
      finishSource()
      return item
    }
    lines = LineReader(opened, startingWith: first, limit: Self.lineByteLimit)
    return nil
  }

  /// Looks for another kind of file in a corpus's place.
  ///
  /// - Returns: the file as skipped, where what is not UTF-8 is skipped.
  /// - Throws: `CorpusError.foreign`.
  private func refuse(
    _ first: [UInt8], of stream: DecompressingReader, known: CorpusFormat?
  ) throws(CorpusError) -> CorpusItem? {
    guard let found = ForeignFile(firstBytes: first) else { return nil }
    switch found.kind {
    // Zeros in a compressed stream nobody has set aside: a text of them, or a bomb.
    case .zeros where stream.format != .none: return nil
    case .text, .tiktoken, .xml, .jsonObject, .empty: return nil
    case .webPage:
      // A text as good as any, unless its name promised lines.
      guard known == .jsonLines && options.malformedLines == .fail else { return nil }
    case .jsonArray:
      // Where the format is given, each line is what the policy makes of it.
      guard known == nil || (known == .jsonLines && options.malformedLines == .fail) else {
        return nil
      }
    default: break
    }
    let reason = CorpusError.foreign(path: stream.path, found: found, inside: stream.format)
    let isUTF8 = [.webPage, .jsonArray, .gitLFSPointer, .gitAnnexPointer].contains(found.kind)
    guard options.invalidUTF8 == .skip, !isUTF8 else { throw reason }
    return .skipped(SkippedDocument(source: sourceIndex, reason: reason))
  }

  /// What a file is whose name does not say: JSON lines where the first byte that is not blank opens
  /// an object. Nothing but blanks is text, and so is what has more of them than anybody writes.
  private func format(
    _ first: inout [UInt8], of stream: DecompressingReader
  ) throws -> CorpusFormat {
    while true {
      let start = first.starts(with: byteOrderMark) ? byteOrderMark.count : 0
      if let byte = first[start...].first(where: { !isBlank($0) }) {
        return byte == UInt8(ascii: "{") ? .jsonLines : .text
      }
      guard first.count < 1 << 20, let piece = try stream.next() else { return .text }
      first += piece
    }
  }

  private func finishSource() {
    malformedInARow = 0
    finishedByteCount += stream?.compressedOffset ?? 0
    stream = nil
    lines = nil
    sourceIndex += 1
  }

  private func item(
    text: [UInt8], of source: CorpusSource
  ) throws(CorpusError) -> CorpusItem {
    switch try validate(text, path: source.path, line: nil) {
    case .failure(let reason):
      return .skipped(SkippedDocument(source: sourceIndex, reason: reason))
    case .success(let text):
      return .document(
        Document(
          domain: source.domain, source: sourceIndex, path: source.path, line: nil, identifier: nil,
          text: text))
    }
  }

  // MARK: - Lines

  /// The document of one line; nil for a blank one.
  private func item(of line: LineReader.Line) throws(CorpusError) -> CorpusItem? {
    let path = sources[sourceIndex].path
    guard let content = line.content else {
      return try malformed(.tooLong(limit: line.limit), path: path, line: line.number)
    }
    if content.allSatisfy(isBlank) { return nil }
    switch try validate(content, path: path, line: line.number) {
    case .failure(let reason):
      return .skipped(SkippedDocument(source: sourceIndex, reason: reason))
    case .success(let content):
      do throws(LineProblem) {
        let document = try document(content, path: path, line: line.number)
        malformedInARow = 0
        return .document(document)
      } catch {
        return try malformed(
          Self.isUnfinished(content, error) ? .unfinished : error, path: path, line: line.number)
      }
    }
  }

  /// Whether the mistake is that the line ends.
  private static func isUnfinished(_ content: [UInt8], _ problem: LineProblem) -> Bool {
    guard case .notJSON(let offset, _) = problem,
      let end = content.lastIndex(where: { !isBlank($0) })
    else { return false }
    return offset > end
  }

  private func document(
    _ content: [UInt8], path: String, line: Int
  ) throws(LineProblem) -> Document {
    let values = try JSONLine.values(of: fields, in: content)
    guard case .string(let text) = values[0] else {
      throw values[0] == .missing
        ? .missingField(options.textField)
        : .wrongType(field: options.textField, found: values[0].kind)
    }
    var identifier: String?
    if options.identifierField != nil {
      switch values[1] {
      case .string(let bytes), .number(let bytes):
        identifier = String(decoding: bytes, as: UTF8.self)
      default: break
      }
    }
    return Document(
      domain: try domain(values[2]), source: sourceIndex, path: path, line: line,
      identifier: identifier, text: text)
  }

  /// The command line's label, else the domain field, else what the path says.
  private func domain(_ value: JSONLine.Value) throws(LineProblem) -> String {
    let source = sources[sourceIndex]
    guard let field = options.domainField, !source.isLabelled else { return source.domain }
    guard case .string(let bytes) = value else {
      throw value == .missing
        ? .missingField(field) : .wrongType(field: field, found: value.kind)
    }
    let name = String(decoding: bytes, as: UTF8.self)
    guard DomainName.isUsable(name) else { throw .unusableDomain(field: field) }
    return name
  }

  private func malformed(
    _ problem: LineProblem, path: String, line: Int
  ) throws(CorpusError) -> CorpusItem {
    let reason = CorpusError.malformedLine(path: path, line: line, problem: problem)
    guard options.malformedLines == .skip else { throw reason }
    malformedInARow += 1
    guard malformedInARow < Self.malformedLineLimit else {
      throw .onlyMalformedLines(
        path: path, line: line, count: malformedInARow, problem: problem)
    }
    return .skipped(SkippedDocument(source: sourceIndex, reason: reason))
  }

  /// The text if it is UTF-8, or what the policy makes of it.
  private func validate(
    _ text: [UInt8], path: String, line: Int?
  ) throws(CorpusError) -> Result<[UInt8], CorpusError> {
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: text.span)
      return .success(text)
    } catch {
      let reason = CorpusError.invalidUTF8(
        path: path, line: line, offset: error.byteOffsets.lowerBound)
      // A file of another kind is told as one; replacing what is invalid would make noise of it.
      let isBinary = line == nil && text.prefix(ForeignFile.sampleByteCount).contains(0)
      switch options.invalidUTF8 {
      case .fail where isBinary, .replace where isBinary: throw .binary(path: path)
      case .fail: throw reason
      case .skip: return .failure(reason)
      case .replace: return .success(Array(String(decoding: text, as: UTF8.self).utf8))
      }
    }
  }
}
