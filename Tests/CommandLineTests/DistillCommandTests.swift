import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let eval = Tool(name: "mohd-eval")

@Suite("mohd-convert --distill, as a user runs it")
struct DistillCommandTests {
  private func arguments(_ pico: PicoCapture, _ output: String, _ more: [String] = []) -> [String] {
    [
      "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64", "--output",
      pico.work.url(output).path, "--quiet", "--max-tokens", "1500", "--active", "0.5",
      "--sub-dimensions", "8", "--router", "auto",
      "--shared", "2",
    ] + more
  }

  private func plan(_ pico: PicoCapture, _ folder: String) throws -> [String: Any] {
    let url = pico.work.url(folder).appending(path: "conversion.json")
    return try #require(
      JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
  }

  /// KL(dense ‖ converted) on the whole text in nats, as `mohd-eval compare` has it.
  private func divergence(_ folder: String, _ pico: PicoCapture) throws -> Double {
    let result = try eval(
      "compare", pico.model, pico.work.url(folder).path, "--corpus", "a=\(pico.text)",
      "--sequence-length", "64", "--rounds", "0", "--json", "--quiet", "--tokenizer", pico.model)
    let found = try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result.error)")
    let domains = try #require(found["domains"] as? [[String: Any]])
    let value = try #require(domains.first?["kl_divergence"] as? [String: Any])
    return try #require(value["value"] as? Double)
  }

  @Test(
    "Training brings a conversion nearer to the dense model, the same for any number of threads")
  func trains() throws {
    let pico = try PicoCapture(characterCount: 12000)
    #expect(try convert.run(arguments(pico, "plain")).status == 0)
    var trees: [[String: Data]] = []
    for threads in ["1", "2"] {
      let result = try convert.run(
        arguments(
          pico, "out" + threads,
          ["--distill", "12000", "--distill-rate", "0.01", "--threads", threads]))
      #expect(result.status == 0, "\(result.error)")
      #expect(result.output.contains("trained on"), "\(result.output)")
      // The card names its folder.
      trees.append(try tree(pico.work.url("out" + threads).path).filter { $0.key != "README.md" })
    }
    #expect(trees[0] == trees[1])

    let distillation = try #require(plan(pico, "out1")["distillation"] as? [String: Any])
    let before = try #require(distillation["loss_before"] as? Double)
    let after = try #require(distillation["loss_after"] as? Double)
    #expect(distillation["kept"] as? Bool == true && after < 0.9 * before, "\(before) \(after)")
    #expect((distillation["losses"] as? [Double])?.count ?? 0 > 5)
    #expect(try plan(pico, "plain")["distillation"] == nil)
    // What the evaluation finds is what the training says.
    let (plain, trained) = (try divergence("plain", pico), try divergence("out1", pico))
    #expect(trained < 0.9 * plain, "\(plain) \(trained)")
    #expect(abs(plain / before - 1) < 0.3, "\(plain) \(before)")
  }

  @Test("What makes nothing better is not kept")
  func notKept() throws {
    let pico = try PicoCapture()
    #expect(try convert.run(arguments(pico, "plain")).status == 0)
    let result = try convert.run(
      arguments(pico, "out", ["--distill", "2000", "--distill-rate", "0.9"]))
    #expect(result.status == 0, "\(result.error)")
    let distillation = try #require(plan(pico, "out")["distillation"] as? [String: Any])
    #expect(distillation["kept"] as? Bool == false)
    #expect(result.output.contains("left as they were"), "\(result.output)")
    let (plain, out) = (
      try tree(pico.work.url("plain").path), try tree(pico.work.url("out").path)
    )
    for name in plain.keys where name.hasSuffix(".safetensors") {
      #expect(plain[name] == out[name])
    }
  }

  @Test("Local subspaces and their routers are trained, and recovered layer by layer")
  func subspaces() throws {
    let pico = try PicoCapture(characterCount: 12000)
    let local = ["--router", "centroid", "--distill", "12000", "--distill-rate", "0.01"]
    func run(_ name: String, _ more: [String]) throws {
      let options = arguments(pico, name).map { $0 == "auto" ? "centroid" : $0 }
      let result = try convert.run(options + more)
      #expect(result.status == 0, "\(result.error)")
    }
    try run("out", Array(local.dropFirst(2)))
    let distillation = try #require(plan(pico, "out")["distillation"] as? [String: Any])
    let before = try #require(distillation["loss_before"] as? Double)
    let after = try #require(distillation["loss_after"] as? Double)
    #expect(distillation["kept"] as? Bool == true && after < 0.9 * before, "\(before) \(after)")
    try run("recovered", ["--recover", "--distill", "0"])
    let steps = try #require(plan(pico, "recovered")["recovery"] as? [[String: Any]])
    #expect(
      steps.contains {
        ($0["error_after"] as? Double ?? 1) < ($0["error_before"] as? Double ?? 0)
      })
  }

  @Test("--dry-run counts it, and what cannot be trained is refused before any work")
  func refused() throws {
    let pico = try PicoCapture()
    let dry = try convert.run(arguments(pico, "out", ["--distill", "2000", "--dry-run"]))
    #expect(dry.status == 0 && dry.output.contains("training"), "\(dry.output)\(dry.error)")
    for (options, status, hint) in [
      (["--sparse-side", "both", "--basis", "identity"], 65, "--sparse-side both"),
      (["--refit", "bias"], 65, "--refit bias"),
      (["--gate", "softmax"], 65, "--gate softmax"),
      (["--sequence-length", "4096"], 65, "two sequences"),
      (["--distill-rate", "0"], 64, "--distill-rate"),
    ] as [([String], Int32, String)] {
      let result = try convert.run(arguments(pico, "out", ["--distill", "2000"] + options))
      #expect(result.status == status && result.error.contains(hint), "\(result.error)")
    }
    // Standard input is read once, for both; here it is empty.
    let empty = try convert.run(
      arguments(pico, "out", ["--distill", "2000"]).map { $0.hasPrefix("a=") ? "a=-" : $0 })
    #expect(empty.status != 0 && empty.error.contains("expected text"), "\(empty.error)")
    let capture = try convert.run([
      "--model", pico.model, "--calibration", pico.text, "--distill", "2000", "--output",
      pico.work.url("out").path,
    ])
    #expect(capture.status == 64 && capture.error.contains("--corpus"), "\(capture.error)")
    #expect(!FileManager.default.fileExists(atPath: pico.work.url("out").path))
  }
}
