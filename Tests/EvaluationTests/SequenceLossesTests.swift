import Evaluation
import Testing

/// Sums of the same numbers in another order.
private let tolerance = 1e-12

@Suite("Losses of sequences, and ratios of perplexities")
struct SequenceLossesTests {
  private func losses(of name: String) throws -> SequenceLosses {
    let pico = try Pico(name)
    let corpus = try pico.corpus([
      ("a", prose(90, seed: 1)), ("a", prose(50, seed: 2)), ("b", prose(70, seed: 3)),
    ])
    return try SequenceLosses(
      of: corpus, scorer: WindowScorer(checkpoint: pico.checkpoint, pool: pico.pool)
    ) { _ in }
  }

  @Test("They are those of a softmax over the model's own logits")
  func scored() throws {
    let pico = try Pico()
    let text = prose(40, seed: 9)
    let corpus = try pico.corpus([("a", text)], sequenceLength: 16)
    let losses = try SequenceLosses(
      of: corpus, scorer: WindowScorer(checkpoint: pico.checkpoint, pool: pico.pool)
    ) { _ in }
    let ids = Pico.encode(Array(text.utf8))
    #expect(losses.sequences.map(\.scoredCount) == [15, 15, 7])
    for (index, sequence) in losses.sequences.enumerated() {
      let own = Array(ids[index * 16..<min(index * 16 + 16, ids.count)])
      let expected = try pico.losses(own).reduce(0, +)
      #expect(abs(sequence.loss / expected - 1) < 1e-5)
    }
  }

  @Test("A model over itself is 1 without an error, in every domain")
  func itself() throws {
    let one = try losses(of: "pico-llama")
    let ratios = PerplexityRatios(of: one, over: one)
    #expect(ratios.domains.map(\.name) == ["a", "b"])
    #expect(ratios.geometricMean?.value == 1)
    #expect(ratios.domains[0].ratio == Estimate(1, standardError: 0, degreesOfFreedom: 1))
    #expect((ratios.domains[0].perplexity?.value ?? 0) > 1)
  }

  @Test("Ratios multiply along a chain of models")
  func chain() throws {
    let one = try losses(of: "pico-llama")
    var (two, three) = (one, one)
    for index in one.sequences.indices {
      two.sequences[index].loss *= 1.1
      three.sequences[index].loss += Double(index)
    }
    func ratio(_ upper: SequenceLosses, _ lower: SequenceLosses) -> Double {
      PerplexityRatios(of: upper, over: lower).geometricMean?.value ?? .nan
    }
    let product = ratio(two, one) * ratio(three, two)
    #expect(abs(product / ratio(three, one) - 1) < tolerance)
  }
}
