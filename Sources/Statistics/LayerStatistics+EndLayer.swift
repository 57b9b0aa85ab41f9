import Activations
import Kernels
import Synchronization
import Tensors

/// The end of a layer: sweeps that need what the first one found, nulls on the sample, results.
extension LayerStatistics {
  /// What the first sweep gathered for one hook point.
  private struct Site: Sendable {
    /// One for each domain.
    var states: [SiteState]
    var total: SiteState
    var histogram = MagnitudeHistogram()
    var badSampleRows: Set<Int> = []

    var isFinite: Bool { total.nonFiniteCount == 0 }
  }

  /// All batches of the layer have been folded: finishes it and makes ready for the next.
  mutating func endLayer(_ layer: Int) throws -> Outcome {
    let sites = gathered()
    let isFinite = sites.map(\.isFinite)
    let thresholds = try selectQuantiles(sites)
    let quantiles = try sweepQuantiles(thresholds, isFinite: isFinite)
    let moments = try sweepMoments(isFinite: isFinite)
    let nulls = nulls(sites, moments: moments)

    let domainCount = layout.domains.count
    let results = widths.map { _ in Box<[HookPointResult]>([]) }
    let options = options
    pool.forEach(widths.count) { hook, _ in
      let site = sites[hook]
      let total = quantiles[hook].dropFirst().reduce(into: quantiles[hook][0]) { $0.merge($1) }
      var own = [
        SiteExtras(thresholds: thresholds[hook], quantiles: total, nulls: nulls[hook])
          .result(site.total, options: options)
      ]
      for domain in 0..<domainCount where domainCount > 1 {
        own.append(
          SiteExtras(domainOf: thresholds[hook], quantiles[hook][domain])
            .result(site.states[domain], options: options))
      }
      results[hook].value.withLock { $0 = own }
    }
    func layerResult(_ index: Int) -> LayerResult {
      var points: [String: HookPointResult] = [:]
      for (hook, point) in hookPoints.enumerated() {
        points[point.rawValue] = results[hook].value.withLock { $0[index] }
      }
      return LayerResult(
        layer: layer, hookPoints: points, flowPercent: ActivationFlow.percentages(points))
    }
    let outcome = Outcome(
      total: layerResult(0),
      domains: domainCount > 1 ? (1...domainCount).map { layerResult($0) } : [],
      states: Dictionary(uniqueKeysWithValues: zip(hookPoints, sites.map(\.states))))
    reset()
    return outcome
  }

  /// What the workers gathered, together: integers and exact sums, so in any order.
  private func gathered() -> [Site] {
    widths.indices.map { hook in
      let empty = SiteState(width: widths[hook])
      var site = Site(states: layout.domains.map { _ in empty }, total: empty)
      for worker in slots {
        worker[hook].state.withLock { gathered in
          for domain in layout.domains.indices {
            site.states[domain].merge(gathered.domains[domain])
          }
          site.histogram.merge(gathered.histogram)
          site.badSampleRows.formUnion(gathered.nonFiniteSampleRows)
          // The memory serves the next sweeps.
          gathered.domains = []
          gathered.histogram = MagnitudeHistogram()
        }
      }
      for state in site.states { site.total.merge(state) }
      return site
    }
  }

