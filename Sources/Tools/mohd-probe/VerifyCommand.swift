import ArgumentParser
import Capture
import Console
import Foundation
import Kernels

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check every byte of a capture: hashes, shapes and non-finite values.")

  @Argument(help: "The folder of a capture.")
  var path: String

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    let verification = try Failure.reporting(on: terminal) {
      let total = try CaptureSummary(path).byteCount
      let bar = ProgressBar("verify", total: total, unit: "B", on: terminal)
      defer { bar.finish() }
      let pool = WorkerPool(workerCount: max(1, ProcessInfo.processInfo.activeProcessorCount))
      return try CaptureVerifier.verify(path, pool: pool) { bar.advance(by: $0) }
    }
    if json {
      try printJSON(verification)
    } else {
      show(verification)
    }
    if let status = verification.exitStatus { throw ExitCode(status.rawValue) }
  }

  private func show(_ verification: CaptureVerification) {
    for problem in verification.problems { print("\(problem.file): \(problem.message)") }
    let files = HumanReadable.count(verification.fileCount, "file")
    print(
      "\(path): \(files), \(HumanReadable.bytes(verification.byteCount)), "
        + "\(HumanReadable.count(verification.tokenCount, "token")), "
        + "\(HumanReadable.count(verification.nonFiniteCount, "non-finite value")): "
        + (verification.isSound
          ? "sound" : "\(HumanReadable.count(verification.problems.count, "problem"))"))
  }
}
