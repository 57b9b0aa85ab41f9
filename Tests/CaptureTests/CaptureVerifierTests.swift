import Activations
import Capture
import Files
import Foundation
import Kernels
import Testing

@Suite struct CaptureVerifierTests {
  private let pool = WorkerPool(workerCount: 2)
  private let shard = "shards/activations-00001-of-00002.h5"

  private func capture(_ folder: TemporaryFolder) throws -> String {
    try SyntheticSource(options: SyntheticSource.options()).capture(to: folder.file("run"))
    return folder.file("run")
  }

  @Test("a capture as it was written is sound")
  func sound() throws {
    let folder = try TemporaryFolder()
    let report = try CaptureVerifier.verify(try capture(folder), pool: pool)
    #expect(report.problems == [])
    #expect(report.exitStatus == nil)
    #expect(report.fileCount == 5)
    #expect(report.tokenCount == 9000)
  }

  @Test("a changed byte, a missing shard and a missing manifest are each reported")
  func problems() throws {
    let folder = try TemporaryFolder()
    let run = try capture(folder)
    var bytes = try folder.bytes("run/" + shard)
    bytes[100_000] ^= 4
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file("run/" + shard)))
    var report = try CaptureVerifier.verify(run, pool: pool)
    #expect(report.problems.map(\.file) == [shard])
    #expect(report.exitStatus == .badInput)
    try Folder.removeFile(folder.file("run/" + shard))
    report = try CaptureVerifier.verify(run, pool: pool)
    #expect(report.problems.map(\.file) == [shard])
    #expect(report.exitStatus == .missingInput)
    try Folder.removeFile(folder.file("run/XXH128SUMS"))
    report = try CaptureVerifier.verify(run, pool: pool)
    #expect(report.problems.map(\.file) == ["XXH128SUMS", shard])
  }

  @Test("numbers that are not finite are counted where they were allowed")
  func nonFinite() throws {
    let folder = try TemporaryFolder()
    var source = try SyntheticSource(options: SyntheticSource.options(allowsNonFinite: true))
    source.disturbance = (ActivationSite(layer: 0, hookPoint: .ffnInput), 3, .nan)
    try source.capture(to: folder.file("run"))
    let report = try CaptureVerifier.verify(folder.file("run"), pool: pool)
    #expect(report.nonFiniteCount == 1)
    #expect(report.isSound)
  }

  @Test("a summary says what is there, and how to read it")
  func summary() throws {
    let folder = try TemporaryFolder()
    let run = try capture(folder)
    let summary = try CaptureSummary(run)
    #expect(summary.isComplete)
    #expect(summary.datasets.map(\.shape) == Array(repeating: [2, 9000, 8], count: 4))
    #expect(try summary.byteCount == folder.tree("run").values.reduce(0) { $0 + $1.count })
    #expect(
      summary.example
        == "import h5py; x = h5py.File('\(run)/activations.h5')['attention_input'][1]  "
        + "# layer 2: token, hidden")
    #expect(summary.openFileCount == 34)
    #expect(summary.lines.contains { $0.hasPrefix("open files") && $0.contains("ulimit -n") })
    try Folder.removeFile(folder.file("run/" + shard))
    let partial = try CaptureSummary(run)
    #expect(!partial.isComplete && partial.publishedShardCount == 1)
  }

  @Test("more shards than files that may be open are told, with what to do")
  func openFiles() {
    #expect(OpenFiles(shardCount: 256, limit: 1024).advice == nil)
    #expect(OpenFiles(shardCount: 992, limit: 1024).advice == nil)
    let many = OpenFiles(shardCount: 1112, limit: 1024)
    #expect(many.isTooMany && many.advice?.contains("ulimit -n 1144") == true)
  }
}
