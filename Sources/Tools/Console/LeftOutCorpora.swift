import Corpora

/// Corpora that were given and of which a limit left nothing, or next to nothing: limits take text in
/// command-line order.
struct LeftOutCorpora: Equatable {
  struct Corpus: Equatable {
    let name: String
    let tokenCount: Int
  }

  let corpora: [Corpus]
  private let cuts: TokenizingOptions

  /// Less than this of an even part is next to nothing.
  private static let littleShare = 0.1

  init(
    of text: TokenizedCorpus, _ specifications: [CorpusSpecification], options: CorpusOptions,
    cuts: TokenizingOptions
  ) throws {
    self.cuts = cuts
    guard specifications.count > 1,
      cuts.maximumTokenCount != nil || cuts.maximumTokenCountPerDomain != nil
    else {
      corpora = []
      return
    }
    var tokenCounts = text.sources.map { _ in 0 }
    for sequence in text.sequences {
      tokenCounts[text.documents[sequence.document].source] += sequence.rows.count
    }
    let isFull = text.tokenCount == cuts.maximumTokenCount
    // What comes after the last document, or is the rest of it, was not read.
    let lastSource = text.documents.last?.source ?? 0
    let fullDomains = Set(
      text.domains.filter { $0.tokenCount == cuts.maximumTokenCountPerDomain }.map(\.name))
    var first = 0
    var corpora: [Corpus] = []
    let evenPart = Double(text.tokenCount) / Double(specifications.count)
    for specification in specifications {
      let count = try CorpusSource.find([specification], format: options.format).count
      let sources = first..<min(first + count, text.sources.count)
      first += count
      let tokenCount = tokenCounts[sources].reduce(0, +)
      let hasMore =
        isFull && sources.contains { $0 >= lastSource }
        || text.sources[sources].contains { fullDomains.contains($0.domain) }
      if hasMore && Double(tokenCount) < Self.littleShare * evenPart {
        corpora.append(
          Corpus(name: specification.domain ?? specification.path, tokenCount: tokenCount))
      }
    }
    self.corpora = corpora
  }

  /// "code 0 tokens, docs 12 tokens"; nil where nothing is left out.
  var summary: String? {
    guard !corpora.isEmpty else { return nil }
    return corpora.map { "\($0.name) \($0.tokenCount) tokens" }.joined(separator: ", ")
  }

  /// One line that says so.
  var warning: String? {
    guard let summary else { return nil }
    let limits = [
      cuts.maximumTokenCount.map { "--max-tokens \($0)" },
      cuts.maximumTokenCountPerDomain.map { "--max-tokens-per-domain \($0)" },
    ].compactMap(\.self).joined(separator: " and ")
    return "\(limits) takes texts in the order given and leaves \(corpora.count) of them out or "
      + "nearly so: \(summary)"
      + (cuts.maximumTokenCountPerDomain == nil
        ? "; --max-tokens-per-domain takes some of each" : "")
  }
}
