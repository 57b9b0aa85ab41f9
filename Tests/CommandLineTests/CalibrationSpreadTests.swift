import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let eval = Tool(name: "mohd-eval")
private let probe = Tool(name: "mohd-probe")
private let stats = Tool(name: "mohd-stats")

@Suite("Text that is given is used, as a user sees it")
struct CalibrationSpreadTests {
  private func json(_ data: Data) throws -> [String: Any] {
    try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  /// Two texts, the second with other words.
  private func texts(_ pico: PicoCapture) throws -> [String] {
    let other = pico.work.url("other.txt")
    try Data(String(repeating: "other words and 0123 numbers ", count: 100).utf8).write(to: other)
    return ["first=\(pico.text)", "second=\(other.path)"]
  }

  private func shares(_ calibration: Any?) throws -> [String: Int] {
    let corpora = try #require((calibration as? [String: Any])?["corpora"] as? [[String: Any]])
    return Dictionary(
      uniqueKeysWithValues: corpora.map {
        ($0["name"] as? String ?? "", $0["token_count"] as? Int ?? 0)
      })
  }

  private func calibration(_ folder: String, _ pico: PicoCapture) throws -> [String: Any] {
    let plan = try json(Data(contentsOf: pico.work.url(folder).appending(path: "conversion.json")))
    return try #require(plan["calibration"] as? [String: Any])
  }

  @Test("mohd-convert calibrates on an even part of each corpus, and says so before and after")
  func conversion() throws {
    let pico = try PicoCapture()
    let arguments =
      ["--model", pico.model, "--corpus"] + (try texts(pico)) + [
        "--sequence-length", "64", "--max-tokens", "1024", "--quiet",
      ]
    let dry = try convert.run(
      arguments + ["--output", pico.work.url("a").path, "--dry-run", "--json"])
    #expect(dry.status == 0, "\(dry.error)")
    let estimate = try json(Data(dry.output.utf8))
    #expect(estimate["calibration_seed"] as? Int == 0)
    #expect(
      try shares(["corpora": estimate["calibration_corpora"]]) == ["first": 512, "second": 512])
    let said = try convert.run(arguments + ["--output", pico.work.url("a").path, "--dry-run"])
    #expect(said.output.contains("first 512, second 512"), "\(said.output)")
    var digests: [String] = []
    for (folder, seed) in [("a", "0"), ("b", "0"), ("c", "1")] {
      let result = try convert.run(
        arguments + ["--output", pico.work.url(folder).path, "--seed", seed])
      #expect(result.status == 0, "\(result.error)")
      let calibration = try calibration(folder, pico)
      #expect(calibration["token_count"] as? Int == 1024)
      #expect(calibration["seed"] as? Int == Int(seed))
      #expect(try shares(calibration) == ["first": 512, "second": 512])
      digests.append(
        try tree(pico.work.url(folder).path)["conversion.json"].map {
          String(decoding: $0, as: UTF8.self)
        } ?? "")
    }
    #expect(digests[0] == digests[1] && digests[0] != digests[2])
  }

  @Test("a capture gives an even part of each domain, and a short text's rest goes to the others")
  func capture() throws {
    let pico = try PicoCapture()
    let captured = try probe.run(
      ["capture", "--model", pico.model, "--corpus"] + texts(pico) + [
        "--output", pico.work.url("run").path, "--sequence-length", "64", "--hook-points", "all",
        "--quiet",
      ])
    #expect(captured.status == 0, "\(captured.error)")
    let result = try convert(
      "--model", pico.model, "--calibration", pico.work.url("run").path, "--max-tokens", "1000",
      "--output", pico.work.url("out").path, "--quiet")
    #expect(result.status == 0, "\(result.error)")
    #expect(try shares(calibration("out", pico)) == ["first": 500, "second": 500])
    let short = pico.work.url("short.txt")
    try Data("abcdef".utf8).write(to: short)
    let uneven = try convert(
      "--model", pico.model, "--corpus", "first=\(pico.text)", "short=\(short.path)",
      "--sequence-length", "64", "--max-tokens", "1000", "--output",
      pico.work.url("uneven").path, "--quiet")
    #expect(uneven.status == 0, "\(uneven.error)")
    #expect(uneven.error.contains("takes all 6 tokens of short"), "\(uneven.error)")
    #expect(try shares(calibration("uneven", pico)) == ["first": 994, "short": 6])
  }

  @Test("a series of conversions says what it calibrates on")
  func series() throws {
    let pico = try PicoCapture()
    let result = try eval.run(
      ["ladder", pico.model, "--calibration-corpus"] + texts(pico) + [
        "--corpus", pico.text, "--calibration-tokens", "1024", "--sequence-length", "64",
        "--output", pico.work.url("ladder").path, "--dry-run", "--quiet",
      ])
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.contains("first 512, second 512"), "\(result.output)")
  }

  @Test("a limit that leaves a corpus out is told, and stands in the record")
  func leftOut() throws {
    let pico = try PicoCapture()
    let common =
      ["--corpus"] + (try texts(pico)) + ["--sequence-length", "64", "--quiet", "--max-tokens"]
    for (limit, isLeftOut) in [("1000", true), ("3005", true), ("5000", false)] {
      let run = pico.work.url("run" + limit).path
      let captured = try probe.run(
        ["capture", "--model", pico.model, "--output", run] + common + [limit])
      #expect(captured.status == 0, "\(captured.error)")
      #expect(captured.error.contains("second") == isLeftOut, "\(captured.error)")
      let plan = try json(Data(contentsOf: URL(filePath: run + "/plan.json")))
      let options = try #require(plan["options"] as? [String: Any])
      let record = try #require(options["corpus_options"] as? [String: String])
      #expect((record["left_out"]?.hasPrefix("second ") == true) == isLeftOut, "\(record)")
    }
    let report = pico.work.url("report").path
    let streamed = try stats.run(
      ["stream", "--model", pico.model, "--output", report] + common + ["1000"])
    #expect(streamed.status == 0 && streamed.error.contains("second 0 tokens"), "\(streamed.error)")
    let statistics = try json(Data(contentsOf: URL(filePath: report + "/statistics.json")))
    let provenance = statistics["provenance"] as? [String: String]
    #expect(provenance?["left_out"] == "second 0 tokens", "\(provenance ?? [:])")
    let scored = try eval.run(
      ["perplexity", "--model", pico.model, "--json"] + common + ["1000"])
    #expect(scored.error.contains("second 0 tokens"), "\(scored.error)")
    #expect(
      try json(Data(scored.output.utf8))["left_out"] as? String == "second 0 tokens",
      "\(scored.output)")
  }
}
