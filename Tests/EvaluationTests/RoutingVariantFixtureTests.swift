import Activations
import Checkpoints
import Corpora
import Evaluation
import Files
import Foundation
import Kernels
import Models
import Synchronization
import Tensors
import Testing

/// Of logits and losses, relative to the largest: PyTorch computes in float64, we in Float32.
private let relativeTolerance = 1e-5

/// What an independent PyTorch program computed: see Tests/Fixtures/generate_routing_variants.py.
@Suite("Routing variants equal PyTorch")
struct RoutingVariantFixtureTests {
  static let models = ["paper", "converted", "input-gates", "every-projection"]
  /// Of the random variant; the generator's SEED.
  private static let seed: UInt64 = 11
  /// Weights of load balancing; the generator's BALANCED.
  static let balanceWeights = [0.5, 1]
  static let names = RoutingVariant.allCases.map(\.rawValue) + balanceWeights.map(balanced)

  static func balanced(_ weight: Double) -> String { "balanced_\(weight)" }

  @Test(
    "Active sets are the same, and logits and losses are",
    arguments: models, names)
  func forward(model: String, variant: String) throws {
    let (fixture, pico) = (try VariantFixture(model), try Pico("../mohd/pico-mohd-\(model)"))
    let text = try fixture.text(pico)
    let label = "\(model) \(variant)"
    let settings = try #require(pico.checkpoint.configuration.mohd)
    let uses = try fixture.uses(settings)
    let recorder = RoutingRecorder(
      RoutingVariant(rawValue: variant).map {
        VariantRouting($0, seed: Self.seed, fixed: FixedChoice(uses))
      } ?? LoadBalancing(weight: Double(variant.dropFirst("balanced_".count)) ?? .nan, uses: uses))
    let batch = Self.scored(text)

    let logits = try pico.logits(batch, intervention: Intervention(routing: recorder))

    let places = batch.places(of: 0..<batch.tokenCount)
    for component in MoHDComponent.allCases {
      for layer in settings[component].indices {
        let name = "\(variant)/\(component.rawValue)_active/\(layer)"
        let found = places.flatMap { recorder.active(layer, component, $0) }
        #expect(try found == fixture.bytes(name), "\(model) \(name)")
      }
    }
    try expectClose(
      logits.flatMap { $0 }, fixture.values("\(variant)/logits"), "\(label) logits")
    let losses = batch.sequences.flatMap { sequence in
      sequence.rows.dropFirst().map { row in
        loss(logits[row - 1], target: Int(batch.tokenIDs[row]))
      }
    }
    try expectClose(losses, fixture.values("\(variant)/losses"), "\(label) losses")
  }

  @Test(
    "An ablation chooses the same static sets and finds the same perplexities", arguments: models)
  func ablation(model: String) throws {
    let (fixture, pico) = (try VariantFixture(model), try Pico("../mohd/pico-mohd-\(model)"))
    let settings = try #require(pico.checkpoint.configuration.mohd)
    let ablation = try Ablation(
      converted: pico.checkpoint, dense: nil, text: fixture.text(pico),
      options: .init(
        seed: Self.seed, knockOutCount: 0, fractions: [], balanceWeights: Self.balanceWeights),
      pool: pico.pool, shelf: nil)
    let result = AblationResult(
      convertedName: model, denseName: nil, provenance: [:], measurements: try ablation.run(),
      overlap: nil)

    let expected = try fixture.uses(settings)
    #expect(result.components.map(\.fixed) == expected.map(\.fixed))
    for (found, expected) in zip(result.components, expected) {
      try expectClose(found.usualScore, expected.usualScore, "\(model) usual scores")
    }
    for row in result.routing {
      let losses = try fixture.values("\(row.variant.rawValue)/losses")
      let perplexity = perplexity(losses)
      // A variant that would repeat another one is not run: the oracle of an energy router.
      if row.score == nil {
        #expect(model == "converted" && row.variant == .oracle, "\(model) \(row.variant)")
        #expect(try losses == fixture.values("own/losses"))
      } else {
        try expectClose(
          [row.score?.perplexity.value ?? .nan], [perplexity], "\(model) \(row.variant) perplexity")
      }
    }
  }

