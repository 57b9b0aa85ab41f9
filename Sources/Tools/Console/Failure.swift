import ArgumentParser
import Files

/// How errors reach the user: one line on the standard error and an exit status.
public enum Failure {
  /// What is printed for `error`: its own message, or the news that this program has a mistake.
  public static func message(for error: any Error) -> String {
    switch error {
    case let error as any ReportableError: "error: \(error.description)"
    case let error as Interrupted: error.description
    default: "error: unexpected, please report this: \(error)"
    }
  }

  /// The exit status for `error`; 70, a mistake in this program, for what nobody foresaw.
  public static func exitStatus(for error: any Error) -> Int32 {
    switch error {
    case let error as any ReportableError: error.exitStatus.rawValue
    case let error as Interrupted: error.exitStatus
    default: ExitStatus.bug.rawValue
    }
  }

  /// Runs the work of a command; what it throws is printed, and the exit status thrown on.
  ///
  /// ArgumentParser's own errors (a failed validation, a request for help, an exit code) pass
  /// through, since it knows best how to show them.
  ///
  /// - Parameter hint: added to the message of an interruption: how to resume.
  /// - Throws: `ExitCode`.
  public static func reporting<Result>(
    on terminal: Terminal = .standardError(), hint: String? = nil, _ work: () throws -> Result
  ) throws -> Result {
    do {
      return try work()
    } catch {
      guard !isArgumentParsers(error) else { throw error }
      let hint = error is Interrupted ? hint.map { "; \($0)" } ?? "" : ""
      terminal.print(message(for: error) + hint)
      throw ExitCode(exitStatus(for: error))
    }
  }

  private static func isArgumentParsers(_ error: any Error) -> Bool {
    error is ExitCode || error is CleanExit || error is ValidationError
  }
}
