import Activations
import Foundation
import Kernels
import Statistics
import Tensors

/// Rows of one hook point as a source would push them: for tests.
struct Synthetic {
  var width: Int
  /// (document, length) in corpus order.
  var sequences: [(document: Int, length: Int)]
  /// Rows of each site, [tokens, width], row by row.
  var sites: [ActivationSite: [Float]]
  var domains = ["text"]
  var domainOf: @Sendable (Int) -> Int = { _ in 0 }

  var tokenCount: Int { sequences.reduce(0) { $0 + $1.length } }
  var layers: [Int] { Array(Set(sites.keys.map(\.layer))).sorted() }

  /// The corpus in batches of some sequences each; document numbers are kept.
  func batches(sequencesPerBatch: Int) -> [(batch: TokenBatch, firstRow: Int)] {
    var result: [(batch: TokenBatch, firstRow: Int)] = []
    var index: [Int: Int] = [:]
    var row = 0
    for start in stride(from: 0, to: sequences.count, by: sequencesPerBatch) {
      let first = row
      var parts: [TokenBatch.Sequence] = []
      for (document, length) in sequences[start..<min(start + sequencesPerBatch, sequences.count)] {
        parts.append(
          TokenBatch.Sequence(
            rows: row - first..<row - first + length, document: document,
            index: index[document, default: 0]))
        index[document, default: 0] += 1
        row += length
      }
      // Ids that know their document and place, whatever part of the corpus this is.
      let ids = parts.flatMap { part in
        part.rows.indices.map {
          Int32(part.document * 1009 + part.index * 131 + $0 - part.rows.lowerBound)
        }
      }
      result.append((TokenBatch(tokenIDs: ids, sequences: parts), first))
    }
    return result
  }

  /// Sweeps layer by layer and gives what the sink finishes with.
  ///
  /// - Parameter batchFirst: begins and ends each batch once, around all layers.
  func sweep(
    sequencesPerBatch: Int = 2, workers: Int = 2, options: StatisticsOptions = .init(),
    rowMemoryLimit: Int = 1 << 30, batchFirst: Bool = false
  ) throws -> (result: StatisticsResult, state: StatisticsState) {
    let batches = batches(sequencesPerBatch: sequencesPerBatch)
    var layout = CorpusLayout(domains: domains)
    for (batch, _) in batches { layout.append(batch, domainOf: domainOf) }
    let points = Set(sites.keys.map(\.hookPoint))
    let sink = StatisticsSink(
      layout: layout, layers: layers,
      widths: Dictionary(uniqueKeysWithValues: points.map { ($0, width) }), options: options,
      pool: WorkerPool(workerCount: workers), rowMemoryLimit: rowMemoryLimit,
      scratchFolder: NSTemporaryDirectory())
    for layer in layers {
      for (batch, firstRow) in batches {
        if !batchFirst || layer == layers.first { try sink.begin(batch) }
        for point in points.sorted(by: { $0.rawValue < $1.rawValue }) {
          let site = ActivationSite(layer: layer, hookPoint: point)
          guard let rows = sites[site] else { continue }
          // Panels of seven rows, last first: order must not matter.
          for start in stride(from: 0, to: batch.tokenCount, by: 7).reversed() {
            let range = start..<min(start + 7, batch.tokenCount)
            let values = Array(
              rows[(firstRow + range.lowerBound) * width..<(firstRow + range.upperBound) * width])
            sink.receive(values.span, rows: range, at: site)
          }
        }
        try sink.finish(layer: layer)
        if !batchFirst || layer == layers.last { try sink.end(batch) }
      }
    }
    return try sink.finish()
  }

  /// Some of the documents alone, as a part of its own.
  func part(_ documents: Range<Int>) -> Synthetic {
    var result = self
    result.sequences = []
    result.sites = sites.mapValues { _ in [] }
    var row = 0
    for (document, length) in sequences {
      if documents.contains(document) {
        result.sequences.append((document, length))
        for (site, rows) in sites {
          result.sites[site, default: []] += rows[row * width..<(row + length) * width]
        }
      }
      row += length
    }
    return result
  }

  /// Independent standard Gaussian rows.
  static func gaussian(count: Int, seed: UInt64) -> [Float] {
    let matrix = Matrix(rowCount: 1, columnCount: count)
    var generator = SeededGenerator(seed: [seed])
    generator.fillGaussian(matrix.view)
    return matrix.view.elements()
  }
}

/// Where the committed fixtures lie.
func fixture(_ name: String) throws -> Data {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures/statistics")
  return try Data(contentsOf: folder.appendingPathComponent(name))
}
