import ArgumentParser

/// How a tool runs and what it says, shared by all commands that write something.
public struct RunArguments: ParsableArguments {
  @Flag(help: "Say what would be done and what it takes, and write nothing.")
  public var dryRun = false

  @Flag(help: "Print one JSON object with the summary to standard output.")
  public var json = false

  @Flag(help: "Show no progress.")
  public var quiet = false

  public init() {}

  /// Where progress and messages go.
  public var terminal: Terminal { Terminal.standardError(isQuiet: quiet) }
}
