import Corpora
import Evaluation
import Foundation
import Testing

/// Single-precision logits of about 5, in batches of other shapes.
private let tolerance = 2e-5

@Suite("Perplexities")
struct PerplexityEvaluationTests {
  private func result(
    _ pico: Pico, _ corpus: TokenizedCorpus, window: Int, prefix: Int32? = 1
  ) throws -> PerplexityResult {
    let evaluation = try PerplexityEvaluation(
      corpus, windowLength: window, prefix: prefix, repeatsPrefix: false,
      decode: { $0.map { UInt8(truncatingIfNeeded: $0) } })
    return try evaluation.run(with: WindowScorer(checkpoint: pico.checkpoint, pool: pico.pool))
  }

  private func close(_ found: Double?, _ expected: Double) -> Bool {
    found.map { abs($0 - expected) <= tolerance * expected } ?? false
  }

  @Test("token_perplexity is exp of the mean loss of every token but a sequence's first")
  func tokens() throws {
    let pico = try Pico()
    let texts = [("a", prose(50, seed: 1)), ("b", prose(17, seed: 2)), ("b", prose(1, seed: 3))]
    let corpus = try pico.corpus(texts, sequenceLength: 16)
    let found = try result(pico, corpus, window: 8)
    var losses: [[Double]] = [[], []]
    for sequence in corpus.sequences {
      let domain = corpus.domain(of: sequence)
      losses[domain] += try pico.losses(Array(corpus.tokenIDs[sequence.rows]))
    }
    for (scores, expected) in zip(found.domains.map(\.scores), losses) {
      #expect(
        close(scores.token?.value, exp(expected.reduce(0, +) / Double(expected.count))))
      #expect(scores.scoredTokenCount == expected.count)
    }
    let all = losses.flatMap { $0 }
    #expect(close(found.all.token?.value, exp(all.reduce(0, +) / Double(all.count))))
    #expect(found.domains.map(\.name) == ["a", "b"])
    #expect(found.domains[0].scores.token?.standardError == nil)
  }

  @Test("A text without tokens is a word and no byte, as lm-evaluation-harness counts it")
  func empty() throws {
    let pico = try Pico()
    let text = prose(9, seed: 6)
    let alone = try result(pico, try pico.corpus([("a", text)]), window: 8).all
    let other = try Pico()
    let found = try result(
      other, try other.corpus([("a", ""), ("a", text), ("a", "")]), window: 8
    ).all
    #expect(found.wordCount == alone.wordCount + 2 && found.byteCount == alone.byteCount)
    #expect(found.documentCount == 3 && alone.documentCount == 1)
    let words = Double(alone.wordCount)
    #expect(
      close(found.word?.value, pow(try #require(alone.word?.value), words / (words + 2))))
    #expect(found.byte?.value == alone.byte?.value && found.token?.value == alone.token?.value)
    // What a limit leaves nothing of is no part of the evaluation.
    let cut = try Pico()
    let limited = try result(
      cut, try cut.corpus([("a", text), ("a", "more")], maximum: text.utf8.count), window: 8
    ).all
    #expect(limited.wordCount == alone.wordCount && limited.documentCount == 1)
  }

  @Test(
    "Words and bytes score every token of every document in rolling windows", arguments: [8, 64])
  func rolling(window: Int) throws {
    let pico = try Pico()
    let texts = [("a", prose(50, seed: 4)), ("a", prose(9, seed: 5))]
    let corpus = try pico.corpus(texts)
    let scores = try result(pico, corpus, window: window).all
    var (sum, words) = (0.0, 0)
    for (_, text) in texts {
      let ids = Pico.encode(Array(text.utf8))
      let first = min(window, ids.count)
      sum += try pico.losses([1] + ids[..<first]).reduce(0, +)
      var scored = first
      while scored < ids.count {
        let end = min(scored + window, ids.count)
        sum += try pico.losses(Array(ids[end - 1 - window..<end])).suffix(end - scored)
          .reduce(0, +)
        scored = end
      }
      words +=
        text.split(separator: " ", omittingEmptySubsequences: false).count
        - text.emptyWordCount
    }
    #expect(scores.byteCount == 59 && scores.wordCount == words)
    #expect(close(scores.word?.value, exp(sum / Double(words))))
    #expect(close(scores.byte?.value, exp(sum / 59)))
    #expect(close(scores.bitsPerByte?.value, sum / 59 / log(2)))
  }

  @Test("A document that a limit cuts counts what is left of it")
  func cut() throws {
    let pico = try Pico()
    let corpus = try pico.corpus([("a", "aa bb cc dd"), ("b", "zz")], maximum: 4)
    let scores = try result(pico, corpus, window: 8).all
    #expect(scores.tokenCount == 4 && scores.byteCount == 4)
    #expect(scores.documentCount == 1)
  }

  @Test("Without a prefix there are no words and bytes; with one token there is nothing")
  func nothing() throws {
    let pico = try Pico()
    let corpus = try pico.corpus([("a", prose(20, seed: 6))])
    let scores = try result(pico, corpus, window: 8, prefix: nil).all
    #expect(scores.token != nil && scores.word == nil && scores.bitsPerByte == nil)
    let one = try Pico().corpus([("a", "x")])
    #expect(throws: EvaluationError.nothingToScore) {
      try result(pico, one, window: 8, prefix: nil)
    }
  }

  @Test("Scores survive JSON, absent numbers too")
  func coding() throws {
    let pico = try Pico()
    let corpus = try pico.corpus([("a", prose(20, seed: 6))])
    for prefix in [nil, Int32(1)] {
      let scores = try result(pico, corpus, window: 8, prefix: prefix).all
      let bytes = try JSONEncoder().encode(scores)
      #expect(try JSONDecoder().decode(PerplexityScores.self, from: bytes) == scores)
      #expect(String(decoding: bytes, as: UTF8.self).contains("\"word_perplexity\":"))
    }
  }
}

extension String {
  /// Words that splitting at each single space finds between two spaces, and a run does not.
  fileprivate var emptyWordCount: Int {
    zip(utf8, utf8.dropFirst()).count { $0 == 0x20 && $1 == 0x20 }
  }
}
