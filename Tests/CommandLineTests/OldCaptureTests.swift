import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")
private let probe = Tool(name: "mohd-probe")
private let stats = Tool(name: "mohd-stats")

/// Relative: another processor's sums differ in their last bits, a few values of a capture by one unit
/// of a float16, and means over 714 tokens by 1e-6.
private let tolerance = 1e-4

/// Tests/Fixtures/capture/version-1 is a capture of the time when a shard was one batch; see
/// Tests/Fixtures/generate_capture_version_1.sh.
@Suite("A capture of the first version, as a user meets it")
struct OldCaptureTests {
  private let old = root.appending(path: "Tests/Fixtures/capture/version-1").path

  /// What is measured, without where it comes from.
  private func statistics(_ run: String, _ folder: URL) throws -> [String: Any] {
    let result = try stats("report", run, "--output", folder.path, "--quiet", "--no-pictures")
    #expect(result.status == 0, "\(result.error)")
    let object = try JSONSerialization.jsonObject(
      with: Data(contentsOf: folder.appending(path: "statistics.json")))
    let all = try #require(object as? [String: Any])
    return all.filter { $0.key != "provenance" }
  }

  /// The largest relative difference of two numbers at the same place; infinite where anything else
  /// differs.
  private func distance(_ one: Any, _ other: Any) -> Double {
    switch (one, other) {
    case (let one as [String: Any], let other as [String: Any]):
      guard one.keys.sorted() == other.keys.sorted() else { return .infinity }
      return one.keys.map { distance(one[$0] as Any, other[$0] as Any) }.max() ?? 0
    case (let one as [Any], let other as [Any]):
      guard one.count == other.count else { return .infinity }
      return zip(one, other).map(distance).max() ?? 0
    case (let one as NSNumber, let other as NSNumber):
      let (one, other) = (one.doubleValue, other.doubleValue)
      return one == other ? 0 : abs(one - other) / max(abs(one), abs(other))
    case (let one as NSObject, let other as NSObject): return one == other ? 0 : .infinity
    default: return .infinity
    }
  }

  @Test("It is verified, and its values are those of a capture of today")
  func values() throws {
    let pico = try PicoCapture()
    let verified = try probe("verify", old, "--quiet")
    #expect(verified.status == 0, "\(verified.output)")
    var corpora: [String] = []
    for (name, words) in [("one", "a shard was a batch once "), ("two", "dead beef cafe 0123 ")] {
      let file = pico.work.url(name + ".txt")
      let text = String(String(repeating: words, count: 20).prefix(360))
      try Data(text.utf8).write(to: file)
      corpora.append("\(name)=\(file.path)")
    }
    let new = pico.work.url("new")
    let captured = try probe.run(
      ["capture", "--model", pico.model, "--corpus"] + corpora + [
        "--sequence-length", "128", "--hook-points", "attention_input", "ffn_input", "--output",
        new.path, "--quiet",
      ])
    #expect(captured.status == 0, "\(captured.error)")
    let then = try statistics(old, pico.work.url("a"))
    let now = try statistics(new.path, pico.work.url("b"))
    #expect(!then.isEmpty && distance(then, now) < tolerance)
    // The shards differ in their metadata alone: the plan, and room from the start.
    let shard = "shards/activations-00000-of-00001.h5"
    #expect(try tree(old)[shard] != nil && tree(new.path)[shard] != nil)
  }

  @Test("A conversion is calibrated on it")
  func calibration() throws {
    let pico = try PicoCapture()
    let result = try convert(
      "--model", pico.model, "--calibration", old, "--output", pico.work.url("out").path,
      "--quiet")
    #expect(result.status == 0, "\(result.error)")
  }
}
