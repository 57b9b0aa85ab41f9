import Corpora
import Files
import Foundation
import Testing

/// Damaged corpora give documents or an error that a user can act on; never a trap or a hang.
@Suite struct CorpusMutationTests {
  /// MOHD_MUTATIONS raises the number of damaged files over all formats.
  static let count =
    ProcessInfo.processInfo.environment["MOHD_MUTATIONS"].flatMap { Int($0) } ?? 8000
  /// No small file may hold a reader longer; a busy machine needs some room above that second.
  static let slowest = Duration.seconds(5)

  /// Bytes that mean something to a JSON scanner, to gzip or to zstd.
  private static let pieces: [[UInt8]] =
    [
      "{", "}", "[", "]", "\"", "\\", "\\u", "\\ud83e", ":", ",", "\n", "\r\n", "\u{feff}", "-",
      "1e",
      "null", "NaN", "\"text\":", "\"meta\":{", "\u{0}", "999999999999999999999999",
    ].map { Array($0.utf8) } + [
      [0x1f, 0x8b, 0x08], [0x28, 0xb5, 0x2f, 0xfd], [0x50, 0x2a, 0x4d, 0x18],
      [0xff, 0xff, 0xff, 0xff],
      [0, 0, 0, 0], [0xc0], [0xed, 0xa0, 0x80], [0xf4, 0x90],
    ]

  private static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let start = Int.random(in: 0...bytes.count, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 0...8, using: &generator))
      switch Int.random(in: 0..<6, using: &generator) {
      case 0:
        if start < bytes.count { bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &generator) }
      case 1: bytes.removeSubrange(start..<end)
      case 2: bytes.insert(contentsOf: pieces.randomElement(using: &generator) ?? [], at: start)
      case 3:
        bytes.replaceSubrange(start..<end, with: pieces.randomElement(using: &generator) ?? [])
      case 4: bytes.insert(contentsOf: bytes[start..<end], at: start)
      default: bytes.removeSubrange((start + bytes.count) / 2..<bytes.count)
      }
    }
    return bytes
  }

  @Test(
    "a damaged corpus gives documents or a typed error",
    arguments: ["small.jsonl", "small.jsonl.gz", "small.jsonl.zst", "prose.zst.txt"])
  func mutations(name: String) throws {
    let scratch = try Scratch()
    let original = try fixture(name)
    var generator = SeededGenerator(state: UInt64(name.utf8.count) &* 0x1234_5678_9abc)
    var (readWhole, refused) = (0, 0)
    for index in 0..<(Self.count / 4) {
      let path = try scratch.write(name, Self.mutate(original, &generator))
      let start = ContinuousClock.now
      do {
        let reader = try reader(path) {
          $0.malformedLines = index % 2 == 0 ? .skip : .fail
          $0.invalidUTF8 = [.skip, .replace, .fail][index % 3]
          $0.domainField = index % 5 == 0 ? "meta.redpajama_set_name" : nil
        }
        while let item = try reader.next() {
          guard case .document(let document) = item else { continue }
          #expect(String(validating: document.text, as: UTF8.self) != nil)
        }
        readWhole += 1
      } catch let error as any ReportableError {
        #expect(error.exitStatus == .badInput, "\(error)")
        refused += 1
      }
      #expect(ContinuousClock.now - start < Self.slowest, "mutation \(index) of \(name)")
    }
    #expect(readWhole + refused == Self.count / 4)
  }
}
