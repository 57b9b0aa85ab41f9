import Files

/// RUN/XXH128SUMS, as `xxh128sum -c` reads it. It is published last: where it is, the run is
/// complete.
///
/// It finds damage, not malice: SHA-256 would take 4 % of a capture's time. What decides the bytes,
/// model and texts, is in the plan with its SHA-256.
package struct Manifest: Equatable {
  package struct Entry: Equatable {
    package let name: String
    package let digest: String
  }

  /// By name, in byte order.
  package let entries: [Entry]

  package init(_ digests: [String: String]) {
    entries = digests.map { Entry(name: $0.key, digest: $0.value) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: `CaptureError.invalidManifest` for a line that is not 32 hexadecimal digits, two
  ///   characters and a name without "..".
  package init(path: String) throws {
    let text = String(
      decoding: try MappedFile(path: path, limit: 256 << 20).copyBytes(), as: UTF8.self)
    var digests: [String: String] = [:]
    for (index, line) in text.split(separator: "\n").enumerated() {
      let digest = line.prefix(32)
      let name = String(line.dropFirst(34))
      guard digest.utf8.count == 32, digest.allSatisfy({ $0.isASCII && $0.isHexDigit }),
        line.dropFirst(32).hasPrefix("  ") || line.dropFirst(32).hasPrefix(" *"), !name.isEmpty
      else {
        throw CaptureError.invalidManifest(
          path: path, line: index + 1, reason: "expected 32 hexadecimal digits and a file name")
      }
      guard !name.hasPrefix("/"), !name.split(separator: "/").contains("..") else {
        throw CaptureError.invalidManifest(
          path: path, line: index + 1, reason: "expected a name within the folder, found \(name)")
      }
      guard digests.updateValue(digest.lowercased(), forKey: name) == nil else {
        throw CaptureError.invalidManifest(
          path: path, line: index + 1, reason: "\(name) stands twice")
      }
    }
    self.init(digests)
  }

  /// The bytes of the file.
  package var encoded: [UInt8] {
    entries.flatMap { Array("\($0.digest)  \($0.name)\n".utf8) }
  }

  package func digest(of name: String) -> String? { entries.first { $0.name == name }?.digest }
}
