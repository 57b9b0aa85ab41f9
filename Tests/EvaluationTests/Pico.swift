import Activations
import Checkpoints
import Corpora
import Foundation
import Kernels
import Models
import Synchronization
import Tensors

/// A committed model of two layers and 96 words, and texts for it.
struct Pico {
  let checkpoint: Checkpoint
  let pool = WorkerPool(workerCount: 2)
  private let folder: URL

  init(_ name: String = "pico-llama") throws {
    let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/models/\(name)")
    checkpoint = try Checkpoint.open(fixtures.path)
    folder = FileManager.default.temporaryDirectory
      .appending(path: "mohd-evaluation-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  /// One token for each byte of each text; texts of one domain follow each other.
  func corpus(
    _ texts: [(domain: String, text: String)], sequenceLength: Int = 16, maximum: Int? = nil
  ) throws -> TokenizedCorpus {
    defer { try? FileManager.default.removeItem(at: folder) }
    var arguments: [CorpusSpecification] = []
    for (index, item) in texts.enumerated() {
      let url = folder.appending(path: "\(index).txt")
      try Data(item.text.utf8).write(to: url)
      arguments.append(CorpusSpecification(domain: item.domain, path: url.path))
    }
    return try TokenizedCorpus(
      reading: CorpusReader(arguments),
      options: TokenizingOptions(sequenceLength: sequenceLength, maximumTokenCount: maximum),
      pool: pool, encode: Self.encode)
  }

  static func encode(_ text: [UInt8]) -> [Int32] { text.map { Int32($0 % 96) } }

  /// Negative log-likelihoods of `ids` after the first one, by softmax in Double over all logits:
  /// one sequence, no batches.
  func losses(_ ids: [Int32]) throws -> [Double] {
    let batch = TokenBatch(
      tokenIDs: ids,
      sequences: [TokenBatch.Sequence(rows: 0..<ids.count, document: 0, index: 0)])
    let logits = try logits(batch)
    return (1..<ids.count).map { position in
      let row = logits[position - 1]
      let largest = row.max() ?? 0
      return largest + log(row.reduce(0) { $0 + exp($1 - largest) }) - row[Int(ids[position])]
    }
  }

  func logits(
    _ batch: TokenBatch, intervention: Intervention = Intervention()
  ) throws -> [[Double]] {
    let residual = try LayerSweep(checkpoint: checkpoint, pool: pool, intervention: intervention)
      .run(batch, into: NoSink())
    let rows = Mutex([[Double]](repeating: [], count: batch.tokenCount))
    Readout(checkpoint: checkpoint, pool: pool)?.forEachPanel(residual.view) { range, logits in
      let values = range.map { row in
        let index = row - range.lowerBound
        return logits.rows(index..<index + 1).elements().map(Double.init)
      }
      rows.withLock { $0.replaceSubrange(range, with: values) }
    }
    return rows.withLock { $0 }
  }
}

/// Text of letters and spaces that no two seeds share.
func prose(_ count: Int, seed: UInt64) -> String {
  var state = seed
  return String(
    decoding: (0..<count).map { _ -> UInt8 in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let draw = UInt8(truncatingIfNeeded: state >> 33) % 31
      return draw < 26 ? 97 + draw : 32
    }, as: UTF8.self)
}
