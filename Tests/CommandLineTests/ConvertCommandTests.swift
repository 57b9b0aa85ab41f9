import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let eval = Tool(name: "mohd-eval")
private let probe = Tool(name: "mohd-probe")

@Suite("mohd-convert, as a user runs it")
struct ConvertCommandTests {
  private func json(_ result: Tool.Result) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result.error)")
  }

  private func arguments(_ pico: PicoCapture, _ output: String, _ more: [String] = []) -> [String] {
    [
      "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64", "--output",
      pico.work.url(output).path, "--quiet",
    ] + more
  }

  private func perplexity(_ model: String, _ pico: PicoCapture) throws -> Double {
    let result = try eval(
      "perplexity", "--model", model, "--corpus", "a=\(pico.text)", "--sequence-length", "64",
      "--json", "--quiet", "--tokenizer", pico.model)
    return try #require(json(result)["token_perplexity"] as? Double)
  }

  @Test("A model becomes a folder that the other tools read, the same for any number of threads")
  func whole() throws {
    let pico = try PicoCapture()
    for threads in ["1", "2"] {
      let result = try convert.run(
        arguments(pico, "out" + threads, ["--active", "0.5", "--threads", threads, "--json"]))
      #expect(result.status == 0, "\(result.error)")
      let found = try json(result)
      #expect(abs((found["active_fraction"] as? Double ?? 0) - 0.5) < 0.05)
    }
    let files = try tree(pico.work.url("out1").path)
    // The card names its folder.
    var again = try tree(pico.work.url("out2").path)
    again["README.md"] = files["README.md"]
    #expect(again == files)
    for name in [
      "config.json", "conversion.json", "README.md", "modeling_mohd.py", "configuration_mohd.py",
      "model.safetensors", "tokenizer.json",
    ] {
      #expect(files[name] != nil, "\(name)")
    }
    let inspected = try probe("inspect", pico.work.url("out1").path)
    #expect(inspected.status == 0, "\(inspected.error)")
    let dense = try perplexity(pico.model, pico)
    #expect(try perplexity(pico.work.url("out1").path, pico) != dense)
  }

  @Test(
    "A rotated model of which nothing is dropped is the dense one",
    arguments: ["pca", "output-aware"])
  func rotated(basis: String) throws {
    let pico = try PicoCapture()
    let result = try convert.run(
      arguments(
        pico, "out",
        [
          "--active", "0.5", "--sub-dimensions", "8", "--router", "energy", "--budget", "uniform",
          "--basis", basis,
        ]))
    #expect(result.status == 0, "\(result.error)")
    // The bases stay, and everything is made active.
    let url = pico.work.url("out").appending(path: "config.json")
    let text = try String(contentsOf: url, encoding: .utf8)
    let whole = text.replacing("\"top_k\" : 4", with: "\"top_k\" : 8")
    #expect(whole != text && whole.contains("dense"))
    let (dense, half) = (
      try perplexity(pico.model, pico), try perplexity(pico.work.url("out").path, pico)
    )
    try Data(whole.utf8).write(to: url)
    let rotated = try perplexity(pico.work.url("out").path, pico)
    #expect(abs(rotated / dense - 1) < 1e-4)
    #expect(abs(half / dense - 1) > 1e-4)
  }

  @Test(
    "A fusion repairs what sparse outputs lose, and every variant is read back",
    arguments: ["block_diagonal", "monarch"])
  func fusion(kind: String) throws {
    let pico = try PicoCapture()
    let both = [
      "--sub-dimensions", "8", "--shared", "2", "--sparse-side", "both", "--basis", "identity",
    ]
    #expect(try convert.run(arguments(pico, "plain", both)).status == 0)
    let result = try convert.run(arguments(pico, "fused", both + ["--fusion", kind]))
    #expect(result.status == 0, "\(result.error)")
    let url = pico.work.url("fused")
    let plan = try #require(
      JSONSerialization.jsonObject(
        with: Data(contentsOf: url.appending(path: "conversion.json"))) as? [String: Any])
    let steps = try #require(plan["recovery"] as? [[String: Any]])
    #expect(steps.contains { $0["part"] as? String == "fusion" })
    for step in steps {
      let before = try #require(step["error_before"] as? Double)
      let after = try #require(step["error_after"] as? Double)
      #expect(after <= before)
    }
    let settings = try String(contentsOf: url.appending(path: "config.json"), encoding: .utf8)
    #expect(settings.contains("\"fusion\" : \"\(kind)\""))
    let fused = try perplexity(url.path, pico)
    #expect(fused.isFinite)
    let refused = try convert.run([
      "--model", pico.model, "--calibration", pico.text, "--fusion", kind, "--output",
      pico.work.url("refused").path,
    ])
    #expect(refused.status == 64)
  }

  @Test("With every sub-dimension active nothing is lost")
  func lossless() throws {
    let pico = try PicoCapture()
    #expect(try convert.run(arguments(pico, "out", ["--active", "1"])).status == 0)
    let (dense, converted) = (
      try perplexity(pico.model, pico), try perplexity(pico.work.url("out").path, pico)
    )
    #expect(abs(converted / dense - 1) < 1e-4)
  }

  @Test(
    "Every strategy gives a model that is read",
    arguments: [
      ["--basis", "identity", "--grouping", "coactivation", "--sub-dimensions", "8"],
      ["--basis", "pca", "--router", "ridge", "--sub-dimensions", "8"],
      ["--router", "centroid", "--sub-dimensions", "8", "--shared", "3", "--top-k", "4"],
      ["--router", "ridge", "--sub-dimensions", "8", "--budget", "uniform"],
      ["--refit", "scale", "refit", "bias", "low-rank", "--low-rank", "2", "--compare-routers"],
      ["--preset", "50%", "--router", "static"], ["--router", "static", "--recover"],
      ["--preset", "50%", "--grouping", "contiguous"], ["--recover", "--sub-dimensions", "8"],
      ["--attention-active", "0.25", "--ffn-active", "0.75", "--sub-dimensions", "8"],
      ["--attention-top-k", "3", "--attention-shared", "1", "--sub-dimensions", "8"],
      [
        "--gate", "softmax", "--scaling", "unit_sum", "--basis", "identity", "--grouping",
        "contiguous", "--router", "centroid", "--preset", "50%",
      ],
    ])
  func strategies(options: [String]) throws {
    let pico = try PicoCapture()
    let result = try convert.run(arguments(pico, "out", options))
    #expect(result.status == 0, "\(result.error)")
    #expect(try perplexity(pico.work.url("out").path, pico).isFinite)
  }

  @Test("Without a router every active sub-dimension is shared, and the budget says how many are")
  func withoutRouter() throws {
    let pico = try PicoCapture()
    let options = ["--router", "static", "--active", "0.5", "--sub-dimensions", "16"]
    let result = try convert.run(arguments(pico, "out", options + ["--refit", "refit"]))
    #expect(result.status == 0, "\(result.error)")
    let (attention, ffn) = (
      try layers("attention", of: pico.work.url("out")), try layers("ffn", of: pico.work.url("out"))
    )
    for component in attention + ffn {
      #expect(component["shared"] as? Int == component["top_k"] as? Int)
    }
    func sum(_ layers: [[String: Any]]) -> Int {
      layers.compactMap { $0["top_k"] as? Int }.reduce(0, +)
    }
    let plan = try String(
      contentsOf: pico.work.url("out").appending(path: "conversion.json"), encoding: .utf8)
    #expect(plan.contains("\"router\" : \"static\""))
    #expect(sum(attention) != sum(ffn), "a budget")
    #expect(try perplexity(pico.work.url("out").path, pico).isFinite)
    for more in [["--shared", "2"], ["--grouping", "coactivation"]] {
      let refused = try convert.run(arguments(pico, "no", options + more))
      #expect(refused.status == 65 && refused.error.contains("static"), "\(refused.error)")
    }
  }

  /// conversion.json.
  private func plan(_ pico: PicoCapture, _ output: String) throws -> [String: Any] {
    let data = try Data(
      contentsOf: pico.work.url(output).appending(path: "conversion.json"))
    return try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test("What is not said: no router unless something asks for a choice, and what errors cost")
  func usual() throws {
    let pico = try PicoCapture()
    for (options, router) in [
      ([], "static"), (["--active", "0.75"], "static"), (["--preset", "50%"], "centroid"),
      (["--sub-dimensions", "8"], "centroid"), (["--times", "2"], "centroid"),
      (["--sub-dimensions", "8", "--refit", "scale"], "auto"), (["--ffn-top-k", "4"], "auto"),
      (["--compare-routers"], "auto"), (["--sub-dimensions", "8", "--router", "static"], "static"),
    ] {
      let name = "out" + options.joined()
      let result = try convert.run(arguments(pico, name, options))
      #expect(result.status == 0, "\(result.error)")
      let recipe = try #require(plan(pico, name)["recipe"] as? [String: Any])
      #expect(recipe["router"] as? String == router, "\(options)")
      #expect(recipe["output_weights"] as? String == "fisher")
    }
    // By the Fisher information, costs in nats differ from component to component.
    let components = try #require(plan(pico, "out")["components"] as? [[String: Any]])
    let costs = components.compactMap { $0["sensitivity"] as? Double }
    #expect(costs.count == components.count && Set(costs).count == costs.count)
    #expect(costs.allSatisfy { $0 > 0 && $0 < 100 }, "\(costs)")
    let other = try convert.run(arguments(pico, "other", ["--output-weights", "value-up"]))
    #expect(other.status == 0, "\(other.error)")
    let weights = ["out", "other"].map { name in
      try? Data(contentsOf: pico.work.url(name).appending(path: "model.safetensors"))
    }
    #expect(weights[0] != nil && weights[0] != weights[1])
  }

  @Test(
    "Local subspaces are read back whatever N, and a router is kept where it beats a fixed choice",
    arguments: [["--sub-dimensions", "7"], ["--times", "2"], ["--preset", "50%"]])
  func subspaces(options: [String]) throws {
    let pico = try PicoCapture()
    let result = try convert.run(arguments(pico, "out", ["--budget", "uniform"] + options))
    #expect(result.status == 0, "\(result.error)")
    let own = try perplexity(pico.work.url("out").path, pico)
    #expect(own.isFinite && own > 1)
    let routed = try #require(plan(pico, "out")["components"] as? [[String: Any]]).filter {
      $0["router"] as? String == "centroid"
    }
    for report in routed {
      let routers = try #require(report["routers"] as? [String: [String: Double]])
      let quality = try #require(routers["centroid"])
      #expect(try #require(quality["captured_energy"]) > #require(quality["static_energy"]))
    }
    let inspected = try probe("inspect", pico.work.url("out").path)
    #expect(inspected.status == 0, "\(inspected.error)")
  }

  @Test("A recovery trains by logits where it can, unless it is told not to")
  func recovery() throws {
    let pico = try PicoCapture()
    for (options, trains) in [
      ([], true), (["--distill", "0"], false),
      (["--sparse-side", "both", "--basis", "identity"], false),
    ] {
      let name = "out" + options.joined()
      let result = try convert.run(arguments(pico, name, ["--recover"] + options))
      #expect(result.status == 0, "\(result.error)")
      let found = try plan(pico, name)
      #expect(found["recovery"] != nil && (found["distillation"] != nil) == trains, "\(options)")
    }
  }

  /// C of each layer in config.json.
  private func layers(_ component: String, of folder: URL) throws -> [[String: Any]] {
    let data = try Data(contentsOf: folder.appending(path: "config.json"))
    let config = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let mohd = try #require(config?["mohd"] as? [String: Any])
    let found = mohd[component]
    let one = (found as? [String: Any]).map { [$0] }
    return try #require(one ?? found as? [[String: Any]])
  }

  @Test("A component that is left dense keeps everything, and the other has the fraction")
  func denseComponent() throws {
    let pico = try PicoCapture()
    let result = try convert.run(
      arguments(pico, "out", ["--ffn-active", "1", "--active", "0.5", "--sub-dimensions", "8"]))
    #expect(result.status == 0, "\(result.error)")
    let url = pico.work.url("out")
    for ffn in try layers("ffn", of: url) {
      #expect(ffn["top_k"] as? Int == 8 && ffn["input_basis"] as? String == "none")
    }
    let active = try layers("attention", of: url).compactMap { $0["top_k"] as? Int }
    #expect(active.reduce(0, +) == 4 * active.count)
    let both = try convert.run(arguments(pico, "b", ["--ffn-top-k", "2", "--ffn-active", "1"]))
    #expect(both.status == 64, "\(both.error)")
  }

  @Test("A capture calibrates as the text that it was made of")
  func capture() throws {
    let pico = try PicoCapture()
    let captured = try probe.run(
      pico.arguments("run", "--hook-points", "all", "--dtype", "float32"))
    #expect(captured.status == 0, "\(captured.error)")
    let options = ["--sub-dimensions", "8"]
    #expect(try convert.run(arguments(pico, "text", options)).status == 0)
    let result = try convert.run(
      [
        "--model", pico.model, "--calibration", pico.work.url("run").path, "--output",
        pico.work.url("captured").path, "--quiet",
      ] + options)
    #expect(result.status == 0, "\(result.error)")
    let (text, run) = (
      try tree(pico.work.url("text").path), try tree(pico.work.url("captured").path)
    )
    #expect(text["config.json"] == run["config.json"])
    let shard = "model.safetensors"
    #expect(text[shard] != nil && text[shard] == run[shard])
  }

  @Test("--dry-run writes nothing")
  func dryRun() throws {
    let pico = try PicoCapture()
    let result = try convert.run(arguments(pico, "out", ["--dry-run", "--json"]))
    #expect(result.status == 0, "\(result.error)")
    let estimate = try json(result)
    #expect(estimate["flops_per_token"] is NSNumber && estimate["dtype"] as? String == "float32")
    // A static half, as the weights are stored.
    #expect(try convert.run(arguments(pico, "made", ["--budget", "uniform"])).status == 0)
    let file = pico.work.url("made").appending(path: "model.safetensors")
    let bytes = try #require(file.resourceValues(forKeys: [.fileSizeKey]).fileSize)
    let uniform = try json(
      convert.run(arguments(pico, "out", ["--budget", "uniform", "--dry-run", "--json"])))
    let expected = try #require(uniform["bytes"] as? Int)
    #expect(abs(bytes - expected) < 8192, "\(bytes), \(expected) expected")
    #expect(try convert.run(arguments(pico, "out", ["--dry-run"])).output.contains("time   "))
    #expect(!FileManager.default.fileExists(atPath: pico.work.url("out").path))
  }

  @Test("--dry-run says how long it would take, longer for more tokens and for training")
  func dryRunTime() throws {
    // So much text that what differs is more than what a clock's noise is.
    let pico = try PicoCapture(characterCount: 200_000)
    func seconds(_ more: String...) throws -> Double {
      let result = try convert.run(arguments(pico, "out", ["--dry-run", "--json"] + more))
      return try #require(json(result)["seconds"] as? Double)
    }
    let few = try seconds("--max-tokens", "1024")
    #expect(few > 0 && few < 60)
    let many = try seconds("--max-tokens", "131072")
    #expect(many > 2 * few, "\(few) s, and \(many) s for 128 times the tokens")
    let trained = try seconds("--max-tokens", "1024", "--distill", "131072")
    #expect(trained > 2 * few, "\(few) s, and \(trained) s with training")
  }

  @Test("What does not fit ends with its status and a hint, and nothing is left behind")
  func failures() throws {
    let pico = try PicoCapture()
    var result = try convert.run(
      arguments(pico, "out", ["--sub-dimensions", "7", "--router", "energy"]))
    #expect(result.status == 65 && result.error.contains("divisor"), "\(result.error)")
    result = try convert.run(arguments(pico, "out", ["--max-tokens", "90"]))
    #expect(result.status == 65 && result.error.contains("more text"), "\(result.error)")
    result = try convert.run(arguments(pico, "out", ["--active", "1.5"]))
    #expect(result.status == 64, "\(result.error)")
    result = try convert.run(
      arguments(pico, "out", ["--active", "0.1", "--sub-dimensions", "8", "--shared", "4"]))
    #expect(result.status == 65, "\(result.error)")
    #expect(!FileManager.default.fileExists(atPath: pico.work.url(".out.partial").path))
    #expect(!FileManager.default.fileExists(atPath: pico.work.url("out").path))

    #expect(try convert.run(arguments(pico, "out")).status == 0)
    result = try convert.run(arguments(pico, "out"))
    #expect(result.status == 73 && result.error.contains("another"), "\(result.error)")
    result = try convert.run([
      "--model", pico.work.url("out").path, "--corpus", "a=\(pico.text)", "--output",
      pico.work.url("twice").path, "--quiet",
    ])
    #expect(result.status == 65 && result.error.contains("already"), "\(result.error)")

    try pico.breakEmbedding(ofToken: 5)
    result = try convert.run(arguments(pico, "nan"))
    #expect(result.status == 65 && result.error.contains("finite"), "\(result.error)")
    #expect(!FileManager.default.fileExists(atPath: pico.work.url("nan").path))
  }

  @Test("A capture of another model, and one without the inputs, are refused")
  func otherCaptures() throws {
    let (pico, other) = (try PicoCapture(), try PicoCapture(model: "pico-mistral-window"))
    func calibrate(_ run: String) throws -> Tool.Result {
      try convert(
        "--model", pico.model, "--calibration", run, "--output", pico.work.url("out").path,
        "--quiet", "--sub-dimensions", "8")
    }
    #expect(try probe.run(other.arguments("run")).status == 0)
    var result = try calibrate(other.work.url("run").path)
    #expect(result.status == 65 && result.error.contains("this model"), "\(result.error)")
    #expect(try probe.run(pico.arguments("few", "--hook-points", "query")).status == 0)
    result = try calibrate(pico.work.url("few").path)
    #expect(result.status == 65 && result.error.contains("attention_input"), "\(result.error)")
  }
}
