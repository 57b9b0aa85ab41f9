import ArgumentParser
import Console
import Files
import Foundation
import Synchronization
import Testing

@Suite struct FailureTests {
  private struct Unforeseen: Error {}

  private func run(_ error: any Error, hint: String? = nil) -> (message: String, error: any Error) {
    let written = Mutex("")
    let terminal = Terminal(style: .silent, width: nil) { text in written.withLock { $0 += text } }
    do {
      try Failure.reporting(on: terminal, hint: hint) { throw error }
      return (written.withLock { $0 }, ExitCode.success)
    } catch {
      return (written.withLock { $0 }, error)
    }
  }

  @Test("a reportable error is one line and its exit status")
  func reportable() {
    let (message, error) = run(FileError.missing(path: "a.txt"))
    #expect(message == "error: a.txt: no such file or folder\n")
    #expect(error as? ExitCode == ExitCode(66))
  }

  @Test("an error that nobody foresaw is status 70")
  func unforeseen() {
    let (message, error) = run(Unforeseen())
    #expect(message.hasPrefix("error: unexpected, please report this: "))
    #expect(error as? ExitCode == ExitCode(70))
  }

  @Test(
    "an interruption says how to go on",
    arguments: [
      (SIGINT, 130, "interrupted"), (SIGTERM, 75, "stopped by SIGTERM"),
      (SIGUSR1, 75, "stopped by SIGUSR1"),
    ] as [(Int32, Int32, String)])
  func interrupted(signal: Int32, status: Int32, text: String) {
    let (message, error) = run(Interrupted(signal: signal), hint: "add --resume to finish")
    #expect(message == text + "; add --resume to finish\n")
    #expect(error as? ExitCode == ExitCode(status))
  }

  @Test("ArgumentParser's own errors pass through")
  func passing() {
    let (message, error) = run(ValidationError("two of a kind"))
    #expect(message == "")
    #expect(error is ValidationError)
    #expect(run(ExitCode(3)).error as? ExitCode == ExitCode(3))
  }

  @Test("work that succeeds gives its result")
  func success() throws {
    #expect(try Failure.reporting { 7 } == 7)
  }
}

@Suite struct ResidentMemoryTests {
  @Test("the peak is read from the kernel's status")
  func status() throws {
    #expect(peakResidentBytes(inStatus: "Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t1 kB\n") == 2 << 20)
    #expect(peakResidentBytes(inStatus: "VmHWM: lots\n") == nil)
    #expect(peakResidentBytes(inStatus: "") == nil)
    #expect(try #require(peakResidentBytes()) > 1 << 20)
  }
}
