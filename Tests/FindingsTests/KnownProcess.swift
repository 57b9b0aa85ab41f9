import Activations
import Findings
import Foundation
import Kernels
import Reporting
import Statistics
import Tensors

/// Synthetic activations, swept as a source would push them, and the report on them.
struct KnownProcess {
  static let width = 128
  static let documentCount = 10
  static let documentLength = 160
  static let tokenCount = documentCount * documentLength

  /// Rows of each site, [tokens, width], row by row.
  var sites: [ActivationSite: [Float]] = [:]
  var lengths = [Int](repeating: documentLength, count: documentCount)
  var domains = ["text"]

  init(sites: [ActivationSite: [Float]] = [:]) { self.sites = sites }

  /// One hook point, the same process with other numbers in each of `layerCount` layers.
  init(
    _ point: HookPoint = .attentionInput, layerCount: Int = 1, _ rows: (_ seed: UInt64) -> [Float]
  ) {
    for layer in 0..<layerCount {
      sites[ActivationSite(layer: layer, hookPoint: point)] = rows(UInt64(layer + 1))
    }
  }

  func sweep(
    options: StatisticsOptions = StatisticsOptions(resampleCount: 200)
  ) throws -> (result: StatisticsResult, state: StatisticsState) {
    var sequences: [TokenBatch.Sequence] = []
    var next = 0
    for (document, length) in lengths.enumerated() {
      sequences.append(.init(rows: next..<next + length, document: document, index: 0))
      next += length
    }
    let batch = TokenBatch(tokenIDs: (0..<next).map { Int32($0 % 1009) }, sequences: sequences)
    var layout = CorpusLayout(domains: domains)
    if next > 0 { layout.append(batch) { $0 % domains.count } }
    let points = Set(sites.keys.map(\.hookPoint))
    let layers = Set(sites.keys.map(\.layer)).sorted()
    let sink = StatisticsSink(
      layout: layout, layers: layers,
      widths: Dictionary(uniqueKeysWithValues: points.map { ($0, Self.width) }), options: options,
      pool: WorkerPool(workerCount: 2), provenance: ["name": "process"])
    guard next > 0 else { return try sink.finish() }
    for layer in layers {
      try sink.begin(batch)
      for (site, rows) in sites where site.layer == layer {
        sink.receive(rows.span, rows: 0..<next, at: site)
      }
      try sink.finish(layer: layer)
      try sink.end(batch)
    }
    return try sink.finish()
  }

  /// The report on this process alone.
  func report() throws -> Report {
    FindingsReport([try sweep().result], command: "mohd-stats report RUN").report
  }

  // MARK: Known processes

  /// Independent standard Gaussian numbers.
  static func gaussian(_ seed: UInt64, count: Int = tokenCount * width) -> [Float] {
    let matrix = Matrix(rowCount: 1, columnCount: count)
    var generator = SeededGenerator(seed: [seed])
    generator.fillGaussian(matrix.view)
    return matrix.view.elements()
  }

  /// Each dimension remembers its last value within a document, with unit variance.
  static func autoregressive(_ seed: UInt64, memory: Float = 0.95) -> [Float] {
    var rows = gaussian(seed)
    let fresh = (1 - memory * memory).squareRoot()
    for place in width..<rows.count where place / width % documentLength != 0 {
      rows[place] = memory * rows[place - width] + fresh * rows[place]
    }
    return rows
  }

  /// Independent Gaussian numbers, each dimension with a scale of its own.
  static func scaled(_ seed: UInt64) -> [Float] {
    var rows = gaussian(seed)
    let scales = gaussian(99, count: width).map { exp($0) }
    for place in rows.indices { rows[place] *= scales[place % width] }
    return rows
  }

  /// Gaussian mixtures of three directions.
  static func lowRank(_ seed: UInt64) -> [Float] {
    let factors = gaussian(seed, count: tokenCount * 3)
    let directions = gaussian(77, count: 3 * width)
    return (0..<tokenCount * width).map { place in
      (0..<3).reduce(Float(0)) {
        $0 + factors[place / width * 3 + $1] * directions[$1 * width + place % width]
      }
    }
  }
}
