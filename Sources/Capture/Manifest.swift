import Files

/// RUN/SHA256SUMS, as `sha256sum -c` reads it. It is published last: where it is, the run is
/// complete.
package struct Manifest: Equatable {
  package struct Entry: Equatable {
    package let name: String
    package let sha256: String
  }

  /// By name, in byte order.
  package let entries: [Entry]

  package init(_ digests: [String: String]) {
    entries = digests.map { Entry(name: $0.key, sha256: $0.value) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// Reads the file at `path`.
  ///
  /// - Throws: `CaptureError.invalidManifest` for a line that is not 64 hexadecimal digits, two
  ///   characters and a name without "..".
  package init(path: String) throws {
    let text = String(
      decoding: try MappedFile(path: path, limit: 256 << 20).copyBytes(), as: UTF8.self)
    var digests: [String: String] = [:]
    for (index, line) in text.split(separator: "\n").enumerated() {
      let digest = line.prefix(64)
      let name = String(line.dropFirst(66))
      guard digest.utf8.count == 64, digest.allSatisfy({ $0.isASCII && $0.isHexDigit }),
        line.dropFirst(64).hasPrefix("  ") || line.dropFirst(64).hasPrefix(" *"), !name.isEmpty
      else {
        throw CaptureError.invalidManifest(
          path: path, line: index + 1, reason: "expected 64 hexadecimal digits and a file name")
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
    entries.flatMap { Array("\($0.sha256)  \($0.name)\n".utf8) }
  }

  package func sha256(of name: String) -> String? { entries.first { $0.name == name }?.sha256 }
}
