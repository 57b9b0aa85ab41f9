import Activations
import Models

/// What a layer takes on this machine, measured now: what dry runs say of time rests on it.
public struct LayerTime: Sendable {
  /// To read and widen the weights of one layer.
  public let loading: Double
  /// For one token to go through it.
  public let perToken: Double

  /// Passes the beginning of a text through layer 0, twice: memory is touched for the first time
  /// only once.
  public init(of sweep: LayerSweep, tokenIDs: [Int32], sequences: [TokenBatch.Sequence]) {
    // The first sequences that together reach enough tokens.
    let last = sequences.firstIndex { $0.rows.upperBound >= Self.tokenCount }
    let kept = Array(sequences.prefix((last ?? sequences.count - 1) + 1))
    let few = TokenBatch(
      tokenIDs: Array(tokenIDs.prefix(kept.last?.rows.upperBound ?? 0)), sequences: kept)
    let residual = sweep.embed(few)
    sweep.load(layer: 0)
    sweep.pass(few, through: 0, residual: residual.view, sink: NoSink())
    let clock = ContinuousClock()
    loading = clock.measure { sweep.load(layer: 0) } / .seconds(1)
    let passing = clock.measure {
      sweep.pass(few, through: 0, residual: residual.view, sink: NoSink())
    }
    perToken = passing / .seconds(1) / Double(max(few.tokenCount, 1))
  }

  /// Tokens that are enough to measure on: a panel for each of two workers.
  private static let tokenCount = 2 * ActivationPanel.rowCount

  /// Seconds for so many tokens through one layer, loaded once.
  public func seconds(tokenCount: Int) -> Double { loading + perToken * Double(tokenCount) }
}
