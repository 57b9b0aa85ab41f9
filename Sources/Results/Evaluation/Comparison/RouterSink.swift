import Activations
import Checkpoints
import Models
import Synchronization

extension MoHDComponent {
  /// The component whose router a hook point reads; nil for any other hook point.
  init?(router: HookPoint) {
    switch router {
    case .attentionRouter: self = .attention
    case .ffnRouter: self = .ffn
    default: return nil
    }
  }
}

/// Follows the routers of a MoHD model: who is active how often, in which domain.
///
/// Position 0 of a sequence is left out, as everywhere: it is an attention sink, and its scores are
/// like no other token's.
final class RouterSink: ActivationSink {
  private struct Place: Hashable {
    let layer: Int
    let component: MoHDComponent
  }
  private struct Piece: Sendable {
    let firstRow: Int
    let sums: [Int: RouterSums]
    /// Of the tokens that count, in order: their specialised sub-dimension of highest score.
    let choices: [Int16]
  }

  private let settings: MoHDSettings
  /// The domain of each row of the batch; nil for position 0.
  private let domains = Mutex<[Int?]>([])
  private let pieces = Mutex<[Place: [Piece]]>([:])
  private let totals = Mutex<[Place: [Int: RouterSums]]>([:])
  /// What is known of the first tokens that count, and what each router chose for them.
  private let seen = Mutex<[SeenToken]>([])
  private let choices = Mutex<[Place: [Int16]]>([:])

  /// What clusters mean is asked of so many tokens.
  static let seenLimit = 1 << 16

  init(_ settings: MoHDSettings) { self.settings = settings }

  /// Says whose rows come next.
  func begin(_ batch: TokenBatch, domain: (TokenBatch.Sequence) -> Int) {
    let all = batch.sequences.flatMap { sequence in
      [nil] + [Int?](repeating: domain(sequence), count: max(0, sequence.rows.count - 1))
    }
    domains.withLock { $0 = all }
    seen.withLock { seen in
      for sequence in batch.sequences {
        let own = domain(sequence)
        for (position, row) in sequence.rows.enumerated() where position > 0 {
          seen.append(SeenToken(id: batch.tokenIDs[row], position: position, domain: own))
        }
      }
      seen.removeLast(max(0, seen.count - Self.seenLimit))
    }
  }

  func wants(_ site: ActivationSite) -> Bool { MoHDComponent(router: site.hookPoint) != nil }
  func begin(_ batch: TokenBatch) {}

  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    guard let component = MoHDComponent(router: site.hookPoint) else { return }
    let own = settings[component][site.layer]
    let domains = domains.withLock { Array($0[rows]) }
    var sums: [Int: RouterSums] = [:]
    let routing = Routing(settings: own, scores: values.indices.map { values[$0] })
    var choices: [Int16] = []
    for row in 0..<rows.count {
      guard let domain = domains[row] else { continue }
      if !own.isStatic, let choice = routing.firstChoice(token: row) { choices.append(choice) }
      sums[domain, default: RouterSums(count: own.count)].add(routing, token: row)
    }
    let piece = Piece(firstRow: rows.lowerBound, sums: sums, choices: choices)
    pieces.withLock {
      $0[Place(layer: site.layer, component: component), default: []].append(piece)
    }
  }

  /// Adds the layer's panels in their order, so that threads do not matter.
  func finish(layer: Int) {
    let found = pieces.withLock { pieces in
      defer { pieces = pieces.filter { $0.key.layer != layer } }
      return pieces.filter { $0.key.layer == layer }
    }
    choices.withLock { choices in
      for (place, list) in found {
        let new = list.sorted { $0.firstRow < $1.firstRow }.flatMap(\.choices)
        let room = Self.seenLimit - (choices[place]?.count ?? 0)
        choices[place, default: []] += new.prefix(max(0, room))
      }
    }
    totals.withLock { totals in
      for (place, list) in found {
        let count = settings[place.component][layer].count
        for piece in list.sorted(by: { $0.firstRow < $1.firstRow }) {
          for (domain, sums) in piece.sums {
            totals[place, default: [:]][domain, default: RouterSums(count: count)].add(sums)
          }
        }
      }
    }
  }

  func end(_ batch: TokenBatch) {}

  /// - Parameter domains: names, in the order of the corpus.
  func results(domains: [String]) -> [RouterResult] {
    let totals = totals.withLock { $0 }
    return settings.attention.indices.flatMap { layer in
      MoHDComponent.allCases.compactMap { component -> RouterResult? in
        guard let parts = totals[Place(layer: layer, component: component)] else { return nil }
        let own = settings[component][layer]
        var result = RouterResult(
          layer: layer, component: component.rawValue, settings: own,
          parts: domains.enumerated().map { index, name in
            (name, parts[index] ?? RouterSums(count: own.count))
          })
        let chosen = choices.withLock { $0[Place(layer: layer, component: component)] ?? [] }
        if result.hasChoice, !chosen.isEmpty {
          result.meaning = RouterMeaning(
            choices: chosen, tokens: seen.withLock { $0 }, seed: UInt64(layer))
        }
        return result
      }
    }
  }
}
