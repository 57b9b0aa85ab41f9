/// Exit statuses of the tools, after `sysexits.h`. Usage errors are ArgumentParser's 64.
public enum ExitStatus: Int32, Sendable {
  /// A file is there and is not what it should be.
  case badInput = 65
  /// A file that was named is not there.
  case missingInput = 66
  /// A mistake in this program.
  case bug = 70
  /// An output cannot be created: it exists already, or its folder does not allow it.
  case cannotCreate = 73
  /// Reading or writing failed: the disk is full, or worse.
  case inputOutput = 74
  /// Stopped by a signal in a way that `--resume` can continue.
  case resumable = 75
  /// Our own configuration file is wrong.
  case badConfiguration = 78
}

/// An error that a user of the tools can act on.
///
/// `description` is one lower-case message that names the subject (a file, a tensor, a line), what
/// was expected, what was found, and the next step.
public protocol ReportableError: Error, CustomStringConvertible, Sendable {
  var exitStatus: ExitStatus { get }
}
