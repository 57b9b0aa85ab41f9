import Console
import Evaluation
import Files

/// What `perplexity` prints.
struct PerplexityReport {
  let result: PerplexityResult
  let sequenceLength: Int
  let windowLength: Int
  let prefix: Int32?
  let seconds: Double
  /// Corpora of which a limit left nothing or little; nil where none is.
  let leftOut: String?

  func print(json: Bool) throws {
    if json {
      try printJSON(self)
      return
    }
    let title = ["domain", "tokens", "token perplexity", "word", "byte", "bits per byte"]
    let rows =
      [title] + result.domains.map { row($0.name, $0.scores) }
      + (result.domains.count > 1 ? [row("all", result.all)] : [])
    for line in TextTable.lines(rows) { Swift.print(line) }
    Swift.print(
      "\nsequences of \(sequenceLength) tokens, rolling windows of \(windowLength); "
        + "± standard error over \(HumanReadable.count(result.all.documentCount, "document")); "
        + HumanReadable.duration(seconds))
  }

  private func row(_ name: String, _ scores: PerplexityScores) -> [String] {
    [
      name, HumanReadable.count(scores.tokenCount), TextTable.text(scores.token),
      TextTable.text(scores.word), TextTable.text(scores.byte),
      TextTable.text(scores.bitsPerByte),
    ]
  }
}

extension PerplexityReport: Encodable {
  private enum CodingKeys: String, CodingKey {
    case domains
    case sequenceLength = "sequence_length"
    case windowLength = "window_length"
    case prefix = "prefix_token_id"
    case standardErrors = "standard_errors"
    case seconds
    case leftOut = "left_out"
  }

  private struct Domain: Encodable {
    let name: String
    let scores: PerplexityScores

    private enum CodingKeys: String, CodingKey { case domain }

    func encode(to encoder: any Encoder) throws {
      try scores.encode(to: encoder)
      var values = encoder.container(keyedBy: CodingKeys.self)
      try values.encode(name, forKey: .domain)
    }
  }

  func encode(to encoder: any Encoder) throws {
    try result.all.encode(to: encoder)
    var values = encoder.container(keyedBy: CodingKeys.self)
    try values.encode(
      result.domains.map { Domain(name: $0.name, scores: $0.scores) }, forKey: .domains)
    try values.encode(sequenceLength, forKey: .sequenceLength)
    try values.encode(windowLength, forKey: .windowLength)
    try values.encode(prefix, forKey: .prefix)
    try values.encode("delta method over documents", forKey: .standardErrors)
    try values.encode(seconds, forKey: .seconds)
    try values.encodeIfPresent(leftOut, forKey: .leftOut)
  }
}

/// What a measurement of perplexity would take.
struct PerplexityEstimate: Encodable {
  let tokens: Int
  let documents: Int
  let forward_tokens: Int
  let peak_memory_bytes: Int

  func print(json: Bool) throws {
    if json {
      try printJSON(self)
      return
    }
    Swift.print(
      """
      Nothing was run. This would take
        text         \(HumanReadable.count(tokens, "token")) of \(HumanReadable.count(documents, "document")) \

        forward      \(HumanReadable.count(forward_tokens, "token")), as sequences and as rolling \
      windows
        peak memory  about \(HumanReadable.bytes(peak_memory_bytes)), besides the mapped model
      """)
  }
}
