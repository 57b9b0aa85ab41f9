import Activations
import Kernels

/// Text to train on and text that is held out, cut into sequences that never mix two documents.
public struct TrainingText: Sendable {
  public let domains: [Domain]
  public let sequenceLength: Int

  /// One domain, cut.
  public struct Domain: Sendable {
    public let text: TokenizedDomain
    /// Its part of the mix; 0: it is evaluated on, and not trained on.
    public let weight: Double
    /// Runs of its tokens, at least two each.
    public let training: [Range<Int>]
    public let heldOut: [Range<Int>]
    /// Whether single sequences are held out, for want of documents.
    public let holdsOutBlocks: Bool
    /// Tokens for one byte of the held-out documents' text.
    public let tokensPerByte: Double
    /// Sequences of a single token, which nothing could be learnt from.
    public let droppedCount: Int
  }

  /// Of every so many documents one is held out.
  static let heldOutShare: UInt64 = 32
  /// Fewer documents are held out in blocks of sequences.
  static let leastDocuments = 20
  static let blockSequenceCount = 16

  /// - Parameters:
  ///   - weights: of the mix; nil: every domain by its tokens.
  ///   - vocabularySize: the model's.
  ///   - evaluationTokens: of each domain at most, of what is held out.
  /// - Throws: `LearningError`.
  public init(
    _ texts: [TokenizedDomain], weights: [String: Double]?, sequenceLength: Int,
    evaluationTokens: Int, vocabularySize: Int
  ) throws(LearningError) {
    let names = texts.map(\.name)
    for (domain, weight) in (weights ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard names.contains(domain) else { throw .unknownDomain(domain: domain, known: names) }
      guard weight.isFinite, weight >= 0 else { throw .badWeight(domain: domain, weight: weight) }
    }
    if let weights, !weights.values.contains(where: { $0 > 0 }) { throw .noWeight }
    for text in texts where text.vocabularySize > vocabularySize {
      throw .vocabularyTooLarge(tokenizer: text.vocabularySize, model: vocabularySize)
    }
    self.sequenceLength = sequenceLength
    var domains: [Domain] = []
    for text in texts {
      let weight = weights.map { $0[text.name] ?? 0 } ?? Double(text.tokens.count)
      let domain = Domain(
        text, weight: weight, sequenceLength: sequenceLength, evaluationTokens: evaluationTokens)
      guard weight == 0 || !domain.training.isEmpty else {
        throw .emptyDomain(domain: text.name, sequenceLength: sequenceLength)
      }
      domains.append(domain)
    }
    guard domains.contains(where: { $0.weight > 0 }) else { throw .noWeight }
    self.domains = domains
  }

  /// Bytes of all of it in memory.
  public var byteCount: Int {
    domains.reduce(0) { sum, domain in
      let width = domain.text.vocabularySize <= 1 << 16 ? 2 : 4
      return sum + width * domain.text.tokens.count + 24 * domain.text.documentCount
        + 16 * (domain.training.count + domain.heldOut.count)
    }
  }

  /// The order in which steps take them.
  public func order(seed: UInt64, sequencesPerStep: Int) -> BatchOrder {
    BatchOrder(
      domains.map {
        .init(name: $0.text.name, weight: $0.weight, sequenceCount: $0.training.count)
      }, seed: seed, sequencesPerStep: sequencesPerStep)
  }

  /// One step's sequences.
  public func batch(_ choices: [BatchOrder.Choice]) -> TokenBatch {
    Self.batch(
      choices.map { (domains[$0.domain].text.tokens, domains[$0.domain].training[$0.sequence]) })
  }

