import Activations
import Synchronization

/// Remembers every call and every bit of every number.
final class RecordingSink: ActivationSink {
  struct Record: Equatable {
    /// Calls other than `receive`, in order.
    var calls: [String] = []
    var batches: [TokenBatch] = []
    /// Bit patterns by site, of the batch's rows in order.
    var bits: [ActivationSite: [UInt32]] = [:]
    var panels: [ActivationSite: [Range<Int>]] = [:]
  }

  private let hookPoints: Set<HookPoint>
  private let state = Mutex((record: Record(), pieces: [ActivationSite: [Int: [UInt32]]]()))

  init(_ hookPoints: [HookPoint] = HookPoint.allCases) { self.hookPoints = Set(hookPoints) }

  /// Everything so far, panels in the order of rows.
  var record: Record { state.withLock { $0.record } }

  func wants(_ site: ActivationSite) -> Bool { hookPoints.contains(site.hookPoint) }

  func begin(_ batch: TokenBatch) {
    state.withLock {
      $0.record.calls.append("begin")
      $0.record.batches.append(batch)
    }
  }

  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    let bits = values.indices.map { values[$0].bitPattern }
    state.withLock {
      $0.pieces[site, default: [:]][rows.lowerBound] = bits
      $0.record.panels[site, default: []].append(rows)
    }
  }

  func finish(layer: Int) {
    state.withLock { state in
      // A layer that nobody captured has nothing to say.
      if state.pieces.keys.contains(where: { $0.layer == layer }) {
        state.record.calls.append("finish \(layer)")
      }
    }
  }

  func end(_ batch: TokenBatch) {
    state.withLock { state in
      state.record.calls.append("end")
      for (site, pieces) in state.pieces {
        state.record.bits[site, default: []] += pieces.sorted { $0.key < $1.key }.flatMap(\.value)
        state.record.panels[site]?.sort { $0.lowerBound < $1.lowerBound }
      }
      state.pieces = [:]
    }
  }
}
