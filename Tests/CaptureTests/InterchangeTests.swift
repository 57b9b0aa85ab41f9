import Activations
import Capture
import Foundation
import Testing

/// Captures as programs that are not ours see them.
@Suite struct InterchangeTests {
  /// An interpreter that can import h5py, xarray and h5netcdf.
  static let python = ProcessInfo.processInfo.environment["MOHD_PYTHON"]

  @Test(
    "h5py, xarray and h5dump read names, shapes, scales, provenance and numbers",
    .enabled(if: python != nil, "set MOHD_PYTHON to a Python with h5py, xarray and h5netcdf"),
    arguments: [CaptureDataType.float16, .float32], [nil, 1])
  func readableElsewhere(dataType: CaptureDataType, compressionLevel: Int?) throws {
    try check(
      SyntheticSource(
        options: SyntheticSource.options(
          dataType, hookPoints: Self.hookPoints, compressionLevel: compressionLevel)))
  }

  @Test(
    "so they do where a shard holds several batches",
    .enabled(if: python != nil, "set MOHD_PYTHON to a Python with h5py, xarray and h5netcdf"),
    arguments: [nil, 1])
  func severalBatches(compressionLevel: Int?) throws {
    let source = try SyntheticSource(
      documents: SyntheticSource.fourBatches,
      options: SyntheticSource.options(
        hookPoints: Self.hookPoints, compressionLevel: compressionLevel,
        shardByteCount: SyntheticSource.severalBatches))
    #expect(source.plan.shards.map(\.batches.count) == [3, 1])
    try check(source)
  }

  private static let hookPoints: [HookPoint] = [.attentionInput, .key, .ffnHidden, .ffnOutput]

  private func check(_ source: SyntheticSource) throws {
    let folder = try TemporaryFolder()
    try source.capture(to: folder.file("run"))
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Fixtures/capture/check_capture.py")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.python ?? "")
    process.arguments = [script.path, folder.file("run")]
    process.currentDirectoryURL = URL(fileURLWithPath: "/")
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(output)")
    #expect(output.hasSuffix("capture is readable\n"), "\(output)")
  }
}
