import Activations
import Capture
import Files
import Foundation
import Kernels
import Testing

@Suite struct CaptureRunTests {
  private func source(
    modelSHA256: String = String(repeating: "a", count: 64)
  ) throws -> SyntheticSource {
    try SyntheticSource(modelSHA256: modelSHA256, options: SyntheticSource.options())
  }

  @Test("a run that was stopped after any shard is finished byte by byte", arguments: [0, 1, 2])
  func resumed(shardCount: Int) throws {
    let folder = try TemporaryFolder()
    let source = try source()
    try source.capture(to: folder.file("whole"))
    try source.capture(to: folder.file("killed"), limit: shardCount)
    #expect(try CaptureRun.state(of: folder.file("killed")) == .partial)
    let before = try folder.tree("killed")
    #expect(before.count == 1 + shardCount)
    try source.capture(to: folder.file("killed"), resume: true)
    #expect(try folder.tree("killed") == folder.tree("whole"))
    #expect(try CaptureRun.state(of: folder.file("killed")) == .complete)
  }

  @Test(
    "within a shard a stopped run loses no complete batch, and is finished byte by byte",
    arguments: [0, 1, 2, 3, 4], [nil, 1])
  func resumedWithinShard(batchCount: Int, compressionLevel: Int?) throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(
      documents: SyntheticSource.fourBatches,
      options: SyntheticSource.options(
        compressionLevel: compressionLevel, shardByteCount: SyntheticSource.severalBatches))
    #expect(source.plan.shards.map(\.batches.count) == [3, 1])
    try source.capture(to: folder.file("whole"))
    try source.capture(to: folder.file("killed"), limit: batchCount)
    let left = try folder.tree("killed").keys
    #expect(left.count { !$0.hasPrefix("shards/.") } == 1 + (batchCount + 1) / 4 + batchCount / 4)
    do {
      let run = try CaptureRun(at: folder.file("killed"), plan: source.plan, resume: true)
      #expect(run.pendingBatches == Array(batchCount..<4))
    }
    // Once more stopped in the middle of a batch, then on to the end.
    do {
      let run = try CaptureRun(at: folder.file("killed"), plan: source.plan, resume: true)
      let writer = CaptureWriter(run, documentDomains: source.documentDomains)
      if let next = run.pendingBatches.first { try writer.begin(source.batches[next]) }
      writer.abandon()
    }
    try source.capture(to: folder.file("killed"), resume: true)
    #expect(try folder.tree("killed") == folder.tree("whole"))
    #expect(try CaptureVerifier.verify(folder.file("killed"), pool: .init(workerCount: 2)).isSound)
  }

  @Test("an unfinished shard that cannot be read is made again", arguments: [nil, 1])
  func unreadableShard(compressionLevel: Int?) throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(
      documents: SyntheticSource.fourBatches,
      options: SyntheticSource.options(
        compressionLevel: compressionLevel, shardByteCount: SyntheticSource.severalBatches))
    try source.capture(to: folder.file("whole"))
    try source.capture(to: folder.file("killed"), limit: 2)
    let hidden = try #require(
      try folder.tree("killed").keys.filter { $0.hasPrefix("shards/.") }.sorted().last)
    try Data("half".utf8).write(to: URL(fileURLWithPath: folder.file("killed/" + hidden)))
    try source.capture(to: folder.file("killed"), resume: true)
    #expect(try folder.tree("killed") == folder.tree("whole"))
  }

  @Test("what a killed run left unfinished is removed, and any state but another run is resumed")
  func states() throws {
    let folder = try TemporaryFolder()
    let source = try source()
    try source.capture(to: folder.file("whole"))
    let whole = try folder.tree("whole")

    #expect(try CaptureRun.state(of: folder.file("absent")) == .absent)
    try source.capture(to: folder.file("absent"), resume: true)
    #expect(try folder.tree("absent") == whole)

    try Folder.create(folder.file("empty"))
    #expect(try CaptureRun.state(of: folder.file("empty")) == .empty)
    try source.capture(to: folder.file("empty"), resume: true)
    #expect(try folder.tree("empty") == whole)

    try Folder.create(folder.file("unplanned/shards"))
    let debris = [
      ".plan.json.partial", ".XXH128SUMS.partial", ".activations.h5.partial",
      "shards/.activations-00001-of-00002.h5.partial",
    ]
    for name in debris {
      try DurableFile.write(Array("half".utf8), to: folder.file("unplanned/" + name))
    }
    try LogFile.append("begun", to: folder.file("unplanned/capture.log"))
    #expect(try CaptureRun.state(of: folder.file("unplanned")) == .unplanned)
    #expect(throws: CaptureError.notEmpty(path: folder.file("unplanned"))) {
      try source.capture(to: folder.file("unplanned"))
    }
    try source.capture(to: folder.file("unplanned"), resume: true)
    #expect(try folder.tree("unplanned") == whole)

    try source.capture(to: folder.file("whole"), resume: true)
    #expect(try folder.tree("whole") == whole)
    #expect(throws: CaptureError.notEmpty(path: folder.file("whole"))) {
      try source.capture(to: folder.file("whole"))
    }
  }

  @Test("a shard that vanished is made again", arguments: [true, false])
  func vanished(wasComplete: Bool) throws {
    let folder = try TemporaryFolder()
    let source = try source()
    try source.capture(to: folder.file("run"))
    let whole = try folder.tree("run")
    try Folder.removeFile(folder.file("run/shards/activations-00000-of-00002.h5"))
    if !wasComplete { try Folder.removeFile(folder.file("run/XXH128SUMS")) }
    try source.capture(to: folder.file("run"), resume: true)
    #expect(try folder.tree("run") == whole)
  }

  @Test("a shard cut short is named, and everything that is published stays")
  func damaged() throws {
    let folder = try TemporaryFolder()
    let source = try source()
    try source.capture(to: folder.file("run"), limit: 1)
    let path = folder.file("run/shards/activations-00000-of-00002.h5")
    let bytes = try folder.bytes("run/shards/activations-00000-of-00002.h5")
    try Data(bytes.prefix(bytes.count / 2)).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: CaptureError.self) {
      try source.capture(to: folder.file("run"), resume: true)
    }
    #expect(error?.description.hasPrefix(path + ": damaged") == true)
    #expect(error?.exitStatus == .badInput)
    #expect(Folder.kind(of: path) == .file)
  }

  @Test("another model on resume is named with what differs")
  func otherModel() throws {
    let folder = try TemporaryFolder()
    try source().capture(to: folder.file("run"), limit: 1)
    let before = try folder.tree("run")
    let other = String(repeating: "d", count: 64)
    let error = #expect(throws: CaptureError.self) {
      try source(modelSHA256: other).capture(to: folder.file("run"), resume: true)
    }
    #expect(
      error
        == .planDiffers(
          path: folder.file("run/plan.json"),
          differences: [
            "model.sha256: expected \(String(repeating: "a", count: 64)), found \(other)"
          ]))
    #expect(try folder.tree("run") == before)
  }

  @Test("a folder with other people's files is never written to")
  func foreign() throws {
    let folder = try TemporaryFolder()
    try DurableFile.write(Array("mine".utf8), to: folder.file("thesis.tex"))
    let source = try source()
    #expect(throws: CaptureError.foreignFolder(path: folder.path, name: "thesis.tex")) {
      try source.capture(to: folder.path, resume: true)
    }
    #expect(throws: CaptureError.notEmpty(path: folder.path)) {
      try source.capture(to: folder.path)
    }
    #expect(try Folder.names(in: folder.path) == ["thesis.tex"])
    #expect(throws: FileError.notDirectory(path: folder.file("thesis.tex"))) {
      try source.capture(to: folder.file("thesis.tex"))
    }
  }

  @Test("two writers do not share a run")
  func locked() throws {
    let folder = try TemporaryFolder()
    let source = try source()
    let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: false)
    #expect(throws: FileError.locked(path: folder.file("run"))) {
      try CaptureRun(at: folder.file("run"), plan: source.plan, resume: true)
    }
    extendLifetime(run)
  }

  @Test("a capture larger than the disk is refused before anything is written")
  func noSpace() throws {
    let folder = try TemporaryFolder()
    // 14 hook points of a hundred documents, each as long as a file system is wide.
    let documents = Array(repeating: [1 << 31], count: 100)
    let plan = try CapturePlan(
      tool: "synthetic 1.0", model: .init(sha256: "", architecture: "llama", sizes: [:]),
      tokenizer: .init(sha256: ""), corpusSHA256: "",
      domains: [.init(name: "all", documentCount: documents.count, tokenCount: 0)],
      sequences: documents.flatMap { $0 },
      options: SyntheticSource.options(layers: Array(0..<100)), width: { _ in 4096 })
    let error = #expect(throws: FileError.self) {
      try CaptureRun(at: folder.file("run"), plan: plan, resume: false)
    }
    guard case .notEnoughSpace = error else {
      Issue.record("expected too little space, found \(String(describing: error))")
      return
    }
    #expect(try folder.tree("run").isEmpty)
  }
}
