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
      let isPlain =
        !word.isEmpty
        && word.utf8.allSatisfy {
          (0x30...0x3A).contains($0) || (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0)
            || [0x2D, 0x2E, 0x2F, 0x3D, 0x5F, 0x2C].contains($0)
        }
      words.append(isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'")
    }
  }
  return words.joined(separator: " ")
}
