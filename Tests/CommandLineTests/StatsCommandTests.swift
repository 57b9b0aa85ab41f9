import Foundation
import Testing

private let probe = Tool(name: "mohd-probe")
private let stats = Tool(name: "mohd-stats")

@Suite("mohd-stats, as a user runs it")
struct StatsCommandTests {
  private let decisive = ["statistics.json", "state.h5"]

  private func files(_ pico: PicoCapture, _ name: String) throws -> [String: Data] {
    try tree(pico.work.url(name).path).filter { file, _ in
      decisive.contains(file) || file.hasPrefix("tables/") || file.hasPrefix("figures/")
    }
  }

  @Test("The live stream gives what the replay of its float32 capture gives, bit for bit")
  func streamIsReport() throws {
    let pico = try PicoCapture(characterCount: 12_000)
    let captured = try probe.run(
      pico.arguments("run", "--dtype", "float32", "--hook-points", "all"))
    #expect(captured.status == 0, "\(captured.error)")
    let report = try stats(
      "report", pico.work.url("run").path, "--output", pico.work.url("a").path, "--no-pictures",
      "--threads", "1")
    #expect(report.status == 0, "\(report.error)")
    let stream = try stats(
      "stream", "--model", pico.model, "--corpus", "test=\(pico.text)", "--sequence-length", "64",
      "--hook-points", "all", "--output", pico.work.url("b").path, "--no-pictures", "--threads",
      "2")
    #expect(stream.status == 0, "\(stream.error)")
    let (first, second) = (try files(pico, "a"), try files(pico, "b"))
    #expect(first.keys.count > 8)
    #expect(first == second)
  }

  @Test("Parts merge to the same bytes in any order, and to the state of one pass")
  func merge() throws {
    let pico = try PicoCapture()
    let words = ["abc", "dead beef", "cafe", "a bad face", "fed", "dad", "decade"]
    var texts: [String] = []
    for (number, word) in words.enumerated() {
      let text = pico.work.url("text\(number).txt")
      // A token is a character, and 512 of them are a panel of the forward pass: its products have
      // the same shapes, and so the same last bits, in every part.
      let body = String(repeating: "\(word) \(number) ", count: 200).prefix(512 * (1 + number % 2))
      try Data(body.utf8).write(to: text)
      texts.append(text.path)
    }
    func stream(_ output: String, _ texts: ArraySlice<String>) throws {
      let result = try stats.run(
        ["stream", "--model", pico.model, "--corpus"] + texts.map { "test=\($0)" } + [
          "--sequence-length", "64", "--output", pico.work.url(output).path, "--no-pictures",
        ])
      #expect(result.status == 0, "\(result.error)")
    }
    func merge(_ output: String, _ parts: [String]) throws {
      let result = try stats.run(
        ["merge"] + parts.map { pico.work.url($0).path } + [
          "--output", pico.work.url(output).path, "--no-pictures",
        ])
      #expect(result.status == 0, "\(result.error)")
    }
    try stream("whole", texts[...])
    try merge("merged1", ["whole"])
    let expected = try files(pico, "merged1")
    let state = try files(pico, "whole")["state.h5"]
    #expect(expected["state.h5"] == state)
    for count in [2, 4, 7] {
      var parts: [String] = []
      for part in 0..<count {
        parts.append("part\(count)-\(part)")
        try stream(
          parts[part], texts[part * texts.count / count..<(part + 1) * texts.count / count])
      }
      for (name, order) in [("forwards", parts), ("backwards", parts.reversed())] {
        let output = "\(name)\(count)"
        try merge(output, order)
        let found = try files(pico, output)
        #expect(found["state.h5"] == state, "\(output)")
        for (file, bytes) in expected where file != "statistics.json" {
          #expect(found[file] == bytes, "\(output): \(file)")
        }
        // The provenance names the parts' corpora.
        #expect(
          try files(pico, "forwards\(count)")["statistics.json"] == found["statistics.json"],
          "\(output)")
      }
    }
  }

  @Test("One token, and hook points that were not taken, are honest gaps")
  func gaps() throws {
    let pico = try PicoCapture()
    for (name, more) in [
      ("one", ["--max-tokens", "1"]), ("kept", ["--max-tokens", "1", "--include-first"]),
      ("few", ["--hook-points", "ffn_hidden", "--layers", "1"]),
    ] {
      let result = try stats.run(
        [
          "stream", "--model", pico.model, "--corpus", "test=\(pico.text)", "--output",
          pico.work.url(name).path, "--no-pictures",
        ] + more)
      #expect(result.status == 0, "\(name): \(result.error)")
      #expect(result.output.contains("NOT MEASURED"), "\(name): \(result.output)")
    }
  }

  @Test("No token at all, one layer, NaN and infinity inside: a report that says so")
  func honesty() throws {
    let pico = try PicoCapture()
    let empty = pico.work.url("empty.txt")
    try Data().write(to: empty)
    var result = try stats(
      "stream", "--model", pico.model, "--corpus", "test=\(empty.path)", "--output",
      pico.work.url("none").path, "--no-pictures")
    #expect(result.status == 65 && result.error.contains("without a token"), "\(result.error)")
    result = try stats(
      "stream", "--model", pico.model, "--corpus", "test=\(pico.text)", "--layers", "0",
      "--output", pico.work.url("layer").path, "--no-pictures")
    #expect(result.status == 0, "\(result.error)")
    #expect(!(try html(pico, "layer")).contains(">NaN<"))

    try pico.breakEmbedding(ofToken: 5)
    result = try stats(
      "stream", "--model", pico.model, "--corpus", "test=\(pico.text)", "--sequence-length", "16",
      "--output", pico.work.url("broken").path, "--no-pictures")
    #expect(result.status == 0, "\(result.error)")
    #expect(try html(pico, "broken").contains("values are not finite"))
    let text = try #require(files(pico, "broken")["statistics.json"])
    let json = String(decoding: text, as: UTF8.self)
    #expect(!json.contains("NaN") && !json.contains("Infinity") && json.contains("null"))
  }

  private func html(_ pico: PicoCapture, _ name: String) throws -> String {
    let page = try Data(contentsOf: pico.work.url(name).appending(path: "report.html"))
    return String(decoding: page, as: UTF8.self)
  }

  @Test("Missing inputs, foreign folders and damaged shards end with their status and a hint")
  func failures() throws {
    let pico = try PicoCapture()
    let output = pico.work.url("report").path
    var result = try stats("report", "/nowhere", "--output", output)
    #expect(result.status == 66 && result.error.contains("/nowhere"), "\(result.error)")
    #expect(try probe.run(pico.arguments("run")).status == 0)
    let run = pico.work.url("run").path
    result = try stats("report", run, "--output", run)
    #expect(result.status == 73 && result.error.contains("another folder"), "\(result.error)")
    result = try stats("report", run, "--output", output, "--dry-run")
    #expect(result.status == 0 && !FileManager.default.fileExists(atPath: output))
    let shard = try #require(tree(run).keys.sorted().first { $0.hasPrefix("shards/") })
    let handle = try FileHandle(forUpdating: URL(filePath: run + "/" + shard))
    try handle.seek(toOffset: 20_000)
    try handle.write(contentsOf: Data([0x55, 0xaa]))
    try handle.close()
    result = try stats("report", run, "--output", output)
    #expect(result.status == 65 && result.error.contains(shard), "\(result.error)")
  }
}
