import Activations
import Files
import Kernels
import Synchronization

extension TextSample {
  /// What one corpus gave.
  public struct Share: Sendable, Equatable {
    public let name: String
    public let tokenCount: Int
    /// Documents that its tokens come from, and all that were read.
    public let documentCount: Int
    public let readDocumentCount: Int
    /// Whether it gave all it has, and that is less than its part.
    public let isExhausted: Bool
    /// Whether the corpus has more text than was read.
    public let isCut: Bool
  }

  /// Tokens, and where they come from.
  public struct Draw: Sendable {
    /// Documents are those that a window comes from; a sequence is a window.
    public let corpus: TokenizedCorpus
    /// In order of first appearance.
    public let shares: [Share]
    public let seed: UInt64
    /// What was asked for.
    public let requestedTokenCount: Int
  }

  /// Draws so many tokens, or all there are.
  ///
  /// - Parameters:
  ///   - tokenCount: at most what the sample was made for.
  ///   - limit: the most of one corpus; nil: what the others leave.
  ///   - domain: only corpora of this domain; nil: all.
  ///   - encode: the tokenizer. Called from several threads at once.
  /// - Throws: what `encode` throws; `CorpusError.noTokens`.
  public func draw(
    _ tokenCount: Int, limit: Int? = nil, domain: String? = nil, pool: WorkerPool,
    encode: @Sendable ([UInt8]) throws -> [Int32]
  ) throws -> Draw {
    let wanted = parts.filter { domain == nil || $0.name == domain }
    var urns = wanted.map { Urn($0, sequenceLength: sequenceLength, seed: seed) }
    // Who has little gives all, and the others are asked once more.
    var limits = wanted.map { _ in limit ?? tokenCount }
    var exhausted: Set<Int> = []
    while true {
      let targets = TokenBudget.shares(of: tokenCount, limits: limits)
      for index in urns.indices {
        try urns[index].fill(
          to: targets[index], documents: documents, pool: pool, encode: encode)
      }
      let short = urns.indices.filter { urns[$0].tokenCount < targets[$0] }
      for index in short { limits[index] = urns[index].tokenCount }
      exhausted.formUnion(short)
      if short.isEmpty {
        for index in urns.indices { urns[index].trim(to: targets[index]) }
        break
      }
    }
    return Draw(
      corpus: try corpus(of: urns),
      shares: zip(wanted, urns).enumerated().map { index, pair in
        let (part, urn) = pair
        return Share(
          name: part.name, tokenCount: urn.tokenCount,
          documentCount: Set(urn.windows.map(\.document)).count,
          readDocumentCount: part.documentCount, isExhausted: exhausted.contains(index),
          isCut: part.isCut)
      }, seed: seed, requestedTokenCount: tokenCount)
  }

  /// Puts the windows in corpus order.
  private func corpus(of urns: [Urn]) throws(CorpusError) -> TokenizedCorpus {
    var corpus = frame
    var digest = CorpusDigest()
    var domainIndices: [String: Int] = [:]
    let encoded = urns.reduce(into: [Int: [Int32]]()) { $0.merge($1.encoded) { first, _ in first } }
    let windows = urns.flatMap(\.windows).sorted {
      ($0.document, $0.rows.lowerBound) < ($1.document, $1.rows.lowerBound)
    }
    var last: Int?
    for window in windows {
      guard let document = documents[window.document], let tokens = encoded[window.document]
      else { continue }
      let domain = domainIndices[document.domain] ?? corpus.domains.count
      if domain == corpus.domains.count {
        domainIndices[document.domain] = domain
        corpus.domains.append(TokenizedCorpus.Domain(name: document.domain))
      }
      if last != window.document {
        last = window.document
        digest.append(document)
        corpus.documents.append(
          TokenizedCorpus.Document(
            domain: domain, source: document.source, line: document.line,
            identifier: document.identifier, measure: TextMeasure(document.text),
            sha256: SHA256.hash(document.text), tokenCount: tokens.count))
        corpus.domains[domain].documentCount += 1
        corpus.domains[domain].byteCount += document.text.count
      }
      let first = corpus.tokenCount
      corpus.tokenIDs += tokens[window.rows]
      corpus.domains[domain].tokenCount += window.rows.count
      corpus.sequences.append(
        TokenBatch.Sequence(
          rows: first..<corpus.tokenCount, document: corpus.documents.count - 1,
          index: window.rows.lowerBound / sequenceLength))
    }
    guard !corpus.tokenIDs.isEmpty else { throw .noTokens(documentCount: documents.count) }
    corpus.sha256 = digest.finish()
    return corpus
  }
}