  /// Sweeps until the quantiles of every hook point are found; nil where there are no entries.
  private mutating func selectQuantiles(_ sites: [Site]) throws -> [QuantileThresholds?] {
    let isFinite = sites.map(\.isFinite)
    var selections = sites.map { QuantileSelection($0.total, $0.histogram) }
    while selections.contains(where: { $0.next != nil }) {
      for worker in slots {
        for hook in widths.indices {
          let next = selections[hook].next
          worker[hook].state.withLock { $0.selection = next }
        }
      }
      for batch in batches.indices {
        forEachRow(of: batches[batch], in: try load(batch)) { gathered, hook, _, rows in
          guard gathered.selection != nil else { return }
          for run in Self.runs(rows, isFinite: isFinite[hook]) {
            gathered.selection?.accumulate(rows.rows(run))
          }
        }
      }
      for hook in widths.indices {
        var all: QuantileSelection.Sweep?
        for worker in slots {
          worker[hook].state.withLock { gathered in
            guard let own = gathered.selection else { return }
            gathered.selection = nil
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
    for worker in slots {
      for hook in widths.indices {
        let empty = QuantileSets(width: widths[hook])
        worker[hook].state.withLock {
          $0.quantiles = [QuantileSets](repeating: empty, count: domainCount)
        }
      }
    }
    let (layout, sample, seed) = (layout, sample, options.seed)
    for batch in batches.indices {
      forEachRow(of: batches[batch], in: try load(batch)) { gathered, hook, piece, rows in
        guard let limits = thresholds[hook] else { return }
        let sequence = layout.sequences[piece.sequence]
        for run in Self.runs(rows, isFinite: isFinite[hook]) {
          gathered.quantiles[sequence.domain].fold(
            rows.rows(run), limits: limits,
            permutation: sample[piece.sequence].map { _ in
              Self.permutation(of: run, in: sequence, seed: seed)
            }, bits: &gathered.workspace.bits)
        }
      }
    }
    return widths.indices.map { hook in
      var result = [QuantileSets](
        repeating: QuantileSets(width: widths[hook]), count: domainCount)
      for worker in slots {
        worker[hook].state.withLock { gathered in
          for domain in 0..<domainCount { result[domain].merge(gathered.quantiles[domain]) }
          gathered.quantiles = []
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
      let views = try load(batch)
      pool.forEach(widths.count) { hook, _ in
        boxes[hook].value.withLock { moments in
          for piece in pieces {
            let rows = views[hook].rows(piece.rows)
            for run in Self.runs(rows, isFinite: isFinite[hook]) {
              moments?.accumulate(rows.rows(run))
            }
          }
        }
      }
    }
    return boxes.map { $0.value.withLock { $0 } }
  }

  private static func runs(_ rows: MatrixView, isFinite: Bool) -> [Range<Int>] {
    isFinite ? [0..<rows.rowCount] : finiteRuns(rows).runs
  }

  // MARK: - Nulls

  private func nulls(_ sites: [Site], moments: [SecondMoments?]) -> [SiteNulls] {
    let rows = sampleRows.indices.map { hook in
      Self.withoutRows(sites[hook].badSampleRows, sampleRows[hook])
    }
    let results = sites.map { _ in Box(SiteNulls()) }
    let (options, shared, widths) = (options, shared, widths)
    pool.forEach(sites.count * 4) { index, _ in
      let hook = index / 4
      let rows = rows[hook]
      guard let own = shared[widths[hook]] else { return }
      switch index % 4 {
      case 0:
        var sampled = SecondMoments(
          width: widths[hook] <= options.basisWidthLimit ? widths[hook] : 0)
        guard sampled.width > 0 else {
          results[hook].value.withLock { $0.isTooWide = true }
          return
        }
        sampled.accumulate(rows)
        let spectral = moments[hook] ?? sampled
        var curves: TailCurves?
        if let basis = sampled.eigenbasis() { curves = Nulls.inBasis(rows, basis.view) }
        results[hook].value.withLock {
          $0.spectralParticipationRatio = spectral.spectralParticipationRatio
          $0.spectrumTokenCount = spectral.count
          $0.tail.pcaBasis = curves
        }
      case 1:
        let curves = own.basis.flatMap { Nulls.inBasis(rows, $0) }
        results[hook].value.withLock { $0.tail.randomBasis = curves }
      case 2:
        let curves = rows.rowCount > 0 ? Nulls.columnShuffle(rows, seed: options.seed) : nil
        results[hook].value.withLock { $0.tail.columnShuffle = curves }
      default:
        let curves = Nulls.perDimensionGaussian(
          sites[hook].total.magnitude, tokenCount: sites[hook].total.tokenCount,
          gaussian: own.gaussian)
        results[hook].value.withLock { $0.tail.perDimensionGaussian = curves }
      }
    }
    return results.map { box in
      var result = box.value.withLock { $0 }
      result.explain(sampleTokenCount: sampleTokenCount, options: options)
      return result
    }
  }

  /// The rows that are not in `bad`, without gaps.
  private static func withoutRows(_ bad: Set<Int>, _ rows: MatrixView) -> MatrixView {
    guard !bad.isEmpty else { return rows }
    let kept = (0..<rows.rowCount).filter { !bad.contains($0) }
    let result = Matrix(rowCount: kept.count, columnCount: rows.columnCount)
    for (target, source) in kept.enumerated() {
      copy(rows.rows(source..<source + 1), into: result.rows(target..<target + 1))
    }
    return result.view
  }
}