  @Test("An ablation evens loads as PyTorch does", arguments: models)
  func balance(model: String) throws {
    let (fixture, pico) = (try VariantFixture(model), try Pico("../mohd/pico-mohd-\(model)"))
    let settings = try #require(pico.checkpoint.configuration.mohd)
    let text = try fixture.text(pico)
    let ablation = try Ablation(
      converted: pico.checkpoint, dense: nil, text: text,
      options: .init(knockOutCount: 0, fractions: [], balanceWeights: Self.balanceWeights),
      pool: pico.pool, shelf: nil)
    let balances = AblationResult(
      convertedName: model, denseName: nil, provenance: [:], measurements: try ablation.run(),
      overlap: nil
    ).balances

    let lengths = Self.scored(text).sequences.map(\.rows.count)
    #expect(balances.map(\.weight) == [0] + Self.balanceWeights)
    #expect(balances.first?.score.ratio.value == 1)
    for row in balances {
      let name = row.weight == 0 ? "own" : Self.balanced(row.weight)
      let expected = try perplexity(fixture.values("\(name)/losses"))
      try expectClose([row.score.perplexity.value], [expected], "\(model) \(name)")
      let entropies = try settings.attention.indices.flatMap { layer in
        try MoHDComponent.allCases.compactMap { component in
          try loadEntropy(
            fixture.bytes("\(name)/\(component.rawValue)_active/\(layer)"),
            lengths: lengths, settings[component][layer])
        }
      }
      try #require(entropies.count == row.load.routerCount)
      try expectClose(
        [row.load.loadEntropy ?? .nan], [entropies.reduce(0, +) / Double(entropies.count)],
        "\(model) \(name) entropy")
    }
  }

  /// Of the specialised sub-dimensions' loads, over its largest possible value. A sequence's
  /// first token does not count, and its last predicts nothing and is not run.
  private func loadEntropy(
    _ active: [UInt8], lengths: [Int], _ settings: SubDimensions
  ) -> Double? {
    let specialised = settings.sharedCount..<settings.count
    guard specialised.count > 1, !settings.isStatic else { return nil }
    var loads = [Double](repeating: 0, count: specialised.count)
    var start = 0
    for length in lengths {
      for token in start + 1..<start + length - 1 {
        for i in specialised {
          loads[i - settings.sharedCount] += Double(active[token * settings.count + i])
        }
      }
      start += length
    }
    let total = loads.reduce(0, +)
    return loads.reduce(0) { $1 > 0 ? $0 - $1 / total * log($1 / total) : $0 }
      / log(Double(specialised.count))
  }

  private func perplexity(_ losses: [Double]) -> Double {
    exp(losses.reduce(0, +) / Double(losses.count))
  }

  @Test("The text is split as the definition says", arguments: models)
  func text(model: String) throws {
    let (fixture, pico) = (try VariantFixture(model), try Pico("../mohd/pico-mohd-\(model)"))
    let text = try fixture.text(pico)
    #expect(try text.corpus.tokenIDs.map(Double.init) == fixture.values("token_ids"))
    let rows = text.corpus.sequences.flatMap { sequence in
      let place = TokenPlace(document: sequence.document, sequence: sequence.index, position: 0)
      return [
        sequence.document, sequence.index, sequence.rows.count, text.isScored(place) ? 1 : 0,
      ]
    }
    #expect(try rows.map(Double.init) == fixture.values("sequences"))
  }

  /// Whoever mixes up two variants is found out by `forward`.
  @Test("No variant passes for another, but for the oracle of an energy router", arguments: models)
  func distinct(model: String) throws {
    let fixture = try VariantFixture(model)
    for (index, one) in Self.names.enumerated() {
      for other in Self.names[(index + 1)...] {
        let (a, b) = try (fixture.values("\(one)/logits"), fixture.values("\(other)/logits"))
        let isSame = model == "converted" && one == "own" && other == "oracle"
        #expect((difference(a, b).relative <= 100 * relativeTolerance) == isSame, "\(one) \(other)")
      }
    }
  }

  /// The scored sequences alone, each at its place in the corpus.
  private static func scored(_ text: AblationText) -> TokenBatch {
    var (ids, sequences): ([Int32], [TokenBatch.Sequence]) = ([], [])
    for sequence in text.corpus.sequences
    where text.isScored(
      TokenPlace(document: sequence.document, sequence: sequence.index, position: 0))
    {
      sequences.append(
        TokenBatch.Sequence(
          rows: ids.count..<ids.count + sequence.rows.count, document: sequence.document,
          index: sequence.index))
      ids += text.corpus.tokenIDs[sequence.rows]
    }
    return TokenBatch(tokenIDs: ids, sequences: sequences)
  }

