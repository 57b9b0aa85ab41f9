/// `text` as one word of a POSIX shell's command line: plain where nothing in it has a meaning there,
/// in single quotes otherwise. For every command that is printed for a reader to repeat.
public func shellWord(_ text: String) -> String {
  let isPlain =
    !text.isEmpty
    && text.utf8.allSatisfy { byte in
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
        || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
        || "-./:=_,+@%".utf8.contains(byte)
    }
  return isPlain ? text : "'" + text.replacing("'", with: "'\\''") + "'"
}

/// A path as one word of a command line, also one that begins as an option does.
public func shellPath(_ path: String) -> String {
  shellWord(path.hasPrefix("-") ? "./" + path : path)
}
