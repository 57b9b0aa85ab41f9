import Glibc

/// What the system knows about the terminal behind a file descriptor.
public enum TerminalDevice {
  /// Whether `descriptor` is a terminal.
  public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// The number of columns of the terminal behind `descriptor`; nil for anything else.
  public static func width(_ descriptor: Int32) -> Int? {
    var size = winsize()
    // Safety: TIOCGWINSZ writes one winsize.
    guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }
}