/// The windows of one corpus, as they are drawn.
private struct Urn {
  struct Window {
    let document: Int
    /// Tokens of the document.
    var rows: Range<Int>
  }

  private let candidates: [TextSample.Candidate]
  private let sequenceLength: Int
  private let seed: UInt64
  /// Tokens of the documents that were needed.
  private(set) var encoded: [Int: [Int32]] = [:]
  /// In the order in which they were drawn.
  private(set) var windows: [Window] = []
  private(set) var tokenCount = 0
  private var orders: [Int: WindowOrder] = [:]
  /// The candidate that comes next; beyond the last one they come round again, because documents
  /// may have more windows than their bytes promised.
  private var next = 0
  private var isEmpty = false

  init(_ part: TextSample.Part, sequenceLength: Int, seed: UInt64) {
    candidates = part.candidates
    self.sequenceLength = sequenceLength
    self.seed = seed
  }

  /// Draws until there are `target` tokens or more, or nothing is left.
  mutating func fill(
    to target: Int, documents: [Int: Document], pool: WorkerPool,
    encode: @Sendable ([UInt8]) throws -> [Int32]
  ) throws {
    while tokenCount < target && !isEmpty {
      try encodeNext(target - tokenCount, documents: documents, pool: pool, encode: encode)
      let found = windows.count
      var seen = 0
      while tokenCount < target, seen < candidates.count,
        let tokens = encoded[candidates[next].document]
      {
        draw(from: candidates[next].document, tokens: tokens)
        next = (next + 1) % candidates.count
        seen += 1
      }
      // A whole round without a window: all are drawn.
      isEmpty = candidates.isEmpty || windows.count == found && seen == candidates.count
    }
  }

  /// Cuts the windows that were drawn last.
  mutating func trim(to target: Int) {
    while tokenCount > target, let last = windows.popLast() {
      tokenCount -= last.rows.count
      let rows = last.rows.prefix(target - tokenCount)
      if !rows.isEmpty {
        windows.append(Window(document: last.document, rows: rows))
        tokenCount += rows.count
      }
    }
  }

  private mutating func draw(from document: Int, tokens: [Int32]) {
    let count = (tokens.count + sequenceLength - 1) / sequenceLength
    var order =
      orders[document]
      ?? WindowOrder(
        count: count, start: SeededGenerator.mix(SeededGenerator.mix(seed) ^ UInt64(document)))
    defer { orders[document] = order }
    guard let window = order.next() else { return }
    let rows = window * sequenceLength..<min((window + 1) * sequenceLength, tokens.count)
    windows.append(Window(document: document, rows: rows))
    tokenCount += rows.count
  }

  /// Encodes, at the same time, the documents of the next candidates: about as many as give so many
  /// tokens, and at least one that is not encoded yet.
  private mutating func encodeNext(
    _ tokenCount: Int, documents: [Int: Document], pool: WorkerPool,
    encode: @Sendable ([UInt8]) throws -> [Int32]
  ) throws {
    var wanted: [(number: Int, text: [UInt8])] = []
    var known = Set(encoded.keys)
    var byteCount = 0
    for offset in candidates.indices {
      let candidate = candidates[(next + offset) % candidates.count]
      if byteCount > 4 * tokenCount { break }
      byteCount += candidate.byteCount
      if known.insert(candidate.document).inserted, let document = documents[candidate.document] {
        wanted.append((candidate.document, document.text))
      }
    }
    let texts = wanted
    let results = Mutex<[Result<[Int32], any Error>]>(
      Array(repeating: .success([]), count: texts.count))
    pool.forEach(texts.count) { index, _ in
      let result = Result { try encode(texts[index].text) }
      results.withLock { $0[index] = result }
    }
    for (text, result) in zip(texts, results.withLock({ $0 })) {
      encoded[text.number] = try result.get()
    }
  }
}

/// The windows of one document, each once: wherever one stops, those that came are spread evenly.
///
/// Multiples of the golden ratio modulo 1, from a seeded start.
private struct WindowOrder {
  private let count: Int
  private var taken: Set<Int> = []
  private var fraction: Double

  init(count: Int, start: UInt64) {
    self.count = count
    fraction = Double(start >> 11) * 0x1p-53
  }

  mutating func next() -> Int? {
    guard taken.count < count else { return nil }
    var window = min(Int(fraction * Double(count)), count - 1)
    fraction += 0.618_033_988_749_894_9
    if fraction >= 1 { fraction -= 1 }
    // The next one that is free.
    while !taken.insert(window).inserted { window = (window + 1) % count }
    return window
  }
}
