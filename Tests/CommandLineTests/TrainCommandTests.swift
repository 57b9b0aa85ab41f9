import Foundation
import Testing

private let train = Tool(name: "mohd-train")

/// In `make test-full` runs are longer, and are killed more often.
private let isFull = ProcessInfo.processInfo.environment["MOHD_FULL"] != nil

/// How often a run is killed here; each is a whole run. Every fifth is killed while it publishes a
/// checkpoint.
private let killCount = isFull ? 100 : 12

@Suite("mohd-train, as a user runs it")
struct TrainCommandTests {
  private let tokenizer = root.appending(path: "notebooks-data/tokenizer-1024").path
  private let text = root.appending(path: "notebooks-data/corpora").path

  /// A model of a few thousand parameters on the sample corpora.
  private func config(_ work: Workplace, mohd: Bool = true) throws -> String {
    let settings = #"{"sub_dimensions": 4, "shared": 1, "top_k": 2, "fusion": "monarch"}"#
    let path = work.url("config.json")
    try Data(
      """
      {"model_type": "\(mohd ? "mohd" : "llama")", "hidden_size": 16, "intermediate_size": 16,
       "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
       "vocab_size": 1024, "max_position_embeddings": 64, "tie_word_embeddings": true
       \(mohd ? #", "mohd": {"attention": \#(settings), "ffn": \#(settings)}"# : "")}
      """.utf8
    ).write(to: path)
    return path.path
  }

  private func arguments(
    _ work: Workplace, _ output: String, _ more: String...
  ) throws -> [String] {
    [
      "run", "--config", try config(work), "--tokenizer", tokenizer, "--corpus",
      "all=\(text)", "--tokens", "7680", "--batch-tokens", "256", "--sequence-length", "32",
      "--checkpoint-every", "4", "--evaluate-every", "8", "--evaluation-tokens", "512",
      "--output", work.url(output).path,
    ] + more
  }

  /// Every file but the log, which says when and where.
  private func result(_ path: String) throws -> [String: Data] {
    try tree(path).filter { !$0.key.hasSuffix("train.log") }
  }

  @Test("Killed at random instants and resumed, it ends with the same bytes")
  func killed() throws {
    let work = Workplace()
    let started = ContinuousClock.now
    func arguments(_ output: String, _ more: String...) throws -> [String] {
      let tokens = isFull ? "76800" : "7680"
      return try self.arguments(work, output, "--max-epochs", "1000").map {
        $0 == "7680" ? tokens : $0
      } + more
    }
    let whole = try train.run(arguments("whole"))
    try #require(whole.status == 0, "\(whole.error)")
    let duration = (ContinuousClock.now - started) / .seconds(1)
    let expected = try result(work.url("whole").path)
    var state: UInt64 = 7
    var (partial, published) = (0, 0)
    for kill in 0..<killCount {
      let output = "killed\(kill)"
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let threads = "\(1 + kill % 2)"
      let path = work.url(output).path
      let running = try train.start(arguments(output, "--threads", threads))
      Thread.sleep(forTimeInterval: duration * Double(state >> 40) / Double(1 << 24))
      if kill % 5 == 0, waitForPublication(path, running) { published += 1 }
      Foundation.kill(running.process.processIdentifier, SIGKILL)
      _ = try train.finish(running)
      if FileManager.default.fileExists(atPath: path + "/plan.json") { partial += 1 }
      let resumed = try train.run(arguments(output, "--resume", "--threads", threads))
      #expect(resumed.status == 0, "\(resumed.error)")
      #expect(try result(path) == expected)
      try? FileManager.default.removeItem(atPath: path)
    }
    #expect(partial > 0, "no kill fell into the run: the test proves nothing")
    #expect(published > 0, "no kill fell into a publication")
  }

  /// Waits until a checkpoint is being written or removed.
  ///
  /// - Returns: false when the run ended before.
  private func waitForPublication(_ path: String, _ running: Tool.Running) -> Bool {
    while running.process.isRunning {
      let names = try? FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints")
      if (names ?? []).contains(where: { $0.hasPrefix(".") }) { return true }
    }
    return false
  }

