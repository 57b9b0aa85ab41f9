import Files
import Foundation
import Tensors

/// Writes safetensors files that the reference implementation reads: a header, then the tensors
/// without gaps, float32, int64, uint32 and uint16, largest alignment first as it likes them.
public struct SafetensorsWriter {
  /// One tensor to write.
  public struct Tensor: Sendable {
    public let name: String
    /// Sizes, outermost first.
    public let shape: [Int]
    fileprivate let content: Content

    fileprivate enum Content: Sendable {
      case floats([MatrixView])
      case integers([Int64])
      case words([UInt32])
      case halfWords([UInt16])
    }

    /// A tensor of float32 numbers.
    ///
    /// - Parameters:
    ///   - shape: its product is the number of elements of all `parts`.
    ///   - parts: matrices whose rows follow each other.
    public init(_ name: String, shape: [Int], _ parts: [MatrixView]) {
      precondition(
        shape.reduce(1, *) == parts.reduce(0) { $0 + $1.rowCount * $1.columnCount },
        "a tensor has the elements of its shape")
      (self.name, self.shape, content) = (name, shape, .floats(parts))
    }

    /// A tensor of int64 numbers.
    public init(_ name: String, _ integers: [Int]) {
      (self.name, shape) = (name, [integers.count])
      content = .integers(integers.map { Int64($0) })
    }

    /// A tensor of uint32 numbers.
    public init(_ name: String, _ numbers: [UInt32]) {
      (self.name, shape, content) = (name, [numbers.count], .words(numbers))
    }

    /// A tensor of uint16 numbers.
    public init(_ name: String, _ numbers: [UInt16]) {
      (self.name, shape, content) = (name, [numbers.count], .halfWords(numbers))
    }

    public var byteCount: Int {
      switch content {
      case .floats: 4 * shape.reduce(1, *)
      case .integers(let numbers): 8 * numbers.count
      case .words(let numbers): 4 * numbers.count
      case .halfWords(let numbers): 2 * numbers.count
      }
    }

    fileprivate var typeName: String {
      switch content {
      case .floats: "F32"
      case .integers: "I64"
      case .words: "U32"
      case .halfWords: "U16"
      }
    }

    /// Bytes of one number.
    fileprivate var width: Int {
      switch content {
      case .integers: 8
      case .floats, .words: 4
      case .halfWords: 2
      }
    }
  }

  private struct Entry: Encodable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  /// Writes one file, published whole or not at all.
  ///
  /// - Parameters:
  ///   - tensors: names must differ.
  ///   - metadata: the file's own; transformers wants `format: pt` of weights.
  public static func write(
    _ tensors: [Tensor], metadata: [String: String] = ["format": "pt"], to path: String
  ) throws {
    // Wide elements first keep every tensor aligned; then by name.
    let ordered = tensors.sorted { (-$0.width, $0.name) < (-$1.width, $1.name) }
    var entries: [String: Entry] = [:]
    var offset = 0
    for tensor in ordered {
      entries[tensor.name] = Entry(
        dtype: tensor.typeName, shape: tensor.shape,
        data_offsets: [offset, offset + tensor.byteCount])
      offset += tensor.byteCount
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var body = String(decoding: try encoder.encode(entries), as: UTF8.self)
    let own = String(decoding: try encoder.encode(metadata), as: UTF8.self)
    body = #"{"__metadata__":"# + own + (entries.isEmpty ? "" : ",") + body.dropFirst()
    var header = Array(body.utf8)
    while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + header.count + offset)
    littleEndian(UInt64(header.count)) { bytes += $0 }
    bytes += header
    for tensor in ordered { append(tensor, to: &bytes) }
    try DurableFile.write(bytes, to: path)
  }

  private static func append(_ tensor: Tensor, to bytes: inout [UInt8]) {
    switch tensor.content {
    case .integers(let numbers):
      for number in numbers { littleEndian(UInt64(bitPattern: number)) { bytes += $0 } }
    case .words(let numbers):
      for number in numbers { littleEndian(UInt64(number)) { bytes += $0.prefix(4) } }
    case .halfWords(let numbers):
      for number in numbers {
        bytes.append(UInt8(truncatingIfNeeded: number))
        bytes.append(UInt8(truncatingIfNeeded: number >> 8))
      }
    case .floats(let parts):
      for part in parts {
        for row in 0..<part.rowCount {
          let numbers = part.rows(row..<row + 1)
          numbers.withSpan { span in
            // Safety: the span's bytes are read during the call only; the machine is little-endian.
            unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
          }
        }
      }
    }
  }

  private static func littleEndian(_ value: UInt64, _ body: ([UInt8]) -> Void) {
    body((0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) })
  }
}
