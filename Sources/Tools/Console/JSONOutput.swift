import Files

/// Prints one JSON object with sorted keys to standard output.
public func printJSON(_ value: some Encodable) throws {
  print(String(decoding: try JSONText.encode(value), as: UTF8.self), terminator: "")
}