  @Test("A plan is a recipe, a constant rate does not warm up, and a report is one page")
  func plan() throws {
    let work = Workplace()
    let first = try train.run(
      arguments(
        work, "first", "--schedule", "constant", "--learning-rate", "0.003", "--keep", "1",
        "--keep-every", "12"))
    try #require(first.status == 0, "\(first.error)")
    let path = work.url("first").path
    let lines = try String(contentsOfFile: path + "/train.jsonl", encoding: .utf8)
      .split(separator: "\n")
    #expect(lines.count == 30 && lines.allSatisfy { $0.contains("\"learning_rate\":0.003") })
    let kept = try FileManager.default.contentsOfDirectory(atPath: path + "/checkpoints").sorted()
    #expect(kept == ["step-00000012", "step-00000024", "step-00000030"])
    let text = ["--tokenizer", tokenizer, "--corpus", "all=\(text)"]
    let second = try train.run(
      ["run", "--plan", path + "/plan.json", "--output", work.url("second").path] + text)
    #expect(second.status == 0, "\(second.error)")
    #expect(try result(work.url("second").path) == result(path))
    let contrary = try train.run(
      ["run", "--plan", path + "/plan.json", "--seed", "3", "--output", work.url("third").path]
        + text)
    #expect(contrary.status == 64 && contrary.error.contains("--plan"), "\(contrary.error)")
    let report = try train.run(["report", path])
    #expect(report.status == 0, "\(report.error)")
    let page = try String(contentsOfFile: path + "/report.html", encoding: .utf8)
    for word in ["Cross entropy by tokens", "Which sub-dimensions tokens use", "Held-out text"] {
      #expect(page.contains(word), "\(word)")
    }
    let several = try train.run(["report", path, work.url("second").path])
    #expect(several.status == 64 && several.error.contains("--output"), "\(several.error)")
    let both = work.url("both.html").path
    let two = try train.run(["report", path, work.url("second").path, "--output", both])
    #expect(two.status == 0 && FileManager.default.fileExists(atPath: both), "\(two.error)")
  }

  @Test("A run goes on from another's checkpoint, and is exported with its text")
  func exported() throws {
    let work = Workplace()
    let first = try train.run(arguments(work, "first"))
    try #require(first.status == 0, "\(first.error)")
    let tokens = work.url("tokens").path
    let prepared = try train.run(
      ["tokens", "--tokenizer", tokenizer, "--corpus", "all=\(text)", "--output", tokens])
    try #require(prepared.status == 0, "\(prepared.error)")
    let from = try train.run([
      "run", "--from", work.url("first").path + "/checkpoints/step-00000030", "--tokenizer",
      tokenizer, "--prepared", tokens, "--tokens", "2560", "--batch-tokens", "256",
      "--sequence-length", "32", "--output", work.url("second").path,
    ])
    #expect(from.status == 0, "\(from.error)")
    let exported = work.url("exported").path
    let export = try train.run(
      ["export", work.url("second").path, "--prepared", tokens, "--output", exported])
    #expect(export.status == 0, "\(export.error)")
    let files = try tree(exported)
    for name in [
      "plan.json", "train.py", "step_text.py", "step_losses.py", "train.sbatch",
      "tokens/all.tokens.safetensors", "checkpoints/step-00000010/optimizer.safetensors",
    ] {
      #expect(files[name]?.isEmpty == false, "\(name)")
    }
    #expect(files["train.jsonl"]?.split(separator: UInt8(ascii: "\n")).count == 10)
    let again = try train.run(
      ["export", work.url("second").path, "--prepared", tokens, "--output", exported])
    #expect(again.status == 73, "\(again.error)")
  }

