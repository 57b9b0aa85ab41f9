import Files
import Kernels

/// Text to calibrate or train on: parts of all corpora that were given, spread over each of them.
///
/// A budget of tokens is divided evenly among the corpora: arguments with the same label are one,
/// and a folder without a label is one for each domain in it. Within a corpus it goes to windows of
/// `sequenceLength` tokens, drawn without replacement from all windows of all documents, so that a
/// long document is more than its beginning. Equal texts and seeds give equal tokens, and a smaller
/// budget's windows are among those of a larger one.
///
/// Every text is read once, up to `byteLimit` of each corpus. Only documents that a window may come
/// from are kept, and only those that one does come from are encoded, whole.
public struct TextSample: Sendable {
  /// How much of one corpus is read at most.
  public static let byteLimit = 256 << 20

  /// A window that may be drawn, by the bytes of its text: how many tokens it has is not known yet.
  struct Candidate {
    /// Those with the smallest numbers come first.
    let priority: UInt64
    let document: Int
    let byteCount: Int
  }

  /// One of the corpora that were given.
  struct Part {
    let name: String
    /// All of a corpus's documents come from sources that belong to no other.
    let label: Label
    var candidates: [Candidate] = []
    var documentCount = 0
    var byteCount = 0
    /// Whether there is more text than was read.
    var isCut = false
    fileprivate var heldByteCount = 0
  }

  /// What makes documents one corpus: the label of the argument, or the argument and the domain.
  struct Label: Hashable {
    let argument: Int?
    let domain: String
  }

  let sequenceLength: Int
  /// The largest budget that may be asked for.
  let greatestTokenCount: Int
  let seed: UInt64
  /// In order of first appearance.
  private(set) var parts: [Part] = []
  /// Documents that a window may come from, by their index among all that were read.
  private(set) var documents: [Int: Document] = [:]
  /// What was read, without any document: sources, and what was skipped.
  public private(set) var frame = TokenizedCorpus()

  /// Bytes of a window, for counting windows before they are encoded.
  private let windowByteCount: Int
  /// Beyond so many, documents that no budget reaches are forgotten.
  private var documentLimit = 1 << 16

  /// Reads the corpora.
  ///
  /// - Parameters:
  ///   - specifications: the corpora, one for each argument.
  ///   - tokenCount: the largest budget that will be drawn.
  ///   - progress: called after each document with the bytes of files read so far, and with those
  ///     of all files where that is known; what it throws ends the work.
  /// - Throws: what `CorpusReader` throws; `CorpusError.noDocuments`.
  public init(
    reading specifications: [CorpusSpecification], options: CorpusOptions, sequenceLength: Int,
    tokenCount: Int, seed: UInt64, byteLimit: Int = byteLimit,
    progress: (_ byteOffset: Int, _ byteCount: Int?) throws -> Void = { _, _ in }
  ) throws {
    precondition(sequenceLength >= 1 && tokenCount >= 1, "a sample has a token")
    self.sequenceLength = sequenceLength
    self.seed = seed
    greatestTokenCount = tokenCount
    windowByteCount = Self.bytesPerToken * min(sequenceLength, 1 << 24)
    let reader = try CorpusReader(specifications, options: options)
    frame.sources = reader.sources
    let arguments = try specifications.enumerated().flatMap { argument, specification in
      try CorpusSource.find([specification], format: options.format).map { _ in argument }
    }
    var indices: [Label: Int] = [:]
    var documentCount = 0
    while let item = try reader.next() {
      switch item {
      case .document(let document):
        let source = reader.sources[document.source]
        let label = Label(
          argument: source.isLabelled ? nil : arguments[document.source], domain: document.domain)
        let part = indices[label] ?? parts.count
        if part == parts.count {
          indices[label] = part
          parts.append(Part(name: document.domain, label: label))
        }
        if parts[part].byteCount >= byteLimit {
          parts[part].isCut = true
          // Nothing else comes from this file.
          if source.isLabelled || options.domainField == nil, reader.sourceIndex == document.source
          {
            reader.skipSource()
          }
        } else {
          add(document, number: documentCount, to: part)
          documentCount += 1
        }
      case .skipped(let skipped): frame.count(skipped)
      }
      try progress(reader.byteOffset, reader.byteCount)
    }
    guard documentCount > 0 else {
      throw CorpusError.noDocuments(paths: reader.sources.map(\.path))
    }
    for part in parts.indices { forget(part) }
    dropUnusedDocuments()
  }

  /// Names of the corpora's domains, each once, in order of first appearance.
  public var domains: [String] {
    parts.reduce(into: []) { if !$0.contains($1.name) { $0.append($1.name) } }
  }

  // MARK: - Private

  /// What a token has of text, about; a window too many or too few changes nothing but how likely
  /// others are.
  private static let bytesPerToken = 4
  /// Candidates are kept for so many times the budget: tokens may be longer than `bytesPerToken`.
  private static let surplus = 4

  private mutating func add(_ document: Document, number: Int, to part: Int) {
    documents[number] = document
    parts[part].documentCount += 1
    parts[part].byteCount += document.text.count
    let windowCount = max(1, document.text.count / windowByteCount)
    for window in 0..<windowCount {
      let byteCount = document.text.count / windowCount
      let priority = SeededGenerator.mix(
        SeededGenerator.mix(SeededGenerator.mix(seed) ^ UInt64(number)) ^ UInt64(window))
      parts[part].candidates.append(
        Candidate(priority: priority, document: number, byteCount: byteCount))
      parts[part].heldByteCount += byteCount
    }
    if parts[part].heldByteCount > 4 * heldByteLimit || documents.count > documentLimit {
      for part in parts.indices { forget(part) }
      dropUnusedDocuments()
      documentLimit = max(documentLimit, 2 * documents.count)
    }
  }

  private var heldByteLimit: Int {
    let (bytes, overflow) = greatestTokenCount.multipliedReportingOverflow(
      by: Self.bytesPerToken * Self.surplus)
    return overflow ? .max / 8 : min(bytes, .max / 8)
  }

  /// Sorts the candidates of a part and forgets those that no budget reaches.
  private mutating func forget(_ part: Int) {
    parts[part].candidates.sort { ($0.priority, $0.document) < ($1.priority, $1.document) }
    var held = 0
    var count = 0
    for candidate in parts[part].candidates where held < heldByteLimit {
      held += candidate.byteCount
      count += 1
    }
    parts[part].candidates.removeLast(parts[part].candidates.count - count)
    parts[part].heldByteCount = held
  }

  private mutating func dropUnusedDocuments() {
    let used = Set(parts.flatMap { $0.candidates.map(\.document) })
    documents = documents.filter { used.contains($0.key) }
  }
}
