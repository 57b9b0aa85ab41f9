import Foundation
import Testing

private let eval = Tool(name: "mohd-eval")

@Suite("mohd-eval, as a user runs it")
struct EvalCommandTests {
  private func json(_ result: Tool.Result) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result.error)")
  }

  @Test("perplexity prints the four perplexities of all text and of each domain")
  func perplexity() throws {
    let pico = try PicoCapture()
    let arguments = [
      "perplexity", "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64",
    ]
    let result = try eval.run(arguments + ["--json"])
    #expect(result.status == 0, "\(result.error)")
    let found = try json(result)
    for key in ["word_perplexity", "byte_perplexity", "bits_per_byte", "token_perplexity"] {
      #expect(found[key] as? Double ?? 0 > 1, "\(key)")
      #expect(found[key + "_standard_error"] is NSNull, "\(key)")
    }
    #expect((found["domains"] as? [[String: Any]])?.first?["domain"] as? String == "a")
    #expect(found["window_length"] as? Int == 64)
    let again = try json(eval.run(arguments + ["--json", "--threads", "1"]))
    #expect(again["word_perplexity"] as? Double == found["word_perplexity"] as? Double)
    let table = try eval.run(arguments)
    #expect(table.status == 0 && table.output.contains("bits per byte"))
    let dry = try json(eval.run(arguments + ["--json", "--dry-run"]))
    #expect(dry["tokens"] as? Int == found["tokens"] as? Int)
  }

  @Test("A model loses nothing beside itself, and the folder is made again over an older one")
  func compare() throws {
    let pico = try PicoCapture()
    let output = pico.work.url("report").path
    for _ in 0..<2 {
      let result = try eval(
        "compare", pico.model, pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64",
        "--rounds", "1", "--output", output, "--no-pictures", "--json")
      #expect(result.status == 0, "\(result.error)")
      let found = try json(result)
      #expect(found["schema"] as? String == "mohd-evaluation/1")
      let ratio = found["geometric_mean_perplexity_ratio"] as? [String: Any]
      #expect(ratio?["value"] as? Double == 1)
    }
    let files = try tree(output).keys
    for name in [
      "comparison.json", "report.html", "tables/domains.csv", "tables/reconstruction.csv",
      "tables/speed.csv", "figures/layers.json",
    ] {
      #expect(files.contains(name), "\(name)")
    }
  }

  @Test("What is missing or does not fit ends with its status and a hint, before any work")
  func failures() throws {
    let pico = try PicoCapture()
    let corpus = ["--corpus", "a=\(pico.text)", "--quiet"]
    var result = try eval.run(["perplexity", "--model", "/nowhere"] + corpus)
    #expect(result.status == 66 && result.error.contains("/nowhere"), "\(result.error)")
    result = try eval.run(
      ["compare", pico.model, pico.model, "--output", pico.work.path] + corpus)
    #expect(result.status == 73 && result.error.contains("another folder"), "\(result.error)")
    let other = root.appending(path: "Tests/Fixtures/checkpoints/llama-f32").path
    result = try eval.run(
      ["compare", pico.model, other, "--tokenizer", pico.model + "/tokenizer.json"] + corpus)
    #expect(result.status == 65 && result.error.contains("vocab_size"), "\(result.error)")
    result = try eval.run(["perplexity", "--model", pico.model, "--max-tokens", "1"] + corpus)
    #expect(result.status == 0, "\(result.error)")
    result = try eval.run(["compare", pico.model, pico.model, "--max-tokens", "1"] + corpus)
    #expect(result.status == 65 && result.error.contains("second token"), "\(result.error)")
    result = try eval.run(["compare", pico.model, pico.model, "--rounds", "-1"] + corpus)
    #expect(result.status == 64, "\(result.error)")
  }
}
