import Activations
import Checkpoints
import Files
import Foundation
import Models
import Synchronization
import Tensors

/// Where the committed models lie.
enum Fixtures {
  static let models =
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/models").path
}

/// What transformers computed: see Tests/Fixtures/generate_models.py.
struct ExpectedTensors {
  private let file: SafetensorsFile
  private let bytes: [UInt8]

  init(path: String) throws {
    file = try SafetensorsFile(path: path)
    bytes = try MappedFile(path: path).copyBytes()
  }

  /// All values of one float32 tensor, row by row.
  subscript(_ name: String) -> [Float]? {
    guard let tensor = file.tensors.first(where: { $0.name == name }) else { return nil }
    return stride(from: tensor.bytes.lowerBound, to: tensor.bytes.upperBound, by: 4).map { start in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) })
    }
  }

  /// All values of one tensor of bytes, row by row.
  func bytes(_ name: String) -> [UInt8] {
    file.tensors.first { $0.name == name }.map { Array(bytes[$0.bytes]) } ?? []
  }

  /// The token ids as one batch; every sequence is a document of its own.
  func batch() throws -> TokenBatch {
    let ids = (self["token_ids"] ?? []).map { Int32($0) }
    var start = 0
    let sequences = (self["sequence_lengths"] ?? []).enumerated().map { index, length in
      defer { start += Int(length) }
      return TokenBatch.Sequence(rows: start..<start + Int(length), document: index, index: 0)
    }
    return TokenBatch(tokenIDs: ids, sequences: sequences)
  }
}

/// Keeps everything.
final class Recorder: ActivationSink {
  private let configuration: ModelConfiguration
  private let recorded = Mutex<[ActivationSite: [Range<Int>: [Float]]]>([:])

  init(configuration: ModelConfiguration) { self.configuration = configuration }

  func values(at site: ActivationSite) -> [Float] {
    recorded.withLock { sites in
      (sites[site] ?? [:]).sorted { $0.key.lowerBound < $1.key.lowerBound }.flatMap(\.value)
    }
  }

  /// The rows of each call for one site, in order.
  func panels(at site: ActivationSite) -> [Range<Int>] {
    recorded.withLock { ($0[site] ?? [:]).keys.sorted { $0.lowerBound < $1.lowerBound } }
  }

  func wants(_ site: ActivationSite) -> Bool { true }
  func begin(_ batch: TokenBatch) {}
  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    let width = configuration.width(of: site.hookPoint, layer: site.layer)
    precondition(values.count == rows.count * width)
    var copy: [Float] = []
    for index in values.indices { copy.append(values[index]) }
    let panel = copy
    recorded.withLock { $0[site, default: [:]][rows] = panel }
  }
  func finish(layer: Int) {}
  func end(_ batch: TokenBatch) {}
}

/// Keeps all logits of a small model.
final class LogitsRecorder: Sendable {
  private let matrix: Matrix  // [tokens, vocabulary]

  init(rowCount: Int, columnCount: Int) {
    matrix = Matrix(rowCount: rowCount, columnCount: columnCount)
  }

  var elements: [Float] { matrix.view.elements() }

  func record(_ rows: Range<Int>, _ logits: MatrixView) {
    matrix.rows(rows).copyElements(from: logits.elements())
  }
}
