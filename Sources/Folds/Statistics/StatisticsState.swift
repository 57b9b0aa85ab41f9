import Activations
import Kernels
import Tensors

/// What merging needs of a report: integers and exact sums for each layer, hook point and domain.
///
/// Parts cut at documents give the same state as one pass over all of them, in any order.
public struct StatisticsState: Sendable, Equatable {
  struct Site: Hashable, Sendable {
    let layer: Int
    let hookPoint: HookPoint
    /// Nil for all domains together.
    let domain: String?
  }

  struct DomainCounts: Sendable, Equatable, Codable {
    var tokenCount: Int
    var sequenceCount: Int
    var documentCount: Int
  }

  var options: StatisticsOptions
  var sequenceLength: Int
  var layers: [Int]
  var widths: [HookPoint: Int]
  var domains: [String: DomainCounts]
  var sites: [Site: SiteState]
  var windows: [HookPoint: FiveTokensWindow]
  var windowLayer: Int

  /// The domains that a hook point has a state for, each by itself; or nil alone, for all of them
  /// together: domains are told apart at the inputs and outputs of attention and FFN, where reports
  /// show them, and everywhere when none of those is there.
  func domainNames(of point: HookPoint) -> [String?] {
    Self.domainNames(of: point, widths: widths, domains: domains)
  }

  static func domainNames(
    of point: HookPoint, widths: [HookPoint: Int], domains: [String: DomainCounts]
  ) -> [String?] {
    let tellsApart =
      HookPoint.standard.contains(point) || !HookPoint.standard.contains { widths[$0] != nil }
    return tellsApart ? domains.keys.sorted() : [nil]
  }

  /// p of the sets in the maps of Fig. 5.
  static let mapParameter = 0.2

  /// The result and the state of one pass.
  static func assemble(
    engine: LayerStatistics, outcomes: [Int: LayerStatistics.Outcome],
    windows: [HookPoint: FiveTokensWindow], windowLayer: Int, provenance: [String: String]
  ) -> (result: StatisticsResult, state: StatisticsState) {
    let layout = engine.layout
    let options = engine.options
    var domains: [String: DomainCounts] = [:]
    for (index, name) in layout.domains.enumerated() {
      let own = layout.sequences.indices.filter { layout.sequences[$0].domain == index }
      domains[name] = DomainCounts(
        tokenCount: own.reduce(0) { $0 + layout.keptCount($1, options: options) },
        sequenceCount: own.count,
        documentCount: Set(own.map { layout.sequences[$0].document }).count)
    }
    let layers = outcomes.keys.sorted()
    var sites: [Site: SiteState] = [:]
    let widths = Dictionary(uniqueKeysWithValues: zip(engine.hookPoints, engine.widths))
    for (layer, outcome) in outcomes {
      for (point, states) in outcome.states {
        let isSplit = domainNames(of: point, widths: widths, domains: domains) != [nil]
        for (index, state) in states.enumerated() {
          var kept = state
          kept.dropSample()
          let site = Site(
            layer: layer, hookPoint: point, domain: isSplit ? layout.domains[index] : nil)
          sites[site, default: SiteState(width: state.width)].merge(kept)
        }
      }
    }
    let state = StatisticsState(
      options: options,
      sequenceLength: layout.sequences.map(\.tokenCount).max() ?? 0, layers: layers,
      widths: widths, domains: domains, sites: sites, windows: windows, windowLayer: windowLayer)
    var result = state.summary(provenance: provenance)
    result.nullSample = NullSample(
      tokenCount: engine.sampleTokenCount, sequenceCount: engine.sampleSequences.count,
      seed: options.seed,
      sequences: engine.sampleSequences.map {
        [layout.sequences[$0].document, layout.sequences[$0].index]
      })
    result.layers = layers.compactMap { outcomes[$0]?.total }
    if layout.domains.count > 1 {
      let order = layout.domains.indices.sorted { layout.domains[$0] < layout.domains[$1] }
      result.domains = order.map { index in
        DomainResult(
          domain: layout.domains[index],
          tokenCount: domains[layout.domains[index]]?.tokenCount ?? 0,
          layers: layers.compactMap { outcomes[$0]?.domains[index] })
      }
    }
    return (result, state)
  }

  /// All parts as one.
  ///
  /// - Throws: `StatisticsError` when the parts do not belong together.
  public static func merge(_ parts: [StatisticsState]) throws -> StatisticsState {
    guard var result = parts.first else { throw StatisticsError.nothingToMerge }
    for part in parts.dropFirst() { try result.add(part) }
    return result
  }

