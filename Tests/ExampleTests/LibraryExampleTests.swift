import Foundation
import MoHD
import Testing

@Suite("The library, as somebody else's program uses it")
struct LibraryExampleTests {
  @Test("Tokens, a capture, statistics and a conversion come of one import")
  func example() throws {
    let work = FileManager.default.temporaryDirectory
      .appending(path: "mohd-example-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: work) }
    try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
    let tokenizer = work.appending(path: "tokenizer.json")
    try Data(Self.tokenizer.utf8).write(to: tokenizer)
    let model = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Fixtures/models/pico-llama").path

    let run = work.appending(path: "RUN").path
    let shares = try longTail(
      model: model, tokenizer: tokenizer.path, texts: Self.texts, run: run)
    #expect(shares.count == 2)
    #expect(shares.allSatisfy { $0 > 0.25 && $0 < 1 })
    #expect(try CaptureRun.state(of: run) == .complete)

    let output = work.appending(path: "MOHD").path
    try halve(model: model, tokenizer: tokenizer.path, texts: Self.texts, output: output)
    let converted = try Checkpoint.open(output)
    #expect(converted.configuration.mohd?.attention.map(\.activeCount) == [4, 4])
  }

  /// Sixteen texts of 64 letters each.
  private static let texts: [String] = (0..<16).map { text in
    let places: [Int] = (0..<64).map { (7 * $0 + 3 * text) * $0 + text }
    return String(places.map { letters[$0 % letters.count] })
  }

  private static let letters: [Character] = Array("abcdefghijklmnopqrstuvwxyz")

  /// One token a letter, so that the pico model's vocabulary holds them all.
  private static var tokenizer: String {
    let vocabulary = letters.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", ")
    return #"{"model": {"type": "BPE", "vocab": {"# + vocabulary + #"}, "merges": []}}"#
  }
}
