import Capture
import Files
import Foundation
import HDF5
import Testing

/// A small file system of its own, for as long as this object lives.
private final class SmallDisk: Sendable {
  let folder: TemporaryFolder
  var path: String { folder.path }

  init(megabytes: Int) throws {
    folder = try TemporaryFolder()
    try #require(
      SmallDisk.run("/bin/mount", ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", path]))
  }

  deinit { _ = SmallDisk.run("/bin/umount", ["-l", path]) }

  func remount(_ option: String) -> Bool {
    SmallDisk.run("/bin/mount", ["-o", "remount,\(option)", path])
  }

  static func run(_ program: String, _ arguments: [String]) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  /// Whether this process may mount at all.
  static let isAvailable = (try? SmallDisk(megabytes: 1)) != nil
}

@Suite(.enabled(if: SmallDisk.isAvailable, "mounting a tmpfs needs root"))
struct DiskTests {
  @Test("a disk that fills up ends the run with what it had published")
  func fullDisk() throws {
    let disk = try SmallDisk(megabytes: 4)
    let folder = disk.folder
    let source = try SyntheticSource(options: SyntheticSource.options())
    try source.capture(to: folder.file("whole"))
    try source.capture(to: folder.file("run"), limit: 1)
    let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: true)
    let writer = CaptureWriter(run, documentDomains: source.documentDomains)
    // Room for half of the second shard.
    let ballast = try Folder.availableBytes(at: folder.path) - 300_000
    try DurableFile.write([UInt8](repeating: 1, count: ballast), to: folder.file("ballast"))
    let error = #expect(throws: (any Error).self) {
      try source.sweep(batch: 1, into: writer)
      try writer.finish()
    }
    let reportable = try #require(error as? any ReportableError)
    #expect(reportable.exitStatus == .inputOutput)
    #expect(reportable.description.contains("no space left on device"), "\(reportable)")
    #expect(
      try folder.tree("run").keys.sorted() == ["plan.json", "shards/activations-00000-of-00002.h5"])
    try Folder.removeFile(folder.file("ballast"))
  }

  @Test("after a full disk, resuming gives equal bytes")
  func afterFullDisk() throws {
    let disk = try SmallDisk(megabytes: 4)
    let folder = disk.folder
    let source = try SyntheticSource(options: SyntheticSource.options())
    try source.capture(to: folder.file("whole"))
    do {
      let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: true)
      let writer = CaptureWriter(run, documentDomains: source.documentDomains)
      let ballast = try Folder.availableBytes(at: folder.path) - 300_000
      try DurableFile.write([UInt8](repeating: 1, count: ballast), to: folder.file("ballast"))
      #expect(throws: (any Error).self) {
        for batch in run.pendingBatches { try source.sweep(batch: batch, into: writer) }
        try writer.finish()
      }
    }
    try Folder.removeFile(folder.file("ballast"))
    try source.capture(to: folder.file("run"), resume: true)
    #expect(try folder.tree("run") == folder.tree("whole"))
  }

  @Test(
    "a disk that fills up within a shard leaves its complete batches, and they are gone on from")
  func fullWithinShard() throws {
    let disk = try SmallDisk(megabytes: 64)
    let folder = disk.folder
    let source = try SyntheticSource(
      documents: SyntheticSource.fourBatches,
      options: SyntheticSource.options(shardByteCount: SyntheticSource.severalBatches))
    try source.capture(to: folder.file("whole"))
    do {
      let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: true)
      let writer = CaptureWriter(run, documentDomains: source.documentDomains)
      try source.sweep(batch: 0, into: writer)
      // The end of the first batch is waited for by the second's, whose rows have no room.
      while try !folder.tree("run").keys.contains(where: { $0.contains("batches-1") }) {
        Thread.sleep(forTimeInterval: 0.01)
      }
      let ballast = try Folder.availableBytes(at: folder.path) - 300_000
      try DurableFile.write([UInt8](repeating: 1, count: ballast), to: folder.file("ballast"))
      #expect(throws: (any Error).self) {
        for batch in 1..<3 { try source.sweep(batch: batch, into: writer) }
        try writer.finish()
      }
      writer.abandon()
    }
    try Folder.removeFile(folder.file("ballast"))
    do {
      let run = try CaptureRun(at: folder.file("run"), plan: source.plan, resume: true)
      // How many of them had room is the file system's to say: a shard's space is asked for early.
      #expect(!run.pendingBatches.contains(0) && run.pendingBatches.contains(3))
    }
    try source.capture(to: folder.file("run"), resume: true)
    #expect(try folder.tree("run") == folder.tree("whole"))
  }

  @Test("a disk that is too small is refused with the bytes that are needed")
  func smallDisk() throws {
    let disk = try SmallDisk(megabytes: 1)
    let source = try SyntheticSource(options: SyntheticSource.options())
    let error = #expect(throws: FileError.self) {
      try source.capture(to: disk.folder.file("run"))
    }
    #expect(error?.exitStatus == .inputOutput)
    #expect(try disk.folder.tree("run").isEmpty)
  }

  @Test("a read-only folder is refused before anything else, for root too")
  func readOnly() throws {
    let disk = try SmallDisk(megabytes: 4)
    let source = try SyntheticSource(options: SyntheticSource.options())
    try Folder.create(disk.folder.file("empty"))
    try source.capture(to: disk.folder.file("whole"))
    try #require(disk.remount("ro"))
    for name in ["absent", "absent/below", "empty"] {
      let error = #expect(throws: FileError.self) {
        try CaptureRun.checkOutput(disk.folder.file(name), resume: false)
      }
      #expect(error?.exitStatus == .cannotCreate)
      #expect(throws: FileError.self) { try source.capture(to: disk.folder.file(name)) }
    }
    // A complete run needs no writing.
    try source.capture(to: disk.folder.file("whole"), resume: true)
    try CaptureReader(disk.folder.file("whole")).checkHashes()
  }
}
