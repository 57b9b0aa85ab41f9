import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let eval = Tool(name: "mohd-eval")
private let probe = Tool(name: "mohd-probe")
private let stats = Tool(name: "mohd-stats")

@Suite("What does not belong together is refused")
struct BelongingTests {
  @Test("A report with itself, twice, or with a part of itself, by text and by documents")
  func merge() throws {
    let pico = try PicoCapture()
    let texts = try ["abc dead ", "beef cafe ", "a bad face ", "fed dad "].enumerated().map {
      let path = pico.work.url("text\($0.offset).txt")
      try Data(String(repeating: $0.element, count: 60).utf8).write(to: path)
      return path.path
    }
    func stream(_ output: String, _ texts: ArraySlice<String>) throws {
      let result = try stats.run(
        ["stream", "--model", pico.model, "--corpus"] + texts.map { "test=\($0)" } + [
          "--sequence-length", "64", "--output", pico.work.url(output).path, "--no-pictures",
        ])
      #expect(result.status == 0, "\(result.error)")
    }
    func merge(_ parts: String..., output: String) throws -> Tool.Result {
      try stats.run(
        ["merge"] + parts.map { pico.work.url($0).path } + [
          "--output", pico.work.url(output).path, "--no-pictures",
        ])
    }
    try stream("first", texts[..<2])
    try stream("second", texts[2...])
    try stream("middle", texts[1..<3])
    try stream("one", texts[..<1])
    let both = try merge("first", "second", output: "both")
    #expect(both.status == 0, "\(both.error)")
    for (parts, text) in [
      (("first", "first"), "the same text"), (("both", "second"), "the same text"),
      (("one", "first"), "100 % of the documents"), (("both", "middle"), "100 % of the documents"),
      (("first", "middle"), "50 % of the documents"),
    ] {
      let result = try merge(parts.0, parts.1, output: "refused")
      #expect(result.status == 65 && result.error.contains(text), "\(parts): \(result.error)")
    }
    let fine = try merge("one", "second", output: "fine")
    #expect(fine.status == 0, "\(fine.error)")
  }

  /// A copy of the tokenizer with two letters changed over.
  private func otherTokenizer(_ pico: PicoCapture) throws -> String {
    let text = try String(contentsOfFile: pico.model + "/tokenizer.json", encoding: .utf8)
    let path = pico.work.url("other/tokenizer.json")
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    let changed = text.replacingOccurrences(of: "\"a\":", with: "\"#\":")
      .replacingOccurrences(of: "\"b\":", with: "\"a\":")
      .replacingOccurrences(of: "\"#\":", with: "\"b\":")
    #expect(changed != text)
    try Data(changed.utf8).write(to: path)
    return path.path
  }

  @Test("A calibration that was captured with another tokenizer")
  func calibration() throws {
    let pico = try PicoCapture()
    let tokenizer = try otherTokenizer(pico)
    let captured = try probe.run(
      pico.arguments("run", "--hook-points", "all", "--tokenizer", tokenizer))
    #expect(captured.status == 0, "\(captured.error)")
    func converted(_ output: String, _ more: String...) throws -> Tool.Result {
      try convert.run(
        [
          "--model", pico.model, "--calibration", pico.work.url("run").path, "--output",
          pico.work.url(output).path, "--quiet",
        ] + more)
    }
    let refused = try converted("refused")
    #expect(
      refused.status == 65 && refused.error.contains("a capture with this model's tokenizer"),
      "\(refused.error)")
    let fine = try converted("fine", "--tokenizer", tokenizer)
    #expect(fine.status == 0, "\(fine.error)")
  }

  @Test("A dense model that the conversion was not made from")
  func dense() throws {
    let pico = try PicoCapture()
    let other = try PicoCapture()
    try other.clear("model.layers.1.mlp.up_proj.weight")
    let converted = pico.work.url("converted").path
    let made = try convert(
      "--model", pico.model, "--corpus", pico.text, "--output", converted, "--quiet")
    #expect(made.status == 0, "\(made.error)")
    func ablate(_ dense: String) throws -> Tool.Result {
      try eval.run([
        "ablate", converted, "--dense", dense, "--corpus", pico.text, "--sequence-length", "64",
        "--knock-outs", "2", "--max-tokens", "500", "--tokenizer", pico.model + "/tokenizer.json",
        "--quiet", "--dry-run",
      ])
    }
    let refused = try ablate(other.model)
    #expect(
      refused.status == 65 && refused.error.contains("expected the model that"), "\(refused.error)")
    let fine = try ablate(pico.model)
    #expect(fine.status == 0, "\(fine.error)")
  }
}

