import CXXHash

/// XXH3 with 128 bits, computed by xxHash: as fast as memory, made to find damage.
///
/// It does not withstand malice; `SHA256` does.
public enum XXH128 {
  /// The digest of a whole mapped file, read once from front to back, as `xxh128sum` prints it: 32
  /// lower-case hexadecimal digits.
  ///
  /// - Parameter progress: called with the number of bytes hashed since the last call.
  public static func hash(_ file: MappedFile, progress: (Int) -> Void = { _ in }) -> String {
    let state = unsafe XXH3_createState()
    defer { _ = unsafe XXH3_freeState(state) }
    _ = unsafe XXH3_128bits_reset(state)
    file.readOnce(progress: progress) { bytes in
      // Safety: the library reads the piece while it is mapped, and keeps what it needs.
      unsafe bytes.withUnsafeBytes { buffer in
        _ = unsafe XXH3_128bits_update(state, buffer.baseAddress, buffer.count)
      }
    }
    return text(unsafe XXH3_128bits_digest(state))
  }

  /// The digest of an array of bytes.
  public static func hash(_ bytes: [UInt8]) -> String {
    unsafe bytes.withUnsafeBytes { buffer in
      text(unsafe XXH3_128bits(buffer.baseAddress, buffer.count))
    }
  }

  private static func text(_ digest: XXH128_hash_t) -> String {
    [digest.high64, digest.low64].map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
