import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let eval = Tool(name: "mohd-eval")
private let probe = Tool(name: "mohd-probe")

@Suite("Calibration text in an evaluation, as a user meets it")
struct CalibrationOverlapTests {
  private func json(_ data: Data) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// What `mohd-eval compare` warns of about calibration text.
  private func warnings(_ converted: URL, _ pico: PicoCapture, text: String) throws -> [String] {
    let result = try eval(
      "compare", pico.model, converted.path, "--corpus", "test=\(text)", "--sequence-length", "64",
      "--rounds", "0", "--tokenizer", pico.model + "/tokenizer.json", "--json", "--quiet")
    #expect(result.status == 0, "\(result.error)")
    let found = try json(Data(result.output.utf8))["warnings"] as? [[String: String]]
    return try #require(found).filter { $0["kind"] == "calibration_overlap" }
      .compactMap { $0["text"] }
  }

  /// The documents that conversion.json lists; nil where it has no list.
  private func documents(_ converted: URL) throws -> [String]? {
    let plan = try json(Data(contentsOf: converted.appending(path: "conversion.json")))
    return try #require(plan["calibration"] as? [String: Any])["document_sha256"] as? [String]
  }

  @Test(
    "Calibration text is warned of, also with a word before it and cut, from text and capture alike"
  )
  func overlap() throws {
    let pico = try PicoCapture()
    let other = try PicoCapture(characterCount: 2000)
    try Data(("fade " + String(contentsOfFile: other.text, encoding: .utf8)).utf8)
      .write(to: URL(filePath: other.text))
    let (fromText, fromRun) = (pico.work.url("text"), pico.work.url("captured"))
    let text = try convert(
      "--model", pico.model, "--corpus", "test=\(pico.text)", "--sequence-length", "64",
      "--output", fromText.path, "--quiet")
    #expect(text.status == 0, "\(text.error)")
    let captured = try probe.run(pico.arguments("run", "--hook-points", "all"))
    #expect(captured.status == 0, "\(captured.error)")
    let run = try convert(
      "--model", pico.model, "--calibration", pico.work.url("run").path, "--output", fromRun.path,
      "--quiet")
    #expect(run.status == 0, "\(run.error)")

    #expect(try documents(fromText)?.count == 1)
    #expect(try documents(fromRun) == nil)
    let foreign = pico.work.url("foreign.txt")
    try Data((0..<200).map { "\($0)x" }.joined(separator: " ").utf8).write(to: foreign)
    for converted in [fromText, fromRun] {
      #expect(try warnings(converted, pico, text: foreign.path) == [])
      for text in [other.text, pico.text] {
        let found = try warnings(converted, pico, text: text)
        #expect(
          found.count == 1 && found.first?.contains("is 1 of 1 document of") == true, "\(found)")
        #expect(found.first?.contains(" % of its passages") == true, "\(found)")
      }
    }
  }
}
