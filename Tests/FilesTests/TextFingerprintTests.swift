import Files
import Foundation
import Testing

@Suite("Passages of a text")
struct TextFingerprintTests {
  /// A text of made-up words, each passage of which stands once.
  private func text(_ seed: Int, words: Int) -> String {
    (0..<words).map { "w\((seed &* 7919 &+ $0 &* 104_729) % 1_000_003)" }.joined(separator: " ")
  }

  private func share(_ text: String, of other: TextFingerprint) -> Double {
    let found = other.passages(of: Array(text.utf8))
    return found.all == 0 ? 0 : Double(found.known) / Double(found.all)
  }

  @Test("Cut, wrapped, capitalised and lengthened texts are seen, others are not")
  func edits() {
    let original = text(1, words: 400)
    let known = TextFingerprint([Array(original.utf8)])
    #expect(known.sampleBits == 0)
    #expect(share(original, of: known) == 1)
    #expect(share(original.replacingOccurrences(of: " ", with: "\r\n"), of: known) == 1)
    #expect(share(original.uppercased() + ".", of: known) == 1)
    #expect(share(String(original.suffix(original.count / 2)), of: known) > 0.9)
    #expect(share(original + "\n" + text(2, words: 20), of: known) > 0.9)
    #expect(share("one new word " + original, of: known) > 0.95)
    #expect(share(text(3, words: 400), of: known) == 0)
    // Half old, half new.
    let mixed = share(text(4, words: 400) + " " + original, of: known)
    #expect(abs(mixed - 0.5) < 0.05)
  }

  @Test("Short texts are one passage, and shorter ones say nothing")
  func short() {
    let known = TextFingerprint(["The river bends twice.", "A clock"].map { Array($0.utf8) })
    #expect(known.passages(of: Array("the RIVER, bends twice".utf8)) == (1, 1))
    #expect(known.passages(of: Array("The river bends once.".utf8)) == (0, 1))
    #expect(known.passages(of: Array("A clock".utf8)) == (0, 0))
    #expect(known.passages(of: []) == (0, 0))
  }

  @Test("Scripts without spaces have a word for each character")
  func ideographs() {
    let text = "河流在磨坊前轉了兩個彎每年春天水都會漫過草地"
    let known = TextFingerprint([Array(text.utf8)])
    let found = known.passages(of: Array(("新。" + text.dropFirst(2)).utf8))
    #expect(found.known > 5 && found.known < found.all)
  }

  @Test("Of many passages a sample is kept that gives the same shares, and JSON gives it back")
  func sample() throws {
    let texts = (0..<40).map { Array(text($0 + 10, words: 200).utf8) }
    let known = TextFingerprint(texts, limit: 1000)
    #expect(known.sampleBits >= 3)
    let (old, new) = (texts.prefix(20), (0..<20).map { Array(text($0 + 90, words: 200).utf8) })
    let counts = (Array(old) + new).map { known.passages(of: $0) }
    let share =
      Double(counts.reduce(0) { $0 + $1.known }) / Double(counts.reduce(0) { $0 + $1.all })
    #expect(abs(share - 0.5) < 0.1)
    let json = try JSONEncoder().encode(known)
    #expect(try JSONDecoder().decode(TextFingerprint.self, from: json) == known)
    #expect(throws: (any Error).self) {
      try JSONDecoder().decode(
        TextFingerprint.self, from: Data("{\"words\":13,\"sample_bits\":0,\"hashes\":\"AA\"}".utf8))
    }
  }
}
