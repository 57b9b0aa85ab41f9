import Activations
import Capture
import Files
import Foundation
import Testing

@Suite struct CaptureWriterTests {
  @Test("equal plans give equal bytes, for any number of workers", arguments: [nil, 1])
  func deterministic(compressionLevel: Int?) throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(
      options: SyntheticSource.options(
        hookPoints: HookPoint.allCases, compressionLevel: compressionLevel))
    try source.capture(to: folder.file("one"), workerCount: 1)
    try source.capture(to: folder.file("two"), workerCount: 3)
    #expect(try folder.tree("one") == folder.tree("two"))
    #expect(
      try folder.tree("one").keys.sorted() == [
        "XXH128SUMS", "activations.h5", "plan.json", "shards/activations-00000-of-00002.h5",
        "shards/activations-00001-of-00002.h5",
      ])
  }

  @Test("xxh128sum agrees with the manifest")
  func sums() throws {
    let folder = try TemporaryFolder()
    try SyntheticSource(options: SyntheticSource.options()).capture(to: folder.file("run"))
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/xxh128sum")
    process.arguments = ["--check", "--strict", "--quiet", "XXH128SUMS"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.file("run"))
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test(
    "numbers that cannot be stored are refused by layer, hook point and token, and nothing is left",
    arguments: [
      (Float.nan, CaptureDataType.float16), (.infinity, .float32), (70_000, .float16),
    ])
  func refused(value: Float, dataType: CaptureDataType) throws {
    let folder = try TemporaryFolder()
    var source = try SyntheticSource(options: SyntheticSource.options(dataType))
    let site = ActivationSite(layer: 2, hookPoint: .ffnOutput)
    let token = 8000
    source.disturbance = (site, token, value)
    let expected: CaptureError =
      value.isFinite
      ? .overflow(layer: 2, hookPoint: .ffnOutput, token: token, count: 1)
      : .nonFinite(layer: 2, hookPoint: .ffnOutput, token: token, count: 1)
    #expect(throws: expected) { try source.capture(to: folder.file("run")) }
    #expect(
      try folder.tree("run").keys.sorted() == ["plan.json", "shards/activations-00000-of-00002.h5"])
  }

  @Test("infinities and NaN are stored where they are allowed; numbers too large are not")
  func allowed() throws {
    let folder = try TemporaryFolder()
    var source = try SyntheticSource(options: SyntheticSource.options(allowsNonFinite: true))
    let site = ActivationSite(layer: 0, hookPoint: .ffnInput)
    source.disturbance = (site, 3, -.infinity)
    try source.capture(to: folder.file("run"))
    let matrix = try CaptureReader(folder.file("run")).read(site, tokens: 3..<4)
    let elements = matrix.view.elements()
    #expect(elements[1] == -.infinity)
    source.disturbance = (site, 3, 1e9)
    #expect(throws: CaptureError.overflow(layer: 0, hookPoint: .ffnInput, token: 3, count: 1)) {
      try source.capture(to: folder.file("other"))
    }
  }

  @Test("float32 stores what float16 cannot")
  func largeNumbers() throws {
    let folder = try TemporaryFolder()
    var source = try SyntheticSource(options: SyntheticSource.options(.float32))
    source.disturbance = (ActivationSite(layer: 0, hookPoint: .ffnInput), 3, 1e9)
    try source.capture(to: folder.file("run"))
  }

  @Test("a source that forgets rows is found out")
  func missingRows() throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options())
    let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: false)
    let writer = CaptureWriter(run, documentDomains: source.documentDomains)
    try writer.begin(source.batches[0])
    #expect(
      throws: CaptureError.incompleteLayer(
        layer: 0, hookPoint: .attentionInput, expected: source.batches[0].tokenCount, found: 0)
    ) { try writer.finish(layer: 0) }
  }

  @Test("a batch that was not planned is refused")
  func otherBatch() throws {
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(options: SyntheticSource.options())
    let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: false)
    let writer = CaptureWriter(run, documentDomains: source.documentDomains)
    let error = #expect(throws: CaptureError.self) { try writer.begin(source.batches[1]) }
    #expect(error?.exitStatus == .badInput)
    #expect(throws: CaptureError.self) { try writer.finish() }
  }

  @Test(
    "every byte that --dry-run announces is within 5 % of what is written",
    arguments: [
      CaptureDataType.float16, .float32,
    ])
  func announcedSize(dataType: CaptureDataType) throws {
    let folder = try TemporaryFolder()
    for (index, options) in [
      SyntheticSource.options(dataType),
      SyntheticSource.options(dataType, hookPoints: HookPoint.allCases, layers: [0, 1, 2]),
      SyntheticSource.options(dataType, hookPoints: [.key], layers: [1], shardByteCount: nil),
    ].enumerated() {
      for (size, documents) in [
        [[4]], [[500, 500, 3]], SyntheticSource.twoShards, SyntheticSource.fourBatches,
      ].enumerated() {
        let source = try SyntheticSource(documents: documents, options: options)
        let name = "run\(index)\(size)"
        try source.capture(to: folder.file(name))
        let written = try folder.tree(name).values.reduce(0) { $0 + $1.count }
        let announced = CaptureSize(source.plan).byteCount
        let ratio = Double(announced) / Double(written)
        #expect(0.95...1.05 ~= ratio, "\(name): \(announced) announced, \(written) written")
      }
    }
  }
}
