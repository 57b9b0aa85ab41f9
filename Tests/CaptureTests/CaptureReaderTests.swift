import Activations
import Capture
import Files
import Foundation
import Kernels
import Tensors
import Testing

@Suite struct CaptureReaderTests {
  /// A sink that wants the captured layers only, live and replayed alike.
  private struct CapturedOnly: ActivationSink {
    let plan: CapturePlan
    let sink: RecordingSink
    func wants(_ site: ActivationSite) -> Bool { plan.contains(site) && sink.wants(site) }
    func begin(_ batch: TokenBatch) throws { sink.begin(batch) }
    func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
      sink.receive(values, rows: rows, at: site)
    }
    func finish(layer: Int) throws { sink.finish(layer: layer) }
    func end(_ batch: TokenBatch) throws { sink.end(batch) }
  }

  @Test("a float32 capture replays the live stream bit for bit", arguments: [nil, 1], [1, 2, 3])
  func replayIsLive(compressionLevel: Int?, workerCount: Int) throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(
      options: SyntheticSource.options(.float32, compressionLevel: compressionLevel))
    try source.capture(to: folder.file("run"))
    let live = RecordingSink()
    for batch in source.batches.indices {
      try source.sweep(batch: batch, into: CapturedOnly(plan: source.plan, sink: live))
    }
    let replayed = RecordingSink()
    let reader = try CaptureReader(folder.file("run"))
    try reader.checkHashes()
    try reader.replay(into: replayed, pool: WorkerPool(workerCount: workerCount))
    #expect(live.record == replayed.record)
    #expect(live.record.bits.count == 8)
  }

  @Test(
    "batches of one shard are replayed as they went through the model", arguments: [nil, 1])
  func severalBatches(compressionLevel: Int?) throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(
      documents: SyntheticSource.fourBatches,
      options: SyntheticSource.options(
        .float32, compressionLevel: compressionLevel, shardByteCount: nil))
    #expect(source.plan.shards.map(\.batches.count) == [4])
    try source.capture(to: folder.file("run"))
    let (live, replayed) = (RecordingSink(), RecordingSink())
    for batch in source.batches.indices {
      try source.sweep(batch: batch, into: CapturedOnly(plan: source.plan, sink: live))
    }
    let reader = try CaptureReader(folder.file("run"))
    try reader.replay(into: replayed, pool: WorkerPool(workerCount: 2))
    #expect(live.record == replayed.record)
    #expect(try reader.documentDomains() == source.documentDomains)
    #expect(reader.batchCount == 4)
    let (site, end) = (
      ActivationSite(layer: 0, hookPoint: .ffnInput), source.plan.batchPlaces[1].firstToken
    )
    let elements = try reader.read(site, tokens: end - 3..<end + 3).view.elements()
    #expect(elements == source.panel(site, tokens: end - 3..<end + 3))
  }

  @Test("a float16 capture replays the rounded stream")
  func rounded() throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options(.float16))
    try source.capture(to: folder.file("run"))
    let sink = RecordingSink([.ffnInput])
    try CaptureReader(folder.file("run")).replay(into: sink, pool: WorkerPool(workerCount: 2))
    let site = ActivationSite(layer: 2, hookPoint: .ffnInput)
    let expected = source.panel(site, tokens: 0..<source.plan.corpus.tokenCount)
      .map { Float(Float16($0)).bitPattern }
    #expect(sink.record.bits[site] == expected)
    #expect(sink.record.batches == source.batches)
  }

  @Test("documents keep their domains")
  func domains() throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options())
    try source.capture(to: folder.file("run"))
    #expect(try CaptureReader(folder.file("run")).documentDomains() == source.documentDomains)
  }

  @Test("single sites are read across shards", arguments: [CaptureDataType.float16, .float32])
  func randomAccess(dataType: CaptureDataType) throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options(dataType))
    try source.capture(to: folder.file("run"))
    let reader = try CaptureReader(folder.file("run"))
    let site = ActivationSite(layer: 2, hookPoint: .attentionOutput)
    let cut = source.plan.shards[0].tokenCount
    for tokens in [0..<1, cut - 2..<cut + 3, 8990..<9000, 5..<5] {
      let matrix = try reader.read(site, tokens: tokens)
      let expected = source.panel(site, tokens: tokens)
        .map { dataType == .float16 ? Float(Float16($0)) : $0 }
      let elements = matrix.view.elements()
      #expect(elements == expected)
    }
    #expect(
      throws: CaptureError.notCaptured(path: reader.path, layer: 1, hookPoint: .ffnInput)
    ) { _ = try reader.read(ActivationSite(layer: 1, hookPoint: .ffnInput), tokens: 0..<1) }
  }

  @Test("a missing shard is an error, never NaN")
  func missingShard() throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options())
    try source.capture(to: folder.file("run"))
    let name = "shards/activations-00001-of-00002.h5"
    try Folder.removeFile(folder.file("run/" + name))
    let error = #expect(
      throws: CaptureError.incomplete(path: folder.file("run"), missing: [name])
    ) { try CaptureReader(folder.file("run")) }
    #expect(error?.exitStatus == .missingInput)
  }

  @Test("a changed byte is found by its hash")
  func changedByte() throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options())
    try source.capture(to: folder.file("run"))
    let path = folder.file("run/shards/activations-00000-of-00002.h5")
    var bytes = try folder.bytes("run/shards/activations-00000-of-00002.h5")
    bytes[bytes.count / 2] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let reader = try CaptureReader(folder.file("run"))
    let error = #expect(throws: CaptureError.self) { try reader.checkHashes() }
    #expect(error?.description.hasPrefix(path) == true)
  }

  @Test("a folder that is no run says so")
  func notARun() throws {
    let folder = try TemporaryFolder()
    #expect(throws: CaptureError.notARun(path: folder.path)) { try CaptureReader(folder.path) }
  }
}
