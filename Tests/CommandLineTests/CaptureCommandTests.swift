import Foundation
import Testing

private let probe = Tool(name: "mohd-probe")

@Suite("mohd-probe capture, as a user runs it")
struct CaptureCommandTests {
  @Test("A capture is written, verified and inspected")
  func whole() throws {
    let pico = try PicoCapture()
    let run = pico.work.url("run").path
    let result = try probe.run(pico.arguments("run", "--json", "--hook-points", "all"))
    #expect(result.status == 0, "\(result.error)")
    let summary = try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    for key in ["tokens", "seconds", "tokens_per_second", "bytes_written", "peak_memory_bytes"] {
      #expect(summary[key] is NSNumber, "\(key)")
    }
    #expect((summary["hook_points"] as? [String])?.count == 14)
    #expect(try probe("verify", run).status == 0)
    let inspected = try probe("inspect", run)
    #expect(inspected.output.contains("residual_mid: layer 2 × token"))
    let shard = try #require(tree(run).keys.sorted().first { $0.hasPrefix("shards/") })
    let handle = try FileHandle(forUpdating: URL(filePath: run + "/" + shard))
    try handle.seek(toOffset: 20_000)
    try handle.write(contentsOf: Data([0x55, 0xaa]))
    try handle.close()
    let damaged = try probe("verify", run)
    #expect(damaged.status == 65 && damaged.output.contains(shard), "\(damaged.output)")
  }

  @Test("Equal runs give equal bytes, whatever the number of threads")
  func determinism() throws {
    let pico = try PicoCapture(characterCount: 12_000)
    for threads in [1, 2, 3] {
      let result = try probe.run(pico.arguments("run\(threads)", "--threads", "\(threads)"))
      #expect(result.status == 0, "\(result.error)")
    }
    let first = try tree(pico.work.url("run1").path)
    #expect(try tree(pico.work.url("run2").path) == first)
    #expect(try tree(pico.work.url("run3").path) == first)
  }

  @Test("--dry-run writes nothing and announces the bytes within 5 %")
  func dryRun() throws {
    let pico = try PicoCapture(characterCount: 20_000)
    let estimated = try probe.run(pico.arguments("run", "--dry-run", "--json"))
    #expect(estimated.status == 0, "\(estimated.error)")
    #expect(!FileManager.default.fileExists(atPath: pico.work.url("run").path))
    let announced = try number("bytes", in: estimated.output)
    #expect(try probe.run(pico.arguments("run")).status == 0)
    let actual = try tree(pico.work.url("run").path).values.reduce(0) { $0 + Double($1.count) }
    #expect(abs(announced - actual) <= 0.05 * actual, "announced \(announced), found \(actual)")
  }

  @Test("Layers, hook points and limits are taken as asked")
  func selection() throws {
    let pico = try PicoCapture()
    let result = try probe.run(
      pico.arguments(
        "run", "--layers", "1", "--hook-points", "blocks.*.mlp.hook_post,ffn_in*", "--max-tokens",
        "100", "--dtype", "float32", "--compress", "--json"))
    #expect(result.status == 0, "\(result.error)")
    #expect(try number("tokens", in: result.output) == 100)
    let inspected = try probe("inspect", pico.work.url("run").path).output
    #expect(inspected.contains("ffn_hidden: layer 1 × token 100 × intermediate 48, float32"))
    #expect(inspected.contains("ffn_input: layer 1 × token 100 × hidden 32, float32"))
  }

  @Test("Wrong arguments and missing or foreign inputs end with their exit status and a hint")
  func failures() throws {
    let pico = try PicoCapture()
    func status(_ arguments: [String]) throws -> (Int32, String) {
      let result = try probe.run(arguments)
      return (result.status, result.error)
    }
    var (code, message) = try status(pico.arguments("run", "--layers", "0-9"))
    #expect(code == 64 && message.contains("layers 0 to 1"), "\(message)")
    (code, message) = try status(pico.arguments("run", "--hook-points", "nonsense"))
    #expect(code == 64, "\(message)")
    (code, message) = try status(
      ["capture", "--model", "/nowhere.gguf", "--corpus", pico.text, "--output", "/tmp/never"])
    #expect(code == 66 && message.contains("/nowhere.gguf"), "\(message)")
    (code, message) = try status(
      ["capture", "--model", pico.model, "--corpus", "/nowhere.txt", "--output", "/tmp/never"])
    #expect(code == 66 && message.contains("/nowhere.txt"), "\(message)")
    (code, message) = try status(
      ["capture", "--model", pico.text, "--corpus", pico.text, "--output", "/tmp/never"])
    #expect(code == 65, "\(message)")
    (code, message) = try status(
      ["capture", "--model", pico.model, "--corpus", pico.text, "--output", pico.model])
    #expect(code == 73, "\(message)")
    #expect(!FileManager.default.fileExists(atPath: "/tmp/never"))
  }

  @Test("A resume with another corpus or model is refused and names what differs")
  func changedInputs() throws {
    let pico = try PicoCapture()
    #expect(try probe.run(pico.arguments("run")).status == 0)
    let before = try tree(pico.work.url("run").path)
    #expect(try probe.run(pico.arguments("run", "--resume")).status == 0, "complete: nothing to do")
    #expect(try probe.run(pico.arguments("run")).status == 73)
    try Data("another text".utf8).write(to: URL(filePath: pico.text))
    let result = try probe.run(pico.arguments("run", "--resume"))
    #expect(result.status == 65 && result.error.contains("corpus"), "\(result.error)")
    #expect(try tree(pico.work.url("run").path) == before)
  }

  @Test("Standard input is a corpus too")
  func standardInput() throws {
    let pico = try PicoCapture()
    let result = try probe.run(
      [
        "capture", "--model", pico.model, "--corpus", "-", "--output", pico.work.url("run").path,
        "--json",
      ], input: "{\"text\": \"abc\"}\n{\"text\": \"de\"}\n")
    #expect(result.status == 0, "\(result.error)")
    #expect(try number("tokens", in: result.output) == 5)
  }

  private func number(_ key: String, in json: String) throws -> Double {
    let object = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    return try #require(object?[key] as? NSNumber).doubleValue
  }
}