  @Test("SIGTERM ends with a checkpoint and 75")
  func terminated() throws {
    let work = Workplace()
    let running = try train.start(
      arguments(work, "run", "--max-epochs", "1000", "--checkpoint-every", "100000")
        .map { $0 == "7680" ? "2560000" : $0 })
    let lines = work.url("run").path + "/train.jsonl"
    while running.process.isRunning, !FileManager.default.fileExists(atPath: lines) {
      Thread.sleep(forTimeInterval: 0.01)
    }
    Foundation.kill(running.process.processIdentifier, SIGTERM)
    let ended = try train.finish(running)
    #expect(ended.status == 75 && ended.error.contains("--resume"), "\(ended.error)")
    let left = try FileManager.default.contentsOfDirectory(
      atPath: work.url("run").path + "/checkpoints")
    #expect(left.count == 1 && left[0].hasPrefix("step-"), "\(left)")
  }

  @Test("Prepared tokens give the same run as their text, and inspect says how far it is")
  func prepared() throws {
    let work = Workplace()
    let whole = try train.run(arguments(work, "whole"))
    #expect(whole.status == 0, "\(whole.error)")
    let tokens = try train.run([
      "tokens", "--tokenizer", tokenizer, "--corpus", "all=\(text)", "--output",
      work.url("tokens").path,
    ])
    #expect(tokens.status == 0, "\(tokens.error)")
    var from = try arguments(work, "prepared")
    let corpus = try #require(from.firstIndex(of: "--corpus"))
    from.replaceSubrange(corpus...corpus + 1, with: ["--prepared", work.url("tokens").path])
    let again = try train.run(from)
    #expect(again.status == 0, "\(again.error)")
    #expect(try result(work.url("prepared").path) == result(work.url("whole").path))
    let inspected = try train.run(["inspect", work.url("whole").path])
    #expect(inspected.status == 0 && inspected.output.contains("step 30 of 30"))
    let eval = try Tool(name: "mohd-eval").run([
      "perplexity", "--model", work.url("whole").path + "/checkpoints/step-00000030", "--corpus",
      "all=\(text)", "--max-tokens", "500",
    ])
    #expect(eval.status == 0, "\(eval.error)")
  }

  @Test("Errors come before work, with their exit status")
  func errors() throws {
    let work = Workplace()
    func status(_ arguments: [String]) throws -> (Int32, String) {
      let result = try train.run(arguments)
      return (result.status, result.error)
    }
    func expect(_ arguments: [String], _ wanted: Int32, _ text: String) throws {
      let (found, error) = try status(arguments)
      #expect(found == wanted && error.contains(text), "\(found): \(error)")
      #expect(!FileManager.default.fileExists(atPath: work.url("run").path))
    }
    try expect(arguments(work, "run", "--mix", "other=1"), 65, "no text is of the domain other")
    try expect(arguments(work, "run", "--mix", "all=0"), 65, "expected a weight above 0")
    try expect(arguments(work, "run", "--mix", "all"), 64, "expected domain=weight")
    try expect(arguments(work, "run", "--max-epochs", "0.01"), 65, "to be read at most")
    try expect(arguments(work, "run", "--sequence-length", "128"), 65, "--sequence-length")
    try expect(arguments(work, "run", "--preset", "nano"), 64, "one of --config")
    try expect(["run", "--output", work.url("run").path], 64, "--tokenizer")
    let small = try String(contentsOfFile: config(work), encoding: .utf8)
    for (from, to, text) in [
      ("\"vocab_size\": 1024", "\"vocab_size\": 1000", "set vocab_size to 1024"),
      ("\"sub_dimensions\": 4", "\"sub_dimensions\": 5", "divisor of the hidden size"),
      ("\"top_k\": 2", "\"top_k\": 9", "top_k"),
      ("\"hidden_size\": 16", "\"hidden_size\": x", "bad.json"),
    ] {
      let path = work.url("bad.json")
      try Data(small.replacingOccurrences(of: from, with: to).utf8).write(to: path)
      var bad = try arguments(work, "run")
      bad[2] = path.path
      try expect(bad, 65, text)
    }
    let dry = try train.run(arguments(work, "run", "--dry-run", "--json"))
    #expect(dry.status == 0 && dry.output.contains("\"steps\" : 30"), "\(dry.output)\(dry.error)")
    #expect(!FileManager.default.fileExists(atPath: work.url("run").path))
  }
}
