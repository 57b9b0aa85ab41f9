import Checkpoints
import Files
import Foundation
import Testing

/// What an independent program expects: the tensors of one safetensors file of Tests/Fixtures.
struct FixtureTensors {
  static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")

  private let tensors: [String: [UInt8]]

  /// - Parameter path: within Tests/Fixtures.
  init(_ path: String) throws {
    let file = try SafetensorsFile(path: Self.fixtures.appending(path: path).path)
    let bytes = file.file.copyBytes()
    tensors = Dictionary(
      uniqueKeysWithValues: file.tensors.map { ($0.name, Array(bytes[$0.bytes])) })
  }

  /// A tensor of bytes, row by row.
  func bytes(_ name: String) throws -> [UInt8] {
    try #require(tensors[name], "no expected values of \(name)")
  }

  /// A float32 tensor, row by row.
  func values(_ name: String) throws -> [Double] {
    let bytes = try bytes(name)
    return stride(from: 0, to: bytes.count, by: 4).map { start in
      Double(
        Float(
          bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }))
    }
  }
}
