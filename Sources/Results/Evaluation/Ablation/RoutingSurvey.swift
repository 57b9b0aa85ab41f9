import Activations
import Checkpoints
import Corpora
import Models
import Synchronization
import Tensors

/// What one component's sub-dimensions do on the text, and which would serve all tokens alike.
public struct ComponentUse: Codable, Sendable, Equatable {
  public var layer: Int
  public var component: MoHDComponent
  public var sharedCount: Int
  public var activeCount: Int
  /// Share of tokens for which each is active, [N]. Means leave position 0 of sequences out.
  public var meanActive: [Double]
  /// Mean gate g_i, [N]; with unit gates the same.
  public var meanGate: [Double]
  /// Mean energy ‖D_i z_i‖², [N].
  public var meanEnergy: [Double]
  /// Sub-dimensions of the static variant, ascending: the shared ones, and those of highest mean
  /// energy on the text that is kept apart for the choice.
  public var fixed: [Int]
  /// Mean score s_i on that same text, [N]: what load balancing divides by.
  public var usualScore: [Double]

  enum CodingKeys: String, CodingKey {
    case layer, component
    case sharedCount = "shared"
    case activeCount = "top_k"
    case meanActive = "mean_active"
    case meanGate = "mean_gate"
    case meanEnergy = "mean_energy"
    case fixed = "static"
    case usualScore = "usual_score"
  }

  public var count: Int { meanActive.count }
}

/// The same sub-dimensions for all tokens, component by component.
package struct FixedChoice: Sendable {
  private let choices: [[MoHDComponent: [Int]]]

  package init(_ uses: [ComponentUse]) {
    var choices: [[MoHDComponent: [Int]]] = []
    for use in uses {
      while choices.count <= use.layer { choices.append([:]) }
      choices[use.layer][use.component] = use.fixed
    }
    self.choices = choices
  }

  subscript(layer: Int, component: MoHDComponent) -> [Int]? {
    choices.indices.contains(layer) ? choices[layer][component] : nil
  }
}

/// Looks on while a model routes: an override that overrides nothing.
final class RoutingSurvey: RoutingOverride {
  private struct Key: Hashable {
    let layer: Int
    let component: MoHDComponent
  }

  /// Sums over the tokens of one panel.
  private struct Piece: Sendable {
    let first: TokenPlace
    /// Of the scored text, without position 0.
    var tokenCount = 0
    var active: [Double]
    var gates: [Double]
    var energies: [Double]
    /// Of the text that chooses, without position 0: energies and scores.
    var choosingTokenCount = 0
    var choosing: [Double]
    var choosingScores: [Double]
    /// Of the scored text, by domain.
    var routers: [Int: RouterSums] = [:]
  }

  private let text: AblationText
  private let settings: MoHDSettings
  private let pieces = Mutex<[Key: [Piece]]>([:])

  init(_ settings: MoHDSettings, text: AblationText) {
    self.settings = settings
    self.text = text
  }

  var needsEnergies: Bool { true }

  func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    guard let energies, let first = tokens.first else { return }
    let count = routing.settings.count
    let zeros = [Double](repeating: 0, count: count)
    var piece = Piece(
      first: first, active: zeros, gates: zeros, energies: zeros, choosing: zeros,
      choosingScores: zeros)
    for (row, token) in tokens.enumerated() {
      let chooses = text.chooses(token)
      guard token.position > 0 else { continue }
      if text.isScored(token) {
        piece.routers[
          text.corpus.documents[token.document].domain, default: RouterSums(count: count)
        ].add(routing, token: row)
        piece.tokenCount += 1
        for i in 0..<count {
          piece.active[i] += Double(routing.active[row, i])
          piece.gates[i] += Double(routing.gates[row, i])
          piece.energies[i] += Double(energies[row, i])
        }
      }
      if chooses {
        piece.choosingTokenCount += 1
        for i in 0..<count {
          piece.choosing[i] += Double(energies[row, i])
          piece.choosingScores[i] += Double(routing.scores[row, i])
        }
      }
    }
    let done = piece
    pieces.withLock { $0[Key(layer: layer, component: component), default: []].append(done) }
  }

  /// Everything that was seen: sums in the order of the text, so that threads do not matter.
  var result: SurveyResult {
    let pieces = pieces.withLock { $0 }
    var result = SurveyResult(components: [], routers: [])
    for layer in settings.attention.indices {
      for component in MoHDComponent.allCases {
        let own = settings[component][layer]
        let list = (pieces[Key(layer: layer, component: component)] ?? []).sorted {
          ($0.first.document, $0.first.sequence, $0.first.position)
            < ($1.first.document, $1.first.sequence, $1.first.position)
        }
        func sum(_ part: (Piece) -> [Double]) -> [Double] {
          list.reduce(into: [Double](repeating: 0, count: own.count)) { total, piece in
            for (i, value) in part(piece).enumerated() { total[i] += value }
          }
        }
        let tokenCount = Double(max(1, list.reduce(0) { $0 + $1.tokenCount }))
        let choosingTokenCount = Double(max(1, list.reduce(0) { $0 + $1.choosingTokenCount }))
        result.components.append(
          ComponentUse(
            layer: layer, component: component, sharedCount: own.sharedCount,
            activeCount: own.activeCount, meanActive: sum(\.active).map { $0 / tokenCount },
            meanGate: sum(\.gates).map { $0 / tokenCount },
            meanEnergy: sum(\.energies).map { $0 / tokenCount },
            fixed: Self.best(sum(\.choosing), own),
            usualScore: sum(\.choosingScores).map { $0 / choosingTokenCount }))
        result.routers.append(
          RouterResult(
            layer: layer, component: component.rawValue, settings: own,
            parts: text.corpus.domains.enumerated().map { index, domain in
              (
                domain.name,
                list.reduce(into: RouterSums(count: own.count)) { total, piece in
                  if let sums = piece.routers[index] { total.add(sums) }
                }
              )
            }))
      }
    }
    return result
  }

  /// The shared sub-dimensions and the K − S others of highest energy; of equal ones the lower
  /// index.
  private static func best(_ energies: [Double], _ settings: SubDimensions) -> [Int] {
    let specialised = (settings.sharedCount..<settings.count).sorted {
      energies[$0] == energies[$1] ? $0 < $1 : energies[$0] > energies[$1]
    }
    return
      (Array(0..<settings.sharedCount)
      + specialised.prefix(settings.activeCount - settings.sharedCount)).sorted()
  }
}

/// What a survey found.
struct SurveyResult: Codable, Sendable, Equatable {
  /// By layer, attention before FFN.
  var components: [ComponentUse]
  var routers: [RouterResult]
}
