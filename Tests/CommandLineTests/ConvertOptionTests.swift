import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")

@Suite("mohd-convert does what an option says, or refuses it")
struct ConvertOptionTests {
  private func arguments(_ pico: PicoCapture, _ output: String, _ more: [String]) -> [String] {
    [
      "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64", "--output",
      pico.work.url(output).path, "--quiet",
    ] + more
  }

  /// conversion.json.
  private func plan(_ pico: PicoCapture, _ output: String) throws -> [String: Any] {
    let data = try Data(
      contentsOf: pico.work.url(output).appending(path: "conversion.json"))
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test("Three quarters of 12 where 12 divides the hidden size, else of 8, and it is said")
  func threeQuarters() throws {
    // 32 dimensions.
    let pico = try PicoCapture()
    let result = try convert.run(
      arguments(pico, "out", ["--preset", "75%", "--budget", "uniform"]).filter { $0 != "--quiet" })
    #expect(result.status == 0 && result.error.contains("6 of 8"), "\(result.error)")
    let recipe = try #require(plan(pico, "out")["recipe"] as? [String: Any])
    for component in ["attention", "ffn"] {
      let counts = try #require(recipe[component] as? [String: Any])
      #expect(counts["sub_dimensions"] as? Int == 8 && counts["top_k"] as? Int == 6)
      #expect(counts["shared"] as? Int == 3)
    }
    #expect(recipe["budget"] as? String == "uniform")
  }

  @Test("A budget that is asked for is not overridden by a preset or by K")
  func explicitBudget() throws {
    let pico = try PicoCapture()
    for (name, options) in [
      ("preset", ["--preset", "50%", "--router", "energy"]),
      ("k", ["--sub-dimensions", "8", "--top-k", "4", "--router", "energy"]),
    ] {
      let result = try convert.run(
        arguments(pico, name, options + ["--budget", "sensitivity"]))
      #expect(result.status == 0, "\(result.error)")
      let recipe = try #require(plan(pico, name)["recipe"] as? [String: Any])
      #expect(recipe["budget"] as? String == "sensitivity")
    }
  }

  @Test("What does nothing is refused, with its name and what to do")
  func hollow() throws {
    let pico = try PicoCapture()
    for (options, status, hint) in [
      (["--sub-dimensions", "8", "--recover", "--refit", "bias"], 65, "--refit bias"),
      (
        ["--sub-dimensions", "8", "--recover", "--gate", "softmax", "--distill", "0"], 65, "softmax"
      ),
      (["--sub-dimensions", "8", "--gate", "softmax", "--router", "energy"], 65, "even scores"),
      (
        ["--sub-dimensions", "8", "--sparse-side", "both", "--basis", "pca"], 64,
        "--basis identity"
      ),
    ] as [([String], Int32, String)] {
      let result = try convert.run(arguments(pico, "out", options))
      #expect(result.status == status && result.error.contains(hint), "\(result.error)")
    }
    #expect(!FileManager.default.fileExists(atPath: pico.work.url("out").path))
  }
}
