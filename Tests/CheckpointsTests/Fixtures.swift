import Checkpoints
import Files
import Foundation
import Tensors

/// Where this suite's fixtures lie, and room for files that a test makes.
enum Fixtures {
  static let folder: String = {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent()
    return tests.appendingPathComponent("Fixtures/checkpoints").path
  }()

  static func path(_ name: String) -> String { folder + "/" + name }

  static func bytes(_ name: String) throws -> [UInt8] {
    try MappedFile(path: path(name)).copyBytes()
  }

  /// `expected.json`.
  struct Expected: Decodable {
    let llama: [String: String]
    let qwen2: [String: String]
    let ropeFactors: [Float]
  }

  static func expected() throws -> Expected {
    try JSONText.decode(Expected.self, from: bytes("expected.json"), path: "expected.json")
  }
}

/// A folder that is removed with the last reference to it.
final class TemporaryFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("mohd-checkpoints-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, making its parents, and gives its path.
  @discardableResult
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let file = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
    return file.path
  }

  @discardableResult
  func write(_ text: String, _ name: String) throws -> String { try write(Array(text.utf8), name) }

  /// Copies a fixture, a file or a folder.
  func copy(_ fixture: String, as name: String) throws {
    try FileManager.default.copyItem(
      atPath: Fixtures.path(fixture), toPath: path + "/" + name)
  }
}

extension WeightTensor {
  /// The SHA-256 of the weight as little-endian Float32, as the generator computes it.
  func digest(baseOnly: Bool = false) -> String {
    let matrix = Matrix(rowCount: rowCount, columnCount: columnCount)
    widen(rows: 0..<rowCount, into: matrix.view, baseOnly: baseOnly)
    return SHA256.hash(matrix.view.elements().littleEndianBytes)
  }
}

extension [Float] {
  var littleEndianBytes: [UInt8] {
    flatMap { value in (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) } }
  }
}

/// A small generator of random numbers with a seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
