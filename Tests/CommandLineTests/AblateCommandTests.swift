import Foundation
import Testing

private let eval = Tool(name: "mohd-eval")

@Suite("mohd-eval ablate, as a user runs it")
struct AblateCommandTests {
  private func pico() throws -> PicoCapture {
    try PicoCapture(model: "../mohd/pico-mohd-converted", characterCount: 2000)
  }

  private func arguments(_ pico: PicoCapture, _ more: String...) -> [String] {
    [
      "ablate", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64",
      "--knock-outs", "6", "--quiet",
    ] + more
  }

  private func json(_ result: Tool.Result) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result.error)")
  }

  @Test("A report with its tables and figures, and JSON with every key")
  func report() throws {
    let pico = try pico()
    let dense = root.appending(path: "Tests/Fixtures/models/pico-llama").path
    let output = pico.work.url("report").path
    let result = try eval.run(
      arguments(
        pico, "--dense", dense, "--tokenizer", pico.model + "/tokenizer.json", "--output", output,
        "--no-pictures", "--json"))
    #expect(result.status == 0, "\(result.error)")
    let found = try json(result)
    #expect(found["schema"] as? String == "mohd-ablation/1")
    for key in [
      "converted", "dense", "provenance", "text", "own_token_perplexity", "dense_token_perplexity",
      "routing", "without", "knock_outs", "knock_out_candidates", "correlations",
      "zeroed_by_magnitude", "components", "warnings",
    ] {
      #expect(found[key] != nil, "\(key)")
    }
    #expect((found["routing"] as? [Any])?.count == 8)
    #expect((found["knock_outs"] as? [Any])?.count == 6)
    #expect((found["zeroed_by_magnitude"] as? [Any])?.count == 9)
    let files = try tree(output)
    for name in [
      "ablation.json", "report.html", "tables/variants.csv", "tables/knock_outs.csv",
      "tables/sub_dimensions.csv", "figures/routing-variants.json", "figures/knock-out-loss.json",
      "figures/magnitude-zeroed.json",
    ] {
      #expect(files.keys.contains(name), "\(name)")
    }
    #expect(files["ablation.json"] == Data(result.output.utf8))
    let table = try eval.run(arguments(pico))
    #expect(table.status == 0 && table.output.contains("routing random"), "\(table.error)")
    let dry = try json(eval.run(arguments(pico, "--dry-run", "--json")))
    #expect(dry["variants"] as? Int ?? 0 > 15)
  }

  @Test("Killed and run again, it ends with the same ablation.json")
  func killed() throws {
    let pico = try pico()
    let whole = pico.work.url("whole").path
    let started = ContinuousClock.now
    let unkilled = try eval.run(arguments(pico, "--output", whole, "--no-pictures"))
    #expect(unkilled.status == 0, "\(unkilled.error)")
    let duration = (ContinuousClock.now - started) / .seconds(1)
    let expected = try tree(whole)
    for part in 1...4 {
      let output = pico.work.url("killed\(part)").path
      let running = try eval.start(arguments(pico, "--output", output, "--no-pictures"))
      Thread.sleep(forTimeInterval: duration * Double(part) / 5)
      Foundation.kill(running.process.processIdentifier, SIGKILL)
      _ = try eval.finish(running)
      let resumed = try eval.run(arguments(pico, "--output", output, "--no-pictures"))
      #expect(resumed.status == 0, "\(resumed.error)")
      let found = try tree(output)
      #expect(found["ablation.json"] == expected["ablation.json"])
      // The page names its folder; nothing else may differ, and nothing half-written is left.
      #expect(found.keys.sorted() == expected.keys.sorted())
      for (name, bytes) in expected where name.hasPrefix("settings/") {
        #expect(found[name] == bytes, "\(name)")
      }
    }
  }

  @Test("What is missing or does not fit ends with its status and a hint, before any work")
  func failures() throws {
    let pico = try pico()
    var result = try eval.run(["ablate", "/nowhere", "--corpus", pico.text])
    #expect(result.status == 66 && result.error.contains("/nowhere"), "\(result.error)")
    result = try eval.run(arguments(pico, "--output", pico.work.path))
    #expect(result.status == 73 && result.error.contains("another folder"), "\(result.error)")
    let dense = try PicoCapture()
    result = try eval.run(["ablate", dense.model, "--corpus", dense.text, "--quiet"])
    #expect(result.status == 65 && result.error.contains("mohd-convert"), "\(result.error)")
    for wrong in [["--zero", "1.5"], ["--knock-outs", "-1"], ["--threads", "0"]] {
      result = try eval.run(arguments(pico) + wrong)
      #expect(result.status == 64, "\(wrong)")
    }
  }
}