  private func loss(_ logits: [Double], target: Int) -> Double {
    let largest = logits.max() ?? 0
    return largest + log(logits.reduce(0) { $0 + exp($1 - largest) }) - logits[target]
  }

  /// The largest difference, where it is, and its ratio to the largest value of `expected`.
  private func difference(
    _ actual: [Double], _ expected: [Double]
  ) -> (index: Int, relative: Double) {
    let errors = zip(actual, expected).map { abs($0 - $1) }
    // NaN is the worst there is.
    let worst = errors.indices.max { !errors[$1].isFinite || errors[$0] < errors[$1] } ?? 0
    return (worst, errors[worst] / (expected.map(abs).max() ?? 0))
  }

  private func expectClose(_ actual: [Double], _ expected: [Double], _ label: String) throws {
    try #require(actual.count == expected.count, "\(label): \(actual.count) values")
    let (worst, relative) = difference(actual, expected)
    #expect(
      relative <= relativeTolerance,
      """
      \(label)[\(worst)]: expected \(expected[worst]), found \(actual[worst]), which differs by \
      \(relative) of the largest
      """)
  }
}

/// Routes as another override says, and remembers which were active.
private final class RoutingRecorder: RoutingOverride {
  private struct Key: Hashable {
    let layer: Int
    let component: MoHDComponent
    let token: TokenPlace
  }

  private let routing: any RoutingOverride
  private let sets = Mutex<[Key: [UInt8]]>([:])

  init(_ routing: any RoutingOverride) { self.routing = routing }

  var needsEnergies: Bool { routing.needsEnergies }

  func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    self.routing.choose(
      routing, energies: energies, tokens: tokens, layer: layer, component: component)
    for (row, token) in tokens.enumerated() {
      let set = (0..<routing.settings.count).map { UInt8(routing.active[row, $0]) }
      sets.withLock { $0[Key(layer: layer, component: component, token: token)] = set }
    }
  }

  /// 1 where a sub-dimension was active, [N].
  func active(_ layer: Int, _ component: MoHDComponent, _ token: TokenPlace) -> [UInt8] {
    sets.withLock { $0[Key(layer: layer, component: component, token: token)] ?? [] }
  }
}

/// One file of Tests/Fixtures/routing_variants.
private struct VariantFixture {
  private let tensors: FixtureTensors

  init(_ model: String) throws {
    tensors = try FixtureTensors("routing_variants/pico-mohd-\(model).safetensors")
  }

  func bytes(_ name: String) throws -> [UInt8] { try tensors.bytes(name) }
  func values(_ name: String) throws -> [Double] { try tensors.values(name) }

  /// The texts whose bytes are the tokens of `Pico.encode`, cut as the generator cuts them.
  func text(_ pico: Pico) throws -> AblationText {
    let ids = try values("token_ids").map { Int($0) }
    let documents = try values("documents").map { Int($0) }
    var start = 0
    let texts = stride(from: 0, to: documents.count, by: 2).map { row in
      let own = ids[start..<start + documents[row + 1]]
      start += own.count
      return (
        domain: "\(documents[row])",
        text: String(decoding: own.map { UInt8($0 < 32 ? $0 + 96 : $0) }, as: UTF8.self)
      )
    }
    return try AblationText(pico.corpus(texts, sequenceLength: 8))
  }

  /// The sets of the static variant and the mean scores, as a survey gives them.
  func uses(_ settings: MoHDSettings) throws -> [ComponentUse] {
    var rows: [[String: Any]] = []
    for layer in settings.attention.indices {
      for component in MoHDComponent.allCases {
        let set = try bytes("static_sets/\(component.rawValue)/\(layer)")
        rows.append([
          "layer": layer, "component": component.rawValue, "shared": 0, "top_k": 0,
          "mean_active": [Double](), "mean_gate": [Double](), "mean_energy": [Double](),
          "static": set.indices.filter { set[$0] == 1 },
          "usual_score": try values("usual_scores/\(component.rawValue)/\(layer)"),
        ])
      }
    }
    return try JSONDecoder().decode(
      [ComponentUse].self, from: JSONSerialization.data(withJSONObject: rows))
  }
}
