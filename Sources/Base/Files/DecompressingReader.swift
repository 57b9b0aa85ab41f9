/// Reads a plain, gzip or zstd stream from front to back in bounded pieces.
///
/// What the stream is, its first bytes say; its name says nothing. Several gzip members or zstd
/// frames one after the other are one stream, as `cat a.gz b.gz` makes them.
///
/// Memory is bounded whatever the bytes say: two buffers of `pieceByteCount` and the decoder's
/// window, for zstd at most 128 MiB or four times the file. A stream that expands beyond 64 MiB and
/// 256 times its size is refused as a decompression bomb; text does not reach such ratios.
public final class DecompressingReader {
  /// The size of the pieces that are read and returned.
  public static let pieceByteCount = 256 << 10
  /// Expansion that is always allowed.
  static let freeExpansion = 64 << 20
  /// Expansion allowed beyond that, in output bytes for each input byte.
  static let expansionRatio = 256
  /// Window that every zstd stream may have, as the zstd tool's own limit: 128 MiB. What of it is
  /// never filled takes no memory, and the bound on expansion is one on what is filled.
  private static let freeWindowLog = 27

  private enum Decoder {
    case plain
    case gzip(GzipDecoder)
    case zstd(ZstdDecoder)
  }

  /// How the stream is compressed.
  public let format: CompressionFormat
  /// Names the stream in errors.
  public var path: String { stream.path }
  /// Size of the compressed file; nil for a pipe.
  public var compressedByteCount: Int? { stream.byteCount }
  /// Number of compressed bytes read so far, for progress.
  public var compressedOffset: Int { stream.offset }
  /// Number of bytes returned so far.
  public private(set) var expandedOffset = 0

  private let stream: ByteStream
  private let decoder: Decoder
  private var input: [UInt8]
  private var position = 0
  private var output: [UInt8] = []
  private var inputHasEnded = false
  private var isBetweenFrames = true

  /// Opens the file at `path`; "-" is the standard input.
  ///
  /// - Throws: `FileError`.
  public convenience init(path: String) throws(FileError) {
    try self.init(path == "-" ? ByteStream.standardInput() : ByteStream(path: path))
  }

  /// Reads from `stream`, whose first bytes decide how.
  public init(_ stream: ByteStream) throws(FileError) {
    var first: [UInt8] = []
    first.reserveCapacity(Self.pieceByteCount)
    while first.count < CompressionFormat.magicByteCount {
      if try stream.read(upTo: Self.pieceByteCount - first.count, into: &first) == 0 { break }
    }
    self.stream = stream
    self.input = first
    self.format = CompressionFormat(firstBytes: first)
    switch format {
    case .none: self.decoder = .plain
    case .gzip: self.decoder = .gzip(GzipDecoder())
    case .zstd: self.decoder = .zstd(ZstdDecoder(windowLog: Self.windowLog(stream.byteCount)))
    }
  }

  /// The next piece of the expanded stream, never empty; nil at the end.
  ///
  /// - Throws: `FileError.unreadable`, or `CompressionError` for bytes that are not what their
  ///   beginning promised.
  public func next() throws -> [UInt8]? {
    if case .plain = decoder {
      if input.isEmpty { _ = try stream.read(upTo: Self.pieceByteCount, into: &input) }
      let piece = input
      input = []
      expandedOffset += piece.count
      return piece.isEmpty ? nil : piece
    }
    while true {
      if position == input.count && !inputHasEnded { try refill() }
      if position == input.count && isBetweenFrames && inputHasEnded { return nil }
      let step = try decode()
      position += step.consumed
      isBetweenFrames = step.isBetweenFrames
      if step.produced > 0 {
        expandedOffset += step.produced
        try checkExpansion()
        return Array(output[..<step.produced])
      }
      if step.consumed == 0 && position == input.count && inputHasEnded && !isBetweenFrames {
        throw CompressionError.truncated(path: path, format: format, offset: stream.offset)
      }
      if step.consumed == 0 && position < input.count {
        throw corrupt("the decoder makes no progress")
      }
    }
  }

  // MARK: - Private

  private func refill() throws(FileError) {
    input.removeAll(keepingCapacity: true)
    position = 0
    inputHasEnded = try stream.read(upTo: Self.pieceByteCount, into: &input) == 0
  }

  private func decode() throws -> DecodingStep {
    if output.isEmpty { output = [UInt8](repeating: 0, count: Self.pieceByteCount) }
    do throws(DecodingFailure) {
      switch decoder {
      case .plain: return DecodingStep(consumed: 0, produced: 0, isBetweenFrames: true)
      case .gzip(let gzip): return try gzip.step(input, from: position, into: &output)
      case .zstd(let zstd): return try zstd.step(input, from: position, into: &output)
      }
    } catch {
      switch error {
      case .corrupt(let reason): throw corrupt(reason)
      case .windowTooLarge:
        throw CompressionError.windowTooLarge(
          path: path, limit: 1 << Self.windowLog(stream.byteCount))
      }
    }
  }

  private func corrupt(_ reason: String) -> CompressionError {
    .corrupt(
      path: path, format: format, offset: stream.offset - (input.count - position), reason: reason)
  }

  private func checkExpansion() throws(CompressionError) {
    let (product, overflow) = stream.offset.multipliedReportingOverflow(by: Self.expansionRatio)
    let limit = overflow ? Int.max : max(product, Self.freeExpansion)
    guard expandedOffset <= limit else {
      throw .expandsTooMuch(path: path, compressed: stream.offset, expanded: limit)
    }
  }

  /// The largest power of two within 128 MiB or four times the file, and zstd's own bound of 2 GiB.
  private static func windowLog(_ byteCount: Int?) -> Int {
    guard let byteCount else { return freeWindowLog }
    var log = freeWindowLog
    while log < 31 && byteCount >= 1 << (log - 1) { log += 1 }
    return log
  }
}
