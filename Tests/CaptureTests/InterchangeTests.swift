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
    let folder = try TemporaryFolder()
    let source = try SyntheticSource(
      options: SyntheticSource.options(
        dataType, hookPoints: [.attentionInput, .key, .ffnHidden, .ffnOutput],
        compressionLevel: compressionLevel))
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
