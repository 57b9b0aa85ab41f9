import Files
import Foundation
import Testing

private let convert = Tool(name: "mohd-convert")

/// A small file system of its own, for as long as this object lives.
private final class SmallDisk: Sendable {
  let path = FileManager.default.temporaryDirectory
    .appending(path: "mohd-disk-\(UUID().uuidString)").path

  init(megabytes: Int) throws {
    try Folder.create(path)
    try #require(
      SmallDisk.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]))
  }

  deinit {
    SmallDisk.run("/bin/umount", ["-l", path])
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Leaves so many bytes, to the page.
  func fill(leaving byteCount: Int) throws {
    let ballast = max(0, try Folder.availableBytes(at: path) - byteCount)
    try Data(count: ballast).write(to: URL(filePath: path + "/ballast"))
  }

  @discardableResult
  static func run(_ program: String, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  /// Whether this process may mount at all.
  static let isAvailable = (try? SmallDisk(megabytes: 1)) != nil
}

@Suite(
  "mohd-convert on a disk that fills up",
  .enabled(if: SmallDisk.isAvailable, "mounting a tmpfs needs root"))
struct ConvertDiskTests {
  private func arguments(_ pico: PicoCapture, _ output: String, _ more: [String]) -> [String] {
    [
      "--model", pico.model, "--corpus", "a=\(pico.text)", "--sequence-length", "64", "--output",
      output, "--quiet",
    ] + more
  }

  @Test(
    "The conversion ends with status 74 and names the place; nothing is left, and room is enough",
    arguments: [0, 0.3, 0.6, 0.9], [[], ["--recover"]])
  func fullDisk(share: Double, recipe: [String]) throws {
    let pico = try PicoCapture()
    let whole = pico.work.url("whole").path
    #expect(try convert.run(arguments(pico, whole, recipe)).status == 0)
    let expected = try tree(whole)
    let size = expected.values.reduce(0) { $0 + $1.count }

    let disk = try SmallDisk(megabytes: 8)
    let output = disk.path + "/whole"
    try disk.fill(leaving: Int(share * Double(size)))
    let result = try convert.run(arguments(pico, output, recipe))
    #expect(result.status == 74, "\(result.status) \(result.error)")
    #expect(
      result.error.contains(disk.path) && result.error.contains("no space left"),
      "\(result.error)")
    #expect(try Folder.names(in: disk.path) == ["ballast"])

    try Folder.removeFile(disk.path + "/ballast")
    let again = try convert.run(arguments(pico, output, recipe))
    #expect(again.status == 0, "\(again.error)")
    #expect(try tree(output) == expected)
  }
}
