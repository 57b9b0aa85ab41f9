import Glibc

/// One case for each way in which a file or folder can fail us.
public enum FileError: ReportableError, Equatable {
  case missing(path: String)
  case notRegular(path: String)
  case notDirectory(path: String)
  case unreadable(path: String, errno: Int32)
  case tooLarge(path: String, byteCount: Int, limit: Int)
  case changedWhileReading(path: String, before: Int, after: Int)
  case cannotCreate(path: String, errno: Int32)
  case writeFailed(path: String, errno: Int32)
  case notEnoughSpace(path: String, needed: Int, available: Int)
  case locked(path: String)

  public var exitStatus: ExitStatus {
    switch self {
    case .missing: .missingInput
    case .notRegular, .notDirectory, .tooLarge, .changedWhileReading: .badInput
    case .unreadable: .inputOutput
    case .cannotCreate, .locked: .cannotCreate
    case .writeFailed, .notEnoughSpace: .inputOutput
    }
  }

  public var description: String {
    switch self {
    case .missing(let path):
      "\(path): no such file or folder"
    case .notRegular(let path):
      "\(path): expected a regular file, found something else (a folder, a pipe or a device)"
    case .notDirectory(let path):
      "\(path): expected a folder, found a file"
    case .unreadable(let path, let code):
      "\(path): cannot be read: \(systemMessage(code))"
    case .tooLarge(let path, let byteCount, let limit):
      "\(path): expected at most \(limit) bytes, found \(byteCount)"
    case .changedWhileReading(let path, let before, let after):
      "\(path): its size changed from \(before) to \(after) bytes while it was read; "
        + "run again when nothing writes to it"
    case .cannotCreate(let path, let code):
      "\(path): cannot be created: \(systemMessage(code))"
    case .writeFailed(let path, let code):
      "\(path): writing failed: \(systemMessage(code))"
    case .notEnoughSpace(let path, let needed, let available):
      "\(path): \(needed) bytes are needed and \(available) are free; "
        + "free some space or choose another folder"
    case .locked(let path):
      "\(path): another process is writing to this folder; wait for it or stop it"
    }
  }
}

/// The C library's text for an `errno`, in lower case as our messages are.
public func systemMessage(_ code: Int32) -> String {
  // Safety: strerror returns a static or thread-local zero-terminated text, copied at once.
  guard let message = unsafe strerror(code) else { return "error \(code)" }
  let text = unsafe String(cString: message)
  return text.prefix(1).lowercased() + text.dropFirst()
}
