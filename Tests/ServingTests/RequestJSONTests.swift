import Serving
import Testing

@Suite("JSON that a stranger sent")
struct RequestJSONTests {
  @Test("Values are what they say, and a list of integers stays one")
  func values() throws {
    let text =
      #" {"a": [1, -2,3], "b": [[1],[2]], "c": [1, 2.5], "d": "x", "e": 1e2, "f": null, "g": [] } "#
    #expect(
      try RequestJSON(Array(text.utf8))
        == .object([
          "a": .integers([1, -2, 3]), "b": .list([.integers([1]), .integers([2])]),
          "c": .list([.number(1), .number(2.5)]), "d": .string("x"), "e": .number(100),
          "f": .null, "g": .list([]),
        ]))
    #expect(try RequestJSON(Array("true".utf8)) == .boolean(true))
  }

  @Test("Escapes and surrogate pairs become characters")
  func escapes() throws {
    let text = #""\u00e9\ud83d\ude00\n\"\\\/é""#
    #expect(try RequestJSON(Array(text.utf8)) == .string("é😀\n\"\\/é"))
  }

  @Test(
    "What is not JSON, or too much of it, is refused with its place",
    arguments: [
      "", "{", "[1,]", "[1 2]", "{\"a\":1,}", "{a:1}", "nul", "01", "[01]", "1.", "1e", "--1",
      "\"\\ud83d\"", "\"\\x\"", "\"a", "{\"a\":1,\"a\":2}", "[1]x", "NaN", "Infinity", "1e999",
      "\"\n\"", "[1,2,", "[-]",
    ])
  func malformed(text: String) {
    let failure = #expect(throws: ServingFailure.self) { try RequestJSON(Array(text.utf8)) }
    #expect(failure?.status == 400 && failure?.message.contains("byte") == true)
  }

  @Test("Bytes that are no UTF-8 are refused")
  func notUTF8() {
    #expect(throws: ServingFailure.self) { try RequestJSON([0x22, 0xFF, 0x22]) }
  }

  @Test("A million brackets and a million values end early")
  func depth() {
    let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
    #expect(throws: ServingFailure.self) { try RequestJSON(deep) }
    let wide = Array(("[" + String(repeating: "\"\",", count: 1_000_000) + "\"\"]").utf8)
    #expect(throws: ServingFailure.self) { try RequestJSON(wide) }
  }
}
