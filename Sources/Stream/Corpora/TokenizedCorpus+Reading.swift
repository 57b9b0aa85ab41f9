import Activations
import Files
import Kernels
import Synchronization

extension TokenizedCorpus {
  /// Reads, encodes and cuts a corpus, several documents at a time.
  ///
  /// The result does not depend on the number of workers, nor on how documents are grouped for
  /// them. A document is considered until the limit on all tokens is reached; one whose domain is
  /// full is passed over as if it were not there, and so is the rest of a file that belongs to a
  /// full domain. So what lies behind the limits has no index, is not part of the digest and
  /// cannot fail.
  ///
  /// - Parameters:
  ///   - reader: a reader that nothing has been read from yet.
  ///   - pool: workers; each encodes one document at a time.
  ///   - encode: the tokenizer: UTF-8 to token ids. Called from several threads at once.
  ///   - progress: called after each group of documents; what it throws ends the work.
  /// - Throws: what the reader, `encode` and `progress` throw; `CorpusError.noDocuments` when there
  ///   is no document, `.noTokens` when none gives a token.
  public init(
    reading reader: CorpusReader, options: TokenizingOptions, pool: WorkerPool,
    encode: @Sendable ([UInt8]) throws -> [Int32],
    progress: (TokenizingProgress) throws -> Void = { _ in }
  ) throws {
    var assembly = CorpusAssembly(reader: reader, options: options)
    while !assembly.isFinished {
      let group = assembly.readGroup()
      try assembly.append(group, encoded: assembly.encode(group, pool: pool, encode: encode))
      try progress(assembly.progress)
    }
    self = try assembly.finish()
  }
}

/// A tokenized corpus while it grows.
private struct CorpusAssembly: ~Copyable {
  /// Items read together, and the error that ended the reading: it counts only if the limits let
  /// the corpus reach that far.
  struct Group {
    var items: [CorpusItem] = []
    var failure: (any Error)?
    var isLast = false
  }

  /// Bytes of text that are encoded together, unless a limit is near.
  static let groupByteCount = 4 << 20
  static let leastGroupByteCount = 64 << 10
  /// Documents that are encoded together at most.
  static let groupDocumentCount = 1024

  let reader: CorpusReader
  let options: TokenizingOptions
  var corpus = TokenizedCorpus()
  var digest = CorpusDigest()
  var domainIndices: [String: Int] = [:]
  var isFinished = false

  init(reader: CorpusReader, options: TokenizingOptions) {
    self.reader = reader
    self.options = options
    corpus.sources = reader.sources
    corpus.passedOver = reader.passedOver
  }

  var progress: TokenizingProgress {
    TokenizingProgress(
      documentCount: corpus.documents.count, tokenCount: corpus.tokenCount,
      byteOffset: reader.byteOffset, byteCount: reader.byteCount)
  }

  func readGroup() -> Group {
    var group = Group()
    var byteCount = 0
    let limit = groupLimit()
    while byteCount < limit && group.items.count < Self.groupDocumentCount {
      do {
        guard let item = try reader.next() else {
          group.isLast = true
          return group
        }
        if case .document(let document) = item { byteCount += document.text.count }
        group.items.append(item)
      } catch {
        group.failure = error
        return group
      }
    }
    return group
  }

  /// Little more is read and encoded than the limit on all tokens needs.
  func groupLimit() -> Int {
    guard let maximum = options.maximumTokenCount else { return Self.groupByteCount }
    let rest = maximum - corpus.tokenCount
    return rest > Self.groupByteCount / 8
      ? Self.groupByteCount : max(Self.leastGroupByteCount, rest * 8)
  }

  func encode(
    _ group: Group, pool: WorkerPool, encode: @Sendable ([UInt8]) throws -> [Int32]
  ) -> [Result<[Int32], any Error>] {
    let items = group.items
    let wanted = items.map { item in
      if case .document(let document) = item { !isFull(document.domain) } else { false }
    }
    let results = Mutex<[Result<[Int32], any Error>]>(
      Array(repeating: .success([]), count: items.count))
    pool.forEach(items.count) { index, _ in
      guard wanted[index], case .document(let document) = items[index] else { return }
      let result = Result { try encode(document.text) }
      results.withLock { $0[index] = result }
    }
    return results.withLock { $0 }
  }

  // MARK: - Putting together

  mutating func append(
    _ group: Group, encoded: [Result<[Int32], any Error>]
  ) throws {
    for (item, tokens) in zip(group.items, encoded) where !isFinished {
      switch item {
      case .document(let document):
        if isFull(document.domain) { continue }
        append(document, tokens: try tokens.get())
      case .skipped(let skipped):
        if !isFull(source: skipped.source) { corpus.count(skipped) }
      }
    }
    if isFinished { return }
    if let failure = group.failure {
      guard isFull(source: reader.sourceIndex) else { throw failure }
    }
    isFinished = group.isLast
    skipFullSources()
  }

  mutating func append(_ document: Document, tokens: [Int32]) {
    let domain = index(ofDomain: document.domain)
    let number = corpus.documents.count
    digest.append(document)
    corpus.documents.append(
      TokenizedCorpus.Document(
        domain: domain, source: document.source, line: document.line,
        identifier: document.identifier,
        measure: TextMeasure(document.text), sha256: SHA256.hash(document.text),
        tokenCount: tokens.count))
    corpus.domains[domain].documentCount += 1
    corpus.domains[domain].byteCount += document.text.count
    if tokens.isEmpty { corpus.emptyDocumentCount += 1 }

    let room = min(
      options.maximumTokenCount.map { $0 - corpus.tokenCount } ?? .max,
      options.maximumTokenCountPerDomain.map { $0 - corpus.domains[domain].tokenCount } ?? .max)
    let count = min(tokens.count, room)
    var (start, index) = (0, 0)
    while start < count {
      let end = min(start + options.sequenceLength, count)
      let first = corpus.tokenCount + start
      corpus.sequences.append(
        TokenBatch.Sequence(rows: first..<(first + end - start), document: number, index: index))
      start = end
      index += 1
    }
    corpus.tokenIDs += tokens[..<count]
    corpus.domains[domain].tokenCount += count
    if corpus.tokenCount == options.maximumTokenCount { isFinished = true }
  }

  // MARK: - Domains

  mutating func index(ofDomain name: String) -> Int {
    if let index = domainIndices[name] { return index }
    domainIndices[name] = corpus.domains.count
    corpus.domains.append(TokenizedCorpus.Domain(name: name))
    return corpus.domains.count - 1
  }

  func isFull(_ domain: String) -> Bool {
    guard let maximum = options.maximumTokenCountPerDomain, let index = domainIndices[domain]
    else { return false }
    return corpus.domains[index].tokenCount >= maximum
  }

  /// Whether all documents of a source belong to one domain and that one is full.
  func isFull(source index: Int) -> Bool {
    guard index < corpus.sources.count else { return false }
    let source = corpus.sources[index]
    return (source.isLabelled || reader.options.domainField == nil) && isFull(source.domain)
  }

  func skipFullSources() {
    while reader.sourceIndex < corpus.sources.count && isFull(source: reader.sourceIndex) {
      reader.skipSource()
    }
  }

  consuming func finish() throws(CorpusError) -> TokenizedCorpus {
    guard !corpus.documents.isEmpty else {
      throw .noDocuments(paths: corpus.sources.map(\.path))
    }
    guard !corpus.tokenIDs.isEmpty else { throw .noTokens(documentCount: corpus.documents.count) }
    corpus.sha256 = digest.finish()
    return corpus
  }
}
