import Files

/// This process's command line as a shell takes it, without what does not change the result.
///
/// - Parameter tool: the name to call it by, whatever path it was started from.
public func reproducingCommand(of tool: String) -> String {
  reproducingCommand(of: tool, arguments: Array(CommandLine.arguments.dropFirst()))
}

package func reproducingCommand(of tool: String, arguments: [String]) -> String {
  var words = [tool]
  var skipsNext = false
  for word in arguments {
    if skipsNext {
      skipsNext = false
    } else if word == "--threads" {
      skipsNext = true
    } else if !["--quiet", "--json"].contains(word), !word.hasPrefix("--threads=") {
      words.append(shellWord(word))
    }
  }
  return words.joined(separator: " ")
}
