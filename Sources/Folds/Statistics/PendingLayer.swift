import Activations
import Kernels
import Synchronization
import Tensors

/// A layer of which nothing is missing but its nulls. They need only its sample of tokens, so they
/// fill the time that workers leave idle while the next layer is swept.
struct PendingLayer: Sendable {
  /// What the first sweep gathered for one hook point.
  struct Site: Sendable {
    /// One for each domain.
    var states: [SiteState]
    var total: SiteState
    var histogram = MagnitudeHistogram()
    var badSampleRows: Set<Int> = []

    var isFinite: Bool { total.nonFiniteCount == 0 }
  }

  let layer: Int
  private let sites: [Site]
  private let thresholds: [QuantileThresholds?]
  private let quantiles: [[QuantileSets]]
  private let nulls: [Box<SiteNulls>]
  private let work: IdleWork

  /// Begins to compute the nulls.
  ///
  /// - Parameters:
  ///   - engine: has swept the layer; its sample must not change until `finish`.
  ///   - quantiles: by hook point and domain.
  ///   - moments: by hook point, where all tokens' serve and not the sample's.
  init(
    _ layer: Int, of engine: LayerStatistics, sites: [Site], thresholds: [QuantileThresholds?],
    quantiles: [[QuantileSets]], moments: [SecondMoments?]
  ) {
    self.layer = layer
    self.sites = sites
    self.thresholds = thresholds
    self.quantiles = quantiles
    let nulls = sites.map { _ in Box(SiteNulls()) }
    self.nulls = nulls
    let rows = engine.sampleRows.indices.map { hook in
      Self.withoutRows(sites[hook].badSampleRows, engine.sampleRows[hook])
    }
    let (options, shared, widths) = (engine.options, engine.shared, engine.widths)
    // What takes longest comes first.
    work = IdleWork(sites.count * 4) { index in
      let (kind, hook) = index.quotientAndRemainder(dividingBy: sites.count)
      guard let own = shared[widths[hook]] else { return }
      let (rows, result) = (rows[hook], nulls[hook])
      switch kind {
      case 0:
        var sampled = SecondMoments(
          width: widths[hook] <= options.basisWidthLimit ? widths[hook] : 0)
        guard sampled.width > 0 else {
          result.value.withLock { $0.isTooWide = true }
          return
        }
        sampled.accumulate(rows)
        let spectral = moments[hook] ?? sampled
        var curves: TailCurves?
        if let basis = sampled.eigenbasis() { curves = Nulls.inBasis(rows, basis.view) }
        result.value.withLock { [curves] in
          $0.spectralParticipationRatio = spectral.spectralParticipationRatio
          $0.spectrumTokenCount = spectral.count
          $0.tail.pcaBasis = curves
        }
      case 1:
        let curves = own.basis.flatMap { Nulls.inBasis(rows, $0) }
        result.value.withLock { $0.tail.randomBasis = curves }
      case 2:
        let curves = rows.rowCount > 0 ? Nulls.columnShuffle(rows, seed: options.seed) : nil
        result.value.withLock { $0.tail.columnShuffle = curves }
      default:
        let curves = Nulls.perDimensionGaussian(
          sites[hook].total.magnitude, tokenCount: sites[hook].total.tokenCount,
          gaussian: own.gaussian)
        result.value.withLock { $0.tail.perDimensionGaussian = curves }
      }
    }
  }

  /// What the layer leaves, once the nulls are there: what is left of them is done now.
  func finish(of engine: LayerStatistics) -> LayerStatistics.Outcome {
    work.finish(on: engine.pool)
    let domainCount = engine.layout.domains.count
    let results = sites.map { _ in Box<[HookPointResult]>([]) }
    let (options, sampleTokenCount) = (engine.options, engine.sampleTokenCount)
    engine.pool.forEach(sites.count) { hook, _ in
      let site = sites[hook]
      var own = nulls[hook].value.withLock { $0 }
      own.explain(sampleTokenCount: sampleTokenCount, options: options)
      let total = quantiles[hook].dropFirst().reduce(into: quantiles[hook][0]) { $0.merge($1) }
      var all = [
        SiteExtras(thresholds: thresholds[hook], quantiles: total, nulls: own)
          .result(site.total, options: options)
      ]
      for domain in 0..<domainCount where domainCount > 1 {
        all.append(
          SiteExtras(domainOf: thresholds[hook], quantiles[hook][domain])
            .result(site.states[domain], options: options))
      }
      results[hook].value.withLock { [all] in $0 = all }
    }
    func layerResult(_ index: Int) -> LayerResult {
      var points: [String: HookPointResult] = [:]
      for (hook, point) in engine.hookPoints.enumerated() {
        points[point.rawValue] = results[hook].value.withLock { $0[index] }
      }
      return LayerResult(
        layer: layer, hookPoints: points, flowPercent: ActivationFlow.percentages(points))
    }
    return LayerStatistics.Outcome(
      total: layerResult(0),
      domains: domainCount > 1 ? (1...domainCount).map { layerResult($0) } : [],
      states: Dictionary(uniqueKeysWithValues: zip(engine.hookPoints, sites.map(\.states))))
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
