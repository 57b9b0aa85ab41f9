import CCrypto

/// An incremental SHA-256 (FIPS 180-4), computed by OpenSSL.
@safe public struct SHA256: ~Copyable {
  private let context: OpaquePointer?

  public init() {
    unsafe context = unsafe EVP_MD_CTX_new()
    unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  /// Appends `bytes`.
  public mutating func update(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { buffer in
      _ = unsafe EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
    }
  }

  /// Appends the bytes of an array.
  public mutating func update(_ bytes: [UInt8]) {
    unsafe update(bytes.span.bytes)
  }

  /// The digest of everything appended, as 64 lower-case hexadecimal digits.
  public consuming func finish() -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe digest.withUnsafeMutableBufferPointer { buffer in
      _ = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
    }
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in digest {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The digest of one array of bytes.
  public static func hash(_ bytes: [UInt8]) -> String {
    var hasher = SHA256()
    hasher.update(bytes)
    return hasher.finish()
  }

  /// The digest of a whole mapped file, read once from front to back.
  ///
  /// - Parameter progress: called with the number of bytes hashed since the last call.
  public static func hash(_ file: MappedFile, progress: (Int) -> Void = { _ in }) -> String {
    var hasher = SHA256()
    file.readOnce(progress: progress) { hasher.update($0) }
    return hasher.finish()
  }
}
