import Activations
import Files
import Models
import Tensors

/// The residual streams of all batches of a corpus, so that the whole corpus can go through one
/// layer before the next: in memory, or beyond a limit in a scratch file.
final class ResidualStreams {
  /// Streams up to this many bytes stay in memory.
  static let memoryLimit = 1 << 30

  private let hiddenSize: Int
  private let batches: [TokenBatch]
  private let offsets: [Int]
  private var held: [MatrixView] = []
  private let scratch: ScratchFile?
  private let staging: MatrixView

  /// - Parameter folder: where the scratch file lies, should one be needed.
  init(
    _ batches: [TokenBatch], hiddenSize: Int, folder: String, memoryLimit: Int = memoryLimit
  ) throws {
    self.batches = batches
    self.hiddenSize = hiddenSize
    let sizes = batches.map { $0.tokenCount * hiddenSize * MemoryLayout<Float>.stride }
    offsets = sizes.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1) }
    if (offsets.last ?? 0) > memoryLimit {
      scratch = try ScratchFile(folder: folder)
      let longest = batches.map(\.tokenCount).max() ?? 0
      staging = Matrix(rowCount: longest, columnCount: hiddenSize).view
    } else {
      scratch = nil
      staging = Matrix(rowCount: 0, columnCount: hiddenSize).view
      held = batches.map { Matrix(rowCount: $0.tokenCount, columnCount: hiddenSize).view }
    }
  }

  /// Bytes that the streams take in memory.
  static func memoryByteCount(tokenCount: Int, longestBatch: Int, hiddenSize: Int) -> Int {
    let all = tokenCount * hiddenSize * MemoryLayout<Float>.stride
    return all > memoryLimit ? longestBatch * hiddenSize * MemoryLayout<Float>.stride : all
  }

  /// Gives `body` the stream of one batch, [tokens, hidden], and keeps what it makes of it.
  ///
  /// - Parameter isFresh: there is no stream yet; `body` writes the first.
  func update(_ index: Int, isFresh: Bool, _ body: (MatrixView) throws -> Void) throws {
    guard let scratch else { return try body(held[index]) }
    let view = staging.rows(0..<batches[index].tokenCount)
    if !isFresh {
      try view.withMutableSpan { try scratch.read(into: &$0, at: offsets[index]) }
    }
    try body(view)
    try view.withSpan { try scratch.write($0, at: offsets[index]) }
  }
}
