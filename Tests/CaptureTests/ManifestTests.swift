import Capture
import Files
import Testing

@Suite struct ManifestTests {
  private let digest = String(repeating: "0f", count: 16)

  @Test("what is written is read again, in the order of names")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let manifest = Manifest(["b/c.h5": digest, "a.json": digest])
    #expect(manifest.encoded == Array("\(digest)  a.json\n\(digest)  b/c.h5\n".utf8))
    try DurableFile.write(manifest.encoded, to: folder.file("XXH128SUMS"))
    #expect(try Manifest(path: folder.file("XXH128SUMS")) == manifest)
  }

  @Test(
    "lines that are not a hash and a name within the folder are refused",
    arguments: [
      "", "DIGEST", "DIGEST  ", "DIGEST  /etc/passwd", "DIGEST  ../x", "xyz  name",
      "DIGEST  a\nDIGEST  a", "DIGEST\ta", "DIGESTff  a", "\u{0}\u{ff}",
    ])
  func refused(text: String) throws {
    let folder = try TemporaryFolder()
    let bytes = Array((text.replacing("DIGEST", with: digest) + "\n").utf8)
    try DurableFile.write(bytes, to: folder.file("XXH128SUMS"))
    if text.isEmpty {
      #expect(try Manifest(path: folder.file("XXH128SUMS")).entries.isEmpty)
    } else {
      let error = #expect(throws: CaptureError.self) {
        try Manifest(path: folder.file("XXH128SUMS"))
      }
      #expect(error?.exitStatus == .badInput)
    }
  }
}
