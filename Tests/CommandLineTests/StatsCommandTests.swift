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

  @Test("Parts merge to the same bytes in any order")
  func merge() throws {
    let pico = try PicoCapture()
    var parts: [String] = []
    for part in 0..<3 {
      let text = pico.work.url("part\(part).txt")
      try Data(String(repeating: "abc dead beef \(part) ", count: 20 + part).utf8).write(to: text)
      let output = pico.work.url("part\(part)").path
      let result = try stats(
        "stream", "--model", pico.model, "--corpus", "test=\(text.path)", "--sequence-length",
        "64", "--output", output, "--no-pictures")
      #expect(result.status == 0, "\(result.error)")
      parts.append(output)
    }
    for (name, order) in [("x", [0, 1, 2]), ("y", [2, 0, 1])] {
      let result = try stats.run(
        ["merge"] + order.map { parts[$0] }
          + ["--output", pico.work.url(name).path, "--no-pictures"])
      #expect(result.status == 0, "\(result.error)")
    }
    #expect(try files(pico, "x") == files(pico, "y"))
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
