import Foundation

/// The built tools, run as a user runs them.
struct Tool {
  let name: String

  /// What a finished process left behind.
  struct Result {
    let status: Int32
    let output: String
    let error: String
  }

  /// Runs the tool to its end.
  func callAsFunction(_ arguments: String..., input: String? = nil) throws -> Result {
    try run(arguments, input: input)
  }

  func run(_ arguments: [String], input: String? = nil) throws -> Result {
    let process = try start(arguments, input: input)
    return try finish(process)
  }

  /// Starts the tool; its output goes to files, so that it cannot block.
  ///
  /// - Parameter environment: variables beside those of the tests.
  func start(
    _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
  ) throws -> Running {
    let process = Process()
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.executableURL = Self.folder.appending(path: name)
    process.arguments = arguments
    let files = Workplace()
    process.standardOutput = try files.handle("output")
    process.standardError = try files.handle("error")
    if let input {
      try Data(input.utf8).write(to: files.url("input"))
      process.standardInput = try FileHandle(forReadingFrom: files.url("input"))
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    try process.run()
    return Running(process: process, files: files)
  }

  func finish(_ running: Running) throws -> Result {
    running.process.waitUntilExit()
    return Result(
      status: running.process.terminationReason == .uncaughtSignal
        ? -running.process.terminationStatus : running.process.terminationStatus,
      output: try running.files.text("output"), error: try running.files.text("error"))
  }

  struct Running {
    let process: Process
    let files: Workplace
  }

  /// The folder of the built tools: that of the test bundle.
  private static let folder: URL = {
    let bundle = URL(filePath: CommandLine.arguments[0])
    return FileManager.default.isExecutableFile(
      atPath: bundle.deletingLastPathComponent().appending(path: "mohd-probe").path)
      ? bundle.deletingLastPathComponent() : root.appending(path: ".build/release")
  }()
}

/// The package's folder.
let root = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// A folder that goes when the last reference does.
final class Workplace {
  let path: String

  init() {
    path =
      FileManager.default.temporaryDirectory
      .appending(path: "mohd-command-\(UUID().uuidString)").path
    try? FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func url(_ name: String) -> URL { URL(filePath: path).appending(path: name) }

  func handle(_ name: String) throws -> FileHandle {
    try Data().write(to: url(name))
    return try FileHandle(forWritingTo: url(name))
  }

  func text(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: url(name)), as: UTF8.self)
  }
}

/// Every file below a folder with its bytes, except the log, which holds dates.
func tree(_ path: String) throws -> [String: Data] {
  var files: [String: Data] = [:]
  for name in try FileManager.default.subpathsOfDirectory(atPath: path)
  where !name.hasSuffix("capture.log") {
    let full = path + "/" + name
    let type = try FileManager.default.attributesOfItem(atPath: full)[.type]
    if type as? FileAttributeType == .typeRegular {
      files[name] = try Data(contentsOf: URL(filePath: full))
    }
  }
  return files
}
