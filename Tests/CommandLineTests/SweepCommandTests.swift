import Foundation
import Testing

private let eval = Tool(name: "mohd-eval")
private let convert = Tool(name: "mohd-convert")

@Suite("mohd-eval ladder and sweep, as a user runs them")
struct SweepCommandTests {
  private func json(_ result: Tool.Result) throws -> [String: Any] {
    try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any],
      "\(result.error)")
  }

  /// Arguments after the command: two domains to calibrate on, and one to evaluate.
  private func arguments(_ pico: PicoCapture, _ output: String, _ more: [String] = []) -> [String] {
    [
      pico.model, "--calibration-corpus", "a=\(pico.text)", "b=\(pico.text)", "--corpus",
      "a=\(pico.text)", "--calibration-tokens", "1024", "--sequence-length", "64",
      "--max-tokens", "512", "--rounds", "0", "--no-pictures", "--quiet", "--output",
      pico.work.url(output).path,
    ] + more
  }

  /// What does not differ from run to run: no speeds, and no page, which names its command.
  private func table(_ pico: PicoCapture, _ output: String) throws -> [String: Data] {
    try tree(pico.work.url(output).path).filter {
      $0.key.hasPrefix("tables/") || ["ladder.json", "sweep.json"].contains($0.key)
    }
  }

  @Test(
    "A ladder has the same table each time, for any number of threads, and of a shelf half lost")
  func deterministic() throws {
    let pico = try PicoCapture()
    for threads in ["1", "2"] {
      let result = try eval.run(
        ["ladder"] + arguments(pico, "out" + threads, ["--threads", threads]))
      #expect(result.status == 0, "\(result.error)")
    }
    let first = try table(pico, "out1")
    #expect(first["ladder.json"] != nil && first["tables/settings.csv"] != nil)
    #expect(try table(pico, "out2") == first)
    let models = try FileManager.default.contentsOfDirectory(
      atPath: pico.work.url("out1").path + "/models")
    #expect(models.isEmpty)

    let shelf = pico.work.url("out1").appending(path: "settings")
    let kept = try FileManager.default.contentsOfDirectory(atPath: shelf.path).sorted()
    for (index, name) in kept.enumerated() where index % 2 == 0 {
      try FileManager.default.removeItem(at: shelf.appending(path: name))
    }
    let result = try eval.run(["ladder"] + arguments(pico, "out1"))
    #expect(result.status == 0, "\(result.error)")
    #expect(try table(pico, "out1") == first)
    #expect(try FileManager.default.contentsOfDirectory(atPath: shelf.path).sorted() == kept)
  }

  @Test("A sweep has the same table each time, for any number of threads")
  func deterministicSweep() throws {
    let pico = try PicoCapture()
    for threads in ["1", "2"] {
      let more = ["--over", "shared", "--seed", "7", "--threads", threads]
      let result = try eval.run(["sweep"] + arguments(pico, "out" + threads, more))
      #expect(result.status == 0, "\(result.error)")
    }
    let first = try table(pico, "out1")
    #expect(first["sweep.json"] != nil && first["tables/settings.csv"] != nil)
    #expect(try table(pico, "out2") == first)
  }

  @Test("A sweep takes a router and a grouping, and says so of every setting but static slices")
  func router() throws {
    let pico = try PicoCapture()
    let more = ["--over", "sub-dimensions", "--values", "4", "8", "--router", "centroid"]
    let result = try eval.run(["sweep"] + arguments(pico, "out", more))
    #expect(result.status == 0, "\(result.error)")
    let url = pico.work.url("out").appending(path: "sweep.json")
    let text = try String(contentsOf: url, encoding: .utf8)
    #expect(text.contains("\"router\" : \"centroid\"") && text.contains("subspaces"))
    let refused = try eval.run(
      ["sweep"] + arguments(pico, "no", ["--over", "scaling", "--router", "ridge"]))
    #expect(refused.status == 64 && refused.error.contains("--router"), "\(refused.error)")
  }

  @Test("Killed and started again, a ladder ends with the same table")
  func killed() throws {
    let pico = try PicoCapture()
    let started = ContinuousClock.now
    #expect(try eval.run(["ladder"] + arguments(pico, "whole")).status == 0)
    let duration = (ContinuousClock.now - started) / .seconds(1)
    for share in [0.3, 0.6, 0.8] {
      let running = try eval.start(["ladder"] + arguments(pico, "killed"))
      Thread.sleep(forTimeInterval: duration * share)
      Foundation.kill(running.process.processIdentifier, SIGKILL)
      _ = try eval.finish(running)
    }
    let result = try eval.run(["ladder"] + arguments(pico, "killed"))
    #expect(result.status == 0, "\(result.error)")
    #expect(try table(pico, "killed") == table(pico, "whole"))
    #expect(try !models(pico, "killed").contains { $0.hasPrefix(".going-") })
  }

  private func models(_ pico: PicoCapture, _ output: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(
      atPath: pico.work.url(output).path + "/models")
  }

  @Test("What a run left that was killed while it removed a model is removed; kept models stay")
  func leftover() throws {
    let pico = try PicoCapture()
    let sweep = ["sweep"] + arguments(pico, "out", ["--over", "shared", "--keep"])
    #expect(try eval.run(sweep).status == 0)
    let kept = try models(pico, "out").sorted()
    try #require(kept.count >= 3)
    // As such a run leaves one: half removed, its results known.
    let folder = pico.work.url("out").appending(path: "models")
    try FileManager.default.moveItem(
      at: folder.appending(path: kept[0]), to: folder.appending(path: ".going-" + kept[0]))
    for name in try FileManager.default.contentsOfDirectory(
      atPath: folder.appending(path: ".going-" + kept[0]).path)
    where name.hasSuffix(".safetensors") {
      try FileManager.default.removeItem(
        at: folder.appending(path: ".going-" + kept[0]).appending(path: name))
    }
    let again = try eval.run(["sweep"] + arguments(pico, "out", ["--over", "shared"]))
    #expect(again.status == 0, "\(again.error)")
    #expect(try models(pico, "out").sorted() == Array(kept.dropFirst()))
  }

  @Test("The ladder's JSON has every rung with its ratio, its error, and what was chosen")
  func ladder() throws {
    let pico = try PicoCapture()
    let found = try json(
      eval.run(["ladder"] + arguments(pico, "out", ["--components", "both", "--json"])))
    #expect(found["schema"] as? String == "mohd-ladder/1")
    #expect(found["over"] as? String == "ladder")
    let settings = try #require(found["settings"] as? [[String: Any]])
    let names = settings.compactMap { ($0["setting"] as? [String: Any])?["name"] as? String }
    for name in ["paper's gates", "output-aware, static", "N = 8, routed", "+ recovery"] {
      #expect(names.contains(name), "\(names)")
    }
    for setting in settings {
      let ratio = try #require(setting["perplexity_ratio"] as? [String: Any])
      #expect(ratio["value"] as? Double ?? 0 > 0)
      #expect(setting["parameters"] is [String: Any] && setting["speed"] == nil)
    }
    #expect((found["dense"] as? [[String: Any]])?.count == 1)
    let dry = try json(
      eval.run(["ladder"] + arguments(pico, "out", ["--dry-run", "--json"])))
    let all = try #require(dry["settings"] as? [String])
    #expect(dry["known"] as? Int == names.count && all.count > names.count)
  }

  @Test(
    "Every sweep runs and has a figure",
    arguments: [
      "sub-dimensions", "shared", "active", "budget", "scaling", "domains", "headline",
    ])
  func sweeps(over: String) throws {
    let pico = try PicoCapture()
    let more = ["--over", over, "--json", "--rounds", over == "headline" ? "1" : "0"]
    let found = try json(eval.run(["sweep"] + arguments(pico, "out", more)))
    #expect(found["schema"] as? String == "mohd-sweep/1" && found["over"] as? String == over)
    let settings = try #require(found["settings"] as? [[String: Any]])
    #expect(settings.count >= 2)
    #expect(settings.allSatisfy { ($0["speed"] != nil) == (over == "headline") })
    let files = try tree(pico.work.url("out").path).keys
    #expect(files.contains("sweep.json") && files.contains("report.html"))
    #expect(files.contains { $0.hasPrefix("figures/") })
  }

  @Test("Models are kept when they are asked for, and settings are shared by a common cache")
  func keeping() throws {
    let pico = try PicoCapture()
    let cache = ["--cache", pico.work.url("cache").path]
    let values = ["--over", "sub-dimensions", "--values", "8"]
    let result = try eval.run(["sweep"] + arguments(pico, "out", values + cache + ["--keep"]))
    #expect(result.status == 0, "\(result.error)")
    let files = try tree(pico.work.url("out").path).keys
    #expect(files.count { $0.hasSuffix("/conversion.json") } == 2)
    #expect(files.contains { $0.hasPrefix("models/") && $0.hasSuffix("/tokenizer.json") })
    let dry = try json(
      eval.run(
        ["sweep"] + arguments(pico, "other", values + cache + ["--dry-run", "--json"])))
    #expect(dry["known"] as? Int == 2)
    let seeded = try json(
      eval.run(
        ["sweep"]
          + arguments(pico, "other", values + cache + ["--seed", "1", "--dry-run", "--json"])
      ))
    #expect(seeded["known"] as? Int == 0)
  }

  @Test("Speeds are kept for each number of threads, all else for any")
  func threads() throws {
    let pico = try PicoCapture()
    /// Results on the shelf after a run with these arguments more.
    func kept(_ more: String...) throws -> Int {
      let values = ["--over", "sub-dimensions", "--values", "8"]
      let result = try eval.run(["sweep"] + arguments(pico, "out", values + more))
      #expect(result.status == 0, "\(result.error)")
      return try FileManager.default.contentsOfDirectory(
        atPath: pico.work.url("out").appending(path: "settings").path
      ).count
    }
    let usual = ProcessInfo.processInfo.activeProcessorCount
    // The dense model, and two settings.
    #expect(try kept() == 3)
    #expect(try kept("--threads", "\(usual + 1)") == 3)
    #expect(try kept("--rounds", "1") == 5)
    #expect(try kept("--rounds", "1", "--threads", "\(usual)") == 5)
    #expect(try kept("--rounds", "1", "--threads", "\(usual + 1)") == 7)
    #expect(try kept("--rounds", "1") == 7)
  }

  @Test("A setting's model is the one that mohd-convert makes of the same text and recipe")
  func same() throws {
    let pico = try PicoCapture()
    let more = ["--over", "sub-dimensions", "--values", "8", "--keep"]
    #expect(try eval.run(["sweep"] + arguments(pico, "out", more)).status == 0)
    let result = try convert(
      "--model", pico.model, "--corpus", "a=\(pico.text)", "b=\(pico.text)",
      "--max-tokens-per-domain", "512", "--sequence-length", "64", "--active", "0.5",
      "--sub-dimensions", "8", "--router", "energy",
      "--budget", "uniform", "--output", pico.work.url("one").path, "--quiet")
    #expect(result.status == 0, "\(result.error)")
    let (one, kept) = (
      try tree(pico.work.url("one").path), try tree(pico.work.url("out").path + "/models")
    )
    for name in ["config.json", "model.safetensors"] {
      #expect(one[name] != nil)
      #expect(kept.contains { $0.key.hasSuffix("/" + name) && $0.value == one[name] }, "\(name)")
    }
  }

  @Test("What is missing or does not fit ends with its status and a hint, before any work")
  func failures() throws {
    let pico = try PicoCapture()
    func status(_ arguments: [String], _ hint: String) throws -> Int32 {
      let result = try eval.run(arguments)
      #expect(result.error.contains(hint), "\(result.error)")
      return result.status
    }
    let text = ["--calibration-corpus", "a=\(pico.text)", "--corpus", "a=\(pico.text)", "--quiet"]
    #expect(try status(["ladder", pico.model] + text, "--output") == 64)
    #expect(
      try status(["ladder", "/nowhere"] + arguments(pico, "x").dropFirst(), "/nowhere") == 66)
    #expect(
      try status(["ladder", pico.model] + text + ["--output", pico.work.path], "another") == 73)
    let ladder = ["ladder"] + arguments(pico, "x")
    #expect(try status(ladder + ["--distill-rate", "0.01"], "give --distill") == 64)
    #expect(try status(ladder + ["--distill", "2000", "--distill-rate", "1"], "0…1") == 64)
    let sweep = ["sweep"] + arguments(pico, "x")
    #expect(try status(sweep + ["--over", "ladder"], "over") == 64)
    #expect(try status(sweep + ["--over", "shared", "--values", "0.5"], "whole numbers") == 64)
    #expect(try status(sweep + ["--over", "headline", "--values", "1"], "--values") == 64)
    #expect(
      try status(sweep + ["--over", "sub-dimensions", "--values", "7"], "a divisor") == 65)
    #expect(
      try convert(
        "--model", pico.model, "--corpus", "a=\(pico.text)", "--output",
        pico.work.url("mohd").path, "--quiet"
      ).status == 0)
    #expect(
      try status(
        ["ladder", pico.work.url("mohd").path] + arguments(pico, "x").dropFirst(), "already") == 65)
  }
}
