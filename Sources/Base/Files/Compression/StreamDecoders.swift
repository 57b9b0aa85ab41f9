import CZlib
import CZstd

/// One step of a streaming decoder: how much it took and what it knows now.
struct DecodingStep {
  /// Bytes of input used.
  var consumed: Int
  /// Bytes of output written.
  var produced: Int
  /// Whether the input so far ends where a gzip member or a zstd frame ends.
  var isBetweenFrames: Bool
}

/// A failed step: what the decoder says.
enum DecodingFailure: Error {
  case corrupt(String)
  case windowTooLarge
}

/// A streaming decoder of concatenated gzip members (RFC 1952). Zeros after a member are padding.
@safe final class GzipDecoder {
  private let stream: UnsafeMutablePointer<z_stream>
  private var isBetweenMembers = true
  private let isReady: Bool

  init() {
    unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    // 15 bits of window, +16 for the gzip wrapper alone.
    isReady = unsafe mohd_inflate_init(stream, 15 + 16) == Z_OK
  }

  deinit {
    // Safety: `stream` was initialised by `init` and is ended once; inflateEnd allows a failed one.
    unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Decodes from `input[start...]` into `output`.
  func step(
    _ input: [UInt8], from start: Int, into output: inout [UInt8]
  ) throws(DecodingFailure) -> DecodingStep {
    guard isReady else { throw .corrupt("zlib cannot start") }
    var first = start
    if isBetweenMembers {
      while first < input.count && input[first] == 0 { first += 1 }
      guard first < input.count else {
        return DecodingStep(consumed: first - start, produced: 0, isBetweenFrames: true)
      }
      unsafe inflateReset(stream)
      isBetweenMembers = false
    }
    var status = Z_OK
    unsafe input.withUnsafeBufferPointer { source in
      unsafe output.withUnsafeMutableBufferPointer { target in
        // Safety: zlib reads and writes within the counts given; the pointers are used only here.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
          mutating: source.baseAddress.map { unsafe $0 + first })
        unsafe stream.pointee.avail_in = UInt32(source.count - first)
        unsafe stream.pointee.next_out = target.baseAddress
        unsafe stream.pointee.avail_out = UInt32(target.count)
        status = unsafe inflate(stream, Z_NO_FLUSH)
      }
    }
    let step = DecodingStep(
      consumed: input.count - Int(unsafe stream.pointee.avail_in) - start,
      produced: output.count - Int(unsafe stream.pointee.avail_out),
      isBetweenFrames: status == Z_STREAM_END)
    switch status {
    case Z_OK, Z_BUF_ERROR: break
    case Z_STREAM_END: isBetweenMembers = true
    default:
      // Safety: zlib's message is a zero-terminated constant, or nil.
      let message = unsafe stream.pointee.msg.map { unsafe String(cString: $0) }
      throw .corrupt(message ?? "zlib status \(status)")
    }
    return step
  }
}

/// A streaming decoder of concatenated zstd frames (RFC 8878), skippable frames included.
@safe final class ZstdDecoder {
  private let context: OpaquePointer?
  private var isBetweenFrames = true

  /// - Parameter windowLog: the largest window allowed is 2 to this power, in bytes.
  init(windowLog: Int) {
    unsafe context = unsafe ZSTD_createDCtx()
    unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Int32(windowLog))
  }

  deinit { unsafe ZSTD_freeDCtx(context) }

  /// Decodes from `input[start...]` into `output`.
  func step(
    _ input: [UInt8], from start: Int, into output: inout [UInt8]
  ) throws(DecodingFailure) -> DecodingStep {
    var step = DecodingStep(consumed: 0, produced: 0, isBetweenFrames: isBetweenFrames)
    if isBetweenFrames && start == input.count { return step }
    var result = 0
    unsafe input.withUnsafeBytes { source in
      unsafe output.withUnsafeMutableBytes { target in
        // Safety: zstd reads and writes within the sizes given; the pointers are used only here.
        var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: start)
        var into = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        result = unsafe ZSTD_decompressStream(context, &into, &from)
        step.consumed = unsafe from.pos - start
        step.produced = unsafe into.pos
      }
    }
    if ZSTD_isError(result) != 0 {
      // Safety: zstd's names of errors are zero-terminated constants.
      let name = unsafe String(cString: ZSTD_getErrorName(result))
      if name.contains("too much memory") { throw .windowTooLarge }
      throw .corrupt(name.prefix(1).lowercased() + name.dropFirst())
    }
    isBetweenFrames = result == 0
    step.isBetweenFrames = isBetweenFrames
    return step
  }
}