  /// What is held out of one domain, in batches of at most `tokenCount` tokens.
  public func heldOutBatches(_ domain: Int, tokenCount: Int) -> [TokenBatch] {
    var batches: [[Range<Int>]] = []
    var room = 0
    for sequence in domains[domain].heldOut {
      if batches.isEmpty || room < sequence.count {
        batches.append([])
        room = max(tokenCount, sequence.count)
      }
      batches[batches.count - 1].append(sequence)
      room -= sequence.count
    }
    let tokens = domains[domain].text.tokens
    return batches.map { Self.batch($0.map { (tokens, $0) }) }
  }

  private static func batch(_ parts: [(TokenIDs, Range<Int>)]) -> TokenBatch {
    var (ids, sequences): ([Int32], [TokenBatch.Sequence]) = ([], [])
    for (index, (tokens, range)) in parts.enumerated() {
      sequences.append(
        TokenBatch.Sequence(rows: ids.count..<ids.count + range.count, document: index, index: 0))
      ids += tokens[range]
    }
    return TokenBatch(tokenIDs: ids, sequences: sequences)
  }
}

extension TrainingText.Domain {
  fileprivate init(
    _ text: TokenizedDomain, weight: Double, sequenceLength: Int, evaluationTokens: Int
  ) {
    self.text = text
    self.weight = weight
    let documents = (0..<text.documentCount).map { text.starts[$0]..<text.starts[$0 + 1] }
    let cuts = documents.map { Self.cut($0, sequenceLength) }
    droppedCount = cuts.joined().count { $0.count < 2 }
    func usable(_ sequences: some Sequence<Range<Int>>) -> [Range<Int>] {
      sequences.filter { $0.count >= 2 }
    }
    var heldOut: [Range<Int>] = []
    var (tokens, bytes) = (0, 0)
    if documents.count >= TrainingText.leastDocuments {
      holdsOutBlocks = false
      var chosen = Set(
        documents.indices.filter { text.digests[$0] % TrainingText.heldOutShare == 0 })
      if chosen.isEmpty,
        let first = text.digests.indices.min(by: {
          text.digests[$0] < text.digests[$1]
        })
      {
        chosen = [first]
      }
      training = usable(documents.indices.filter { !chosen.contains($0) }.flatMap { cuts[$0] })
      // By digest, so that how many are read changes nothing about which come first.
      for document in chosen.sorted(by: { text.digests[$0] < text.digests[$1] })
      where heldOut.reduce(0, { $0 + $1.count }) < evaluationTokens {
        heldOut += usable(cuts[document])
        tokens += documents[document].count
        bytes += text.byteCounts[document]
      }
    } else {
      holdsOutBlocks = true
      let all = usable(cuts.joined())
      let size = TrainingText.blockSequenceCount
      let blocks = stride(from: 0, to: all.count, by: size).map {
        Array(all[$0..<min($0 + size, all.count)])
      }
      let keys = blocks.map { block in
        SeededGenerator.mix(
          text.tokens[block[0]].reduce(UInt64(0)) {
            SeededGenerator.mix($0 ^ UInt64(bitPattern: Int64($1)))
          })
      }
      var chosen = Set(blocks.indices.filter { keys[$0] % TrainingText.heldOutShare == 0 })
      if chosen.isEmpty, blocks.count > 1, let first = keys.indices.min(by: { keys[$0] < keys[$1] })
      {
        chosen = [first]
      }
      training = blocks.indices.filter { !chosen.contains($0) }.flatMap { blocks[$0] }
      heldOut = blocks.indices.filter { chosen.contains($0) }.flatMap { blocks[$0] }
      tokens = text.tokens.count
      bytes = text.byteCounts.reduce(0, +)
    }
    tokensPerByte = Double(tokens) / Double(max(bytes, 1))
    var room = evaluationTokens
    self.heldOut = heldOut.filter { sequence in
      defer { room -= sequence.count }
      return room > 0
    }
  }

  private static func cut(_ document: Range<Int>, _ length: Int) -> [Range<Int>] {
    stride(from: document.lowerBound, to: document.upperBound, by: length).map {
      $0..<min($0 + length, document.upperBound)
    }
  }
}
