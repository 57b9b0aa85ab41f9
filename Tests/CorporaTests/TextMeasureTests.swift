import Corpora
import Testing

@Suite("Words are counted as Python's re.split does")
struct TextMeasureTests {
  @Test(
    "White space is Python's, and empty ends count a word",
    arguments: [
      ("", 1), ("word", 1), ("two words", 2), (" led", 2), ("trailed \n", 2), (" ", 2),
      ("a\u{00A0}b\u{2003}\u{2028}c\u{3000}d", 4), ("a\u{1C}b\u{85}c", 3),
      // Zero-width space and Mongolian vowel separator are none; U+205F and U+1680 are.
      ("a\u{200B}b\u{180E}c", 1), ("a\u{205F}b\u{1680}c\u{202F}d", 4), ("é\u{2002}…\r\n¶", 3),
    ])
  func words(text: String, expected: Int) {
    let measure = TextMeasure(Array(text.utf8))
    #expect(measure.wordCount == expected)
    #expect(measure.byteCount == text.utf8.count)
  }

  @Test("Bytes that are not UTF-8 and cut characters are no white space")
  func hostile() {
    #expect(TextMeasure([0xE2, 0x80]).wordCount == 1)
    #expect(TextMeasure([0xC2]).wordCount == 1)
    #expect(TextMeasure([0xE3, 0x80, 0x20, 0xFF]).wordCount == 2)
  }
}
