import Activations
import Files
import Kernels
import Synchronization
import Tensors

/// The end of a layer: sweeps that need what the first one found.
extension LayerStatistics {
  /// All batches of the layer have been folded: finishes it, but for its nulls, and makes ready for
  /// the next.
  mutating func endLayer(_ layer: Int) throws {
    finishPending()
    let sites = gathered()
    let isFinite = sites.map(\.isFinite)
    let thresholds = try selectQuantiles(sites)
    let quantiles = try sweepQuantiles(thresholds, isFinite: isFinite)
    let moments = try sweepMoments(isFinite: isFinite)
    pending = PendingLayer(
      layer, of: self, sites: sites, thresholds: thresholds, quantiles: quantiles,
      moments: moments)
    reset()
  }

  /// Finishes the layer whose nulls are being computed, if there is one.
  mutating func finishPending() {
    guard let layer = pending else { return }
    outcomes[layer.layer] = layer.finish(of: self)
    pending = nil
  }

  /// What the workers gathered, together: integers and exact sums, so in any order.
  private func gathered() -> [PendingLayer.Site] {
    widths.indices.map { hook in
      let empty = SiteState(width: widths[hook])
      var site = PendingLayer.Site(states: layout.domains.map { _ in empty }, total: empty)
      for worker in workers {
        worker.state.withLock { state in
          let gathered = state.gathered[hook]
          for domain in layout.domains.indices {
            site.states[domain].merge(gathered.domains[domain])
          }
          site.histogram.merge(gathered.histogram)
          site.badSampleRows.formUnion(gathered.nonFiniteSampleRows)
          // The memory serves the next sweeps.
          state.gathered[hook] = Gathered(domains: [])
        }
      }
      for state in site.states { site.total.merge(state) }
      return site
    }
  }

  /// Sweeps until the quantiles of every hook point are found; nil where there are no entries.
  private mutating func selectQuantiles(_ sites: [PendingLayer.Site]) throws
    -> [QuantileThresholds?]
  {
    let isFinite = sites.map(\.isFinite)
    var selections = sites.map { QuantileSelection($0.total, $0.histogram) }
    while selections.contains(where: { $0.next != nil }) {
      for worker in workers {
        for hook in widths.indices {
          let next = selections[hook].next
          worker.state.withLock { $0.gathered[hook].selection = next }
        }
      }
      try forEachKeptRow { gathered, _, hook, _, rows in
        guard gathered.selection != nil else { return }
        for run in Self.runs(rows, isFinite: isFinite[hook]) {
          gathered.selection?.accumulate(rows.rows(run))
        }
      }
      for hook in widths.indices {
        var all: QuantileSelection.Sweep?
        for worker in workers {
          worker.state.withLock { state in
            guard let own = state.gathered[hook].selection else { return }
            state.gathered[hook].selection = nil
            if all == nil { all = own } else { all?.merge(own) }
          }
        }
        if let all { selections[hook].take(all) }
      }
    }
    return zip(selections, sites).map { $0.thresholds($1.total) }
  }

  /// Sets above the quantiles, and massive activations: for each hook point and domain.
  private mutating func sweepQuantiles(
    _ thresholds: [QuantileThresholds?], isFinite: [Bool]
  ) throws -> [[QuantileSets]] {
    let domainCount = layout.domains.count
    for worker in workers {
      for hook in widths.indices {
        let empty = QuantileSets(width: widths[hook])
        worker.state.withLock {
          $0.gathered[hook].quantiles = [QuantileSets](repeating: empty, count: domainCount)
        }
      }
    }
    let (layout, sample, seed) = (layout, sample, options.seed)
    try forEachKeptRow { gathered, workspace, hook, piece, rows in
      guard let limits = thresholds[hook] else { return }
      let sequence = layout.sequences[piece.sequence]
      for run in Self.runs(rows, isFinite: isFinite[hook]) {
        gathered.quantiles[sequence.domain].fold(
          rows.rows(run), limits: limits,
          permutation: sample[piece.sequence].map { _ in
            Self.permutation(of: run, in: sequence, seed: seed)
          }, bits: &workspace.bits)
      }
    }
    return widths.indices.map { hook in
      var result = [QuantileSets](
        repeating: QuantileSets(width: widths[hook]), count: domainCount)
      for worker in workers {
        worker.state.withLock { state in
          for domain in 0..<domainCount {
            result[domain].merge(state.gathered[hook].quantiles[domain])
          }
          state.gathered[hook].quantiles = []
        }
      }
      return result
    }
  }

  /// Whether the covariance spectrum comes from all tokens and the sample does not hold them.
  private var spectrumNeedsAllTokens: Bool {
    let kept = batches.joined().reduce(0) { $0 + $1.rows.count }
    return kept > sampleTokenCount && kept <= options.spectrumTokenLimit
  }

  /// Second moments of all tokens, in corpus order; nil where the sample's serve.
  private mutating func sweepMoments(isFinite: [Bool]) throws -> [SecondMoments?] {
    guard spectrumNeedsAllTokens else { return widths.map { _ in nil } }
    let boxes = widths.map {
      Box($0 <= options.basisWidthLimit ? SecondMoments(width: $0) : nil)
    }
    for batch in batches.indices {
      let pieces = batches[batch]
      let stored = load(batch)
      let failure = Mutex<FileError?>(nil)
      pool.forEach(widths.count) { hook, _ in
        boxes[hook].value.withLock { moments in
          var buffer = Matrix(rowCount: 0, columnCount: stored[hook].width).view
          do throws(FileError) {
            for piece in pieces {
              let rows = try stored[hook].read(piece.rows, buffer: &buffer)
              for run in Self.runs(rows, isFinite: isFinite[hook]) {
                moments?.accumulate(rows.rows(run))
              }
            }
          } catch {
            failure.withLock { $0 = error }
          }
        }
      }
      if let error = failure.withLock({ $0 }) { throw error }
    }
    return boxes.map { $0.value.withLock { $0 } }
  }

  private static func runs(_ rows: MatrixView, isFinite: Bool) -> [Range<Int>] {
    isFinite ? [0..<rows.rowCount] : finiteRuns(rows).runs
  }
}