  private mutating func add(_ other: StatisticsState) throws {
    func check(_ field: String, _ first: String, _ second: String) throws {
      guard first == second else {
        throw StatisticsError.notMergeable(field: field, first: first, second: second)
      }
    }
    func names(_ widths: [HookPoint: Int]) -> String {
      widths.map { "\($0.key.rawValue):\($0.value)" }.sorted().joined(separator: " ")
    }
    try check("options", "\(options)", "\(other.options)")
    try check("layers", "\(layers)", "\(other.layers)")
    try check("hook points", names(widths), names(other.widths))
    try check("map layer", "\(windowLayer)", "\(other.windowLayer)")
    sequenceLength = max(sequenceLength, other.sequenceLength)
    for (name, counts) in other.domains {
      var own = domains[name] ?? DomainCounts(tokenCount: 0, sequenceCount: 0, documentCount: 0)
      own.tokenCount += counts.tokenCount
      own.sequenceCount += counts.sequenceCount
      own.documentCount += counts.documentCount
      domains[name] = own
    }
    for (site, state) in other.sites {
      if var own = sites[site] {
        own.merge(state)
        sites[site] = own
      } else {
        sites[site] = state
      }
    }
    for (point, window) in other.windows {
      if windows[point].map({ FiveTokensWindow.precedes(window, $0) }) ?? true {
        windows[point] = window
      }
    }
  }

  /// The result of merged parts: what needs all the data at once is `null`, with reasons.
  public func result(provenance: [String: String], pool: WorkerPool) -> StatisticsResult {
    var result = summary(provenance: provenance)
    let names = domains.keys.sorted()
    let points = HookPoint.allCases.filter { self.widths[$0] != nil }
    let tokens = result.tokenCount
    let (sites, options, widths, domains) = (sites, options, widths, domains)
    var gaussians: [Int: MatrixView] = [:]
    for width in Set(self.widths.values) where tokens > 0 {
      gaussians[width] =
        Nulls.gaussian(
          tokenCount: Nulls.gaussianTokenCount(tokens, width: width, options: options),
          width: width,
          options: options
        ).view
    }
    let shared = gaussians
    let places = layers.flatMap { layer in points.map { (layer, $0) } }
    let computed = places.map { _ in Box<[HookPointResult]>([]) }
    pool.forEach(places.count) { index, _ in
      let (layer, point) = places[index]
      let width = widths[point] ?? 0
      let own = Self.domainNames(of: point, widths: widths, domains: domains)
      let parts = own.map {
        sites[Site(layer: layer, hookPoint: point, domain: $0)] ?? SiteState(width: width)
      }
      let total = parts.dropFirst().reduce(into: parts.first ?? SiteState(width: width)) {
        $0.merge($1)
      }
      let results =
        [SiteExtras(merged: total, gaussian: shared[width]).result(total, options: options)]
        + (names.count > 1 && own != [nil] ? parts : []).map {
          SiteExtras(merged: $0, gaussian: nil).result($0, options: options)
        }
      computed[index].value.withLock { $0 = results }
    }
    func layerResults(_ place: Int) -> [LayerResult] {
      layers.enumerated().map { offset, layer in
        var own: [String: HookPointResult] = [:]
        for (column, point) in points.enumerated() {
          own[point.rawValue] = computed[offset * points.count + column].value.withLock {
            $0.indices.contains(place) ? $0[place] : nil
          }
        }
        return LayerResult(
          layer: layer, hookPoints: own, flowPercent: ActivationFlow.percentages(own))
      }
    }
    result.layers = layerResults(0)
    if names.count > 1 {
      result.domains = names.enumerated().map { index, name in
        DomainResult(
          domain: name, tokenCount: domains[name]?.tokenCount ?? 0,
          layers: layerResults(index + 1))
      }
    }
    return result
  }

  /// The head of a result, without layers.
  private func summary(provenance: [String: String]) -> StatisticsResult {
    let counts = domains.values
    return StatisticsResult(
      provenance: provenance, tokenCount: counts.reduce(0) { $0 + $1.tokenCount },
      sequenceCount: counts.reduce(0) { $0 + $1.sequenceCount },
      documentCount: counts.reduce(0) { $0 + $1.documentCount }, sequenceLength: sequenceLength,
      skippedPositions: options.skippedPositions, options: options,
      nullSample: NullSample(
        tokenCount: 0, sequenceCount: 0, seed: options.seed, sequences: []), layers: [],
      domains: [],
      fiveTokensMaps: HookPoint.allCases.compactMap { point in
        windows[point]?.result(
          layer: windowLayer, hookPoint: point.rawValue, parameter: Self.mapParameter)
      })
  }
}
