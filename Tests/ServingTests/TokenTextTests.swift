import Serving
import Testing

@Suite("Tokens as text")
struct TokenTextTests {
  @Test(
    "Offsets are where the pieces lie, in characters",
    arguments: ["smollm", "llama2_legacy", "llama3", "qwen2", "gpt2"])
  func offsets(name: String) throws {
    let tokenizer = try Pico.tokenizer(name)
    let texts = TokenText(tokenizer: tokenizer)
    for text in ["Hello world", "Zwölf Boxkämpfer 😀 jagen", " leading", "tabs\tand\n\nlines  "] {
      let plain = tokenizer.encode(Array(text.utf8), addSpecialTokens: false)
      let layout = texts.layout(of: plain, text: text, around: (0, 0))
      #expect(layout.text == text && layout.length == text.unicodeScalars.count)
      #expect(layout.offsets.first == 0 && layout.offsets == layout.offsets.sorted())
      #expect(layout.offsets.allSatisfy { $0 <= layout.length })
      let scalars = Array(text.unicodeScalars)
      for (index, id) in plain.enumerated() where index > 0 {
        let piece = texts.string(of: id)
        guard !piece.hasPrefix("bytes:") else { continue }
        let at = layout.offsets[index]
        let part = scalars[at..<min(scalars.count, at + piece.unicodeScalars.count)]
        #expect(String(String.UnicodeScalarView(part)) == piece, "\(name) \(text) \(index)")
      }
      // What the tokenizer puts before a text takes no room in it.
      let whole = texts.encode(text, addsSpecialTokens: true)
      #expect(whole.ids == tokenizer.encode(Array(text.utf8)))
      let offsets = texts.layout(of: whole.ids, text: text, around: whole.around).offsets
      #expect(
        offsets.dropFirst(whole.around.before).dropLast(whole.around.after) == layout.offsets[...])
      // Ids alone: their text begins without the tokenizer's own space.
      let alone = texts.layout(of: plain, text: nil, around: (0, 0))
      #expect(alone.text == text && alone.offsets == layout.offsets)
    }
  }

  @Test("A part of a character is written as bytes")
  func parts() {
    #expect(TokenText.string([0xF0, 0x9F]) == "bytes:\\xf0\\x9f")
    #expect(TokenText.string(Array(" é".utf8)) == " é")
  }
}

@Suite("Numbers as text")
struct JSONWriterTests {
  @Test("A number comes back as the same Double, in the fewest digits")
  func numbers() {
    for value in [-0.1, -11.539298221709902, -1e-7, -0.0, -3.5e-300, -745.13] {
      var writer = JSONWriter()
      writer.number(value)
      let text = String(decoding: writer.bytes, as: UTF8.self)
      #expect(Double(text) == value && text == value.description)
    }
  }

  @Test("Strings come back through another parser")
  func strings() throws {
    let text = "a\"b\\c\n\t\u{1}\u{7F}é😀/"
    var writer = JSONWriter()
    writer.string(text)
    #expect(try RequestJSON(writer.bytes) == .string(text))
  }

  @Test("Of two tokens with one text the likelier one's number stays")
  func collisions() throws {
    let tokenizer = try Pico.tokenizer()
    let response = CompletionResponse(
      model: "m", texts: TokenText(tokenizer: tokenizer), endIDs: [])
    let likely = TokenScore(id: 40, logProbability: -0.5)
    let same = TokenScore(id: 40, logProbability: -9)
    let score = ScoredPrompt(
      prompt: [PositionScore(token: same, top: [likely, same])], next: nil)
    var request = try CompletionRequest(
      RequestJSON(Array(#"{"prompt":[41,40],"echo":true,"logprobs":2,"max_tokens":0}"#.utf8)))
    request.addsSpecialTokens = false
    let json = String(
      decoding: response.json(
        identifier: "1", created: 0, request: request, prompts: [.init(ids: [41, 40])],
        scores: [score]), as: UTF8.self)
    #expect(json.contains(":-0.5}") && !json.contains("-9.0}"))
  }
}
