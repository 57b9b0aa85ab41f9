import Files
import Foundation

/// Where messages and progress go: the standard error, as the tools see it.
public struct Terminal: Sendable {
  /// How progress is shown.
  public enum Style: Sendable, Equatable {
    /// One line, drawn again and again.
    case animated
    /// A new line now and then, for logs.
    case lines
    case silent
  }

  public let style: Style
  /// Columns; nil when there is no telling.
  public let width: Int?
  private let write: @Sendable (String) -> Void

  /// A terminal for tests: what is written goes to `write`.
  package init(style: Style, width: Int?, write: @escaping @Sendable (String) -> Void) {
    self.style = style
    self.width = width
    self.write = write
  }

  /// The standard error of this process.
  ///
  /// - Parameter isQuiet: no progress is shown, messages still are.
  public static func standardError(isQuiet: Bool = false) -> Terminal {
    Terminal(
      style: style(
        isQuiet: isQuiet, isTerminal: TerminalDevice.isTerminal(2),
        environment: ProcessInfo.processInfo.environment),
      width: TerminalDevice.width(2),
      // A standard error that takes nothing is no reason to stop.
      write: { try? FileHandle.standardError.write(contentsOf: Data($0.utf8)) })
  }

  /// Draws only on a terminal that can: not in a file or a pipe, not when TERM is "dumb". The
  /// environment variable TQDM_DISABLE silences progress, as it does for the reference's tools.
  package static func style(
    isQuiet: Bool, isTerminal: Bool, environment: [String: String]
  ) -> Style {
    let isDisabled = !["", "0", "false"].contains(environment["TQDM_DISABLE", default: ""])
    if isQuiet || isDisabled { return .silent }
    return isTerminal && environment["TERM"] != "dumb" ? .animated : .lines
  }

  /// Whether colour may be used on the standard output: a terminal, TERM not "dumb", NO_COLOR
  /// absent or empty (no-color.org).
  public static func allowsColour(
    isTerminal: Bool = TerminalDevice.isTerminal(1),
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    isTerminal && environment["TERM"] != "dumb" && environment["NO_COLOR", default: ""].isEmpty
  }

  /// Writes one message and a newline.
  public func print(_ message: String) { write(message + "\n") }

  /// Draws `line` over what was drawn before.
  func draw(_ line: String) { write("\r" + line + "\u{1b}[K") }

  /// Removes what was drawn.
  func erase() { write("\r\u{1b}[K") }
}