@Suite("An option, a printed command and an error do what they say")
struct PlainSpeechTests {
  @Test("A NaN in a weight of layer 1 is blamed on that weight, by every tool that meets it")
  func damage() throws {
    let pico = try PicoCapture()
    let name = "model.layers.1.mlp.up_proj.weight"
    try pico.spoil(name, row: 0)
    for (tool, arguments) in [
      (probe, pico.arguments("run")),
      (
        convert,
        [
          "--model", pico.model, "--corpus", pico.text, "--output", pico.work.url("out").path,
          "--quiet",
        ]
      ),
      (eval, ["perplexity", "--model", pico.model, "--corpus", pico.text, "--quiet"]),
    ] {
      let result = try tool.run(arguments)
      #expect(
        result.status == 65 && result.error.contains(name + ": expected finite numbers"),
        "\(tool.name): \(result.error)")
    }
  }

  @Test("blocks.1.hook_resid_post captures layer 1 alone")
  func layers() throws {
    let pico = try PicoCapture(characterCount: 200)
    let result = try probe.run(
      pico.arguments("run", "--hook-points", "blocks.1.hook_resid_post", "--quiet"))
    #expect(result.status == 0, "\(result.error)")
    let plan = try JSONSerialization.jsonObject(
      with: Data(contentsOf: pico.work.url("run/plan.json")))
    let options = try #require((plan as? [String: Any])?["options"] as? [String: Any])
    #expect(options["layers"] as? [Int] == [1])
    #expect(options["hook_points"] as? [String] == ["residual_post"])
  }

  @Test("The commands that capture and convert print run in a shell, whatever the path")
  func commands() throws {
    let pico = try PicoCapture(characterCount: 400)
    let run = pico.work.url("it's a \"run\" $HOME").path
    let result = try probe.run([
      "capture", "--model", pico.model, "--corpus", pico.text, "--output", run, "--quiet",
    ])
    #expect(result.status == 0, "\(result.error)")
    let commands = result.output.split(separator: "\n").map { $0.drop { $0 == " " } }
      .filter { $0.hasPrefix("mohd-probe ") }
    #expect(commands.count == 2)
    for command in commands {
      let words = try shell("printf '%s\\n' \(command)")
      #expect(words.split(separator: "\n").last.map(String.init) == run, "\(command)")
    }
    let python = try #require(
      result.output.split(separator: "\n").map { $0.drop { $0 == " " } }
        .first { $0.hasPrefix("python3 ") })
    let words = try shell("printf '%s\\n' \(python)")
    #expect(words.split(separator: "\n").last.map(String.init) == run + "/activations.h5")
  }

  private func shell(_ command: String) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/bin/sh")
    process.arguments = ["-c", command]
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }

  @Test("A model of the base class is inspected and captured, and not scored")
  func baseClass() throws {
    let odd = root.appending(path: "Tests/Fixtures/odd_checkpoints/no-head").path
    let pico = try PicoCapture(characterCount: 100)
    let inspected = try probe("inspect", odd)
    #expect(inspected.status == 0 && inspected.output.contains("head: none"), "\(inspected.error)")
    let text = pico.work.url("letters.txt")
    try Data("Hello".utf8).write(to: text)
    let tokenizer = pico.work.url("small/tokenizer.json")
    try FileManager.default.createDirectory(
      at: tokenizer.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(
      """
      {"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
       "post_processor": null, "decoder": null,
       "model": {"type": "BPE", "vocab": {"H": 0, "e": 1, "l": 2, "o": 3}, "merges": []}}
      """.utf8
    ).write(to: tokenizer)
    let arguments = ["--model", odd, "--corpus", text.path, "--tokenizer", tokenizer.path]
    let captured = try probe.run(
      ["capture"] + arguments + ["--output", pico.work.url("run").path, "--quiet"])
    #expect(captured.status == 0, "\(captured.error)")
    #expect(captured.error.contains("warning: ") && captured.error.contains("no head"))
    let scored = try probe.run(
      ["logits"] + arguments + ["--output", pico.work.url("l.h5").path, "--quiet"])
    #expect(
      scored.status == 65 && scored.error.contains("a base model without a head"),
      "\(scored.error)")
  }

  @Test("A corpus folder's other files are named once, and text comes in every way alike")
  func corpora() throws {
    let pico = try PicoCapture(characterCount: 100)
    let folder = pico.work.url("corpus")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let lines = "\u{feff}{\"text\": \"abc\"}\n{\"text\": \"dead beef\"}\n"
    for (name, text) in [("a.jsonl", lines), ("notes.md", "x"), ("b.part", lines)] {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    func perplexity(_ corpus: String, input: String? = nil) throws -> Tool.Result {
      try eval(
        "perplexity", "--model", pico.model, "--corpus", corpus, "--json", "--quiet", input: input)
    }
    let named = try perplexity(folder.path)
    #expect(named.error.contains("not read: 2 other files: "), "\(named.error)")
    let tokens = "\"tokens\" : 12"
    #expect(named.output.contains(tokens), "\(named.output)")
    #expect(try perplexity(folder.appending(path: "b.part").path).output.contains(tokens))
    #expect(try perplexity("-", input: lines).output.contains(tokens))
    let array = try perplexity("-", input: "[\n  {\"text\": \"abc\"}\n]\n")
    #expect(array.status == 65 && array.error.contains("… | jq -c '.[]' | …"), "\(array.error)")
  }
}
