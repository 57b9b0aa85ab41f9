import Files
import Foundation
import Tensors

/// Writes safetensors files that the reference implementation reads: a header, then the tensors
/// without gaps, floats, int64, uint32 and uint16, largest alignment first as it likes them.
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
      case rows(FloatingType, columnCount: Int, @Sendable (Range<Int>, MatrixView) -> Void)
    }

    /// A tensor whose rows are made when they are written, some at a time.
    ///
    /// - Parameters:
    ///   - shape: the last side is a row.
    ///   - type: what its numbers are rounded to.
    ///   - read: fills a matrix, [rows.count, last side], with some rows.
    public init(
      _ name: String, shape: [Int], type: FloatingType,
      read: @escaping @Sendable (_ rows: Range<Int>, _ target: MatrixView) -> Void
    ) {
      (self.name, self.shape) = (name, shape)
      content = .rows(type, columnCount: shape.last ?? 1, read)
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
      case .rows(let type, _, _): type.byteCount * shape.reduce(1, *)
      }
    }

    fileprivate var typeName: String {
      switch content {
      case .floats: FloatingType.float32.elementType.rawValue
      case .integers: ElementType.int64.rawValue
      case .words: "U32"
      case .halfWords: "U16"
      case .rows(let type, _, _): type.elementType.rawValue
      }
    }

    /// Bytes of an element.
    fileprivate var alignment: Int {
      switch content {
      case .integers: 8
      case .floats, .words: 4
      case .halfWords: 2
      case .rows(let type, _, _): type.byteCount
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
    // The largest elements first keep every tensor aligned; then by name.
    let ordered = tensors.sorted { (-$0.alignment, $0.name) < (-$1.alignment, $1.name) }
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
    var start: [UInt8] = []
    littleEndian(UInt64(header.count)) { start += $0 }
    try DurableFile.write(to: path) { append in
      try append(start + header)
      for tensor in ordered { try write(tensor, path: path, append) }
    }
  }

  /// Elements that are converted and written at a time.
  private static let pieceElementCount = 1 << 20

  private static func write(
    _ tensor: Tensor, path: String, _ append: ([UInt8]) throws -> Void
  ) throws {
    switch tensor.content {
    case .integers(let numbers):
      var bytes: [UInt8] = []
      for number in numbers { littleEndian(UInt64(bitPattern: number)) { bytes += $0 } }
      try append(bytes)
    case .words(let numbers):
      var bytes: [UInt8] = []
      for number in numbers { littleEndian(UInt64(number)) { bytes += $0.prefix(4) } }
      try append(bytes)
    case .halfWords(let numbers):
      var bytes: [UInt8] = []
      for number in numbers {
        bytes.append(UInt8(truncatingIfNeeded: number))
        bytes.append(UInt8(truncatingIfNeeded: number >> 8))
      }
      try append(bytes)
    case .floats(let parts):
      for part in parts {
        let step = max(1, pieceElementCount / max(part.columnCount, 1))
        for start in stride(from: 0, to: part.rowCount, by: step) {
          var bytes: [UInt8] = []
          bytes.reserveCapacity(4 * min(step, part.rowCount - start) * part.columnCount)
          for row in start..<min(start + step, part.rowCount) {
            _ = FloatingType.float32.append(part.rows(row..<row + 1), to: &bytes)
          }
          try append(bytes)
        }
      }
    case .rows(let type, let columnCount, let read):
      let rowCount = tensor.shape.dropLast().reduce(1, *)
      let step = max(1, pieceElementCount / max(columnCount, 1))
      let room = Matrix(rowCount: min(step, rowCount), columnCount: columnCount)
      for start in stride(from: 0, to: rowCount, by: step) {
        let rows = start..<min(start + step, rowCount)
        let piece = room.view.rows(0..<rows.count)
        read(rows, piece)
        var bytes: [UInt8] = []
        guard type.append(piece, to: &bytes) else {
          throw SafetensorsError.notRepresentable(
            path: path, tensor: tensor.name, type: type.rawValue)
        }
        try append(bytes)
      }
    }
  }

  private static func littleEndian(_ value: UInt64, _ body: ([UInt8]) -> Void) {
    body((0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) })
  }
}
