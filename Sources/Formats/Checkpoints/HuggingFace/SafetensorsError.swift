import Files

/// One case for each way in which a safetensors file can be wrong.
public enum SafetensorsError: ReportableError, Equatable {
  case headerTooSmall(path: String, byteCount: Int)
  case headerTooLarge(path: String, byteCount: UInt64, limit: Int)
  case invalidHeaderLength(path: String, byteCount: Int, available: Int)
  case invalidHeaderStart(path: String, found: UInt8?)
  case invalidTensor(path: String, tensor: String, reason: String)
  case unknownType(path: String, tensor: String, type: String)
  case overflow(path: String, tensor: String, shape: [Int])
  case sizeMismatch(path: String, tensor: String, expected: Int, found: Int)
  case invalidOffset(path: String, tensor: String, expected: Int, found: Int)
  case incompleteBuffer(path: String, covered: Int, available: Int)
  case tooManyTensors(path: String, limit: Int)
  case tooMuchMetadata(path: String, limit: Int)
  case notRepresentable(path: String, tensor: String, type: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .headerTooSmall(let path, let count):
      "\(path): expected a safetensors file of at least 10 bytes, found \(count); "
        + "copy or download it again"
    case .headerTooLarge(let path, let count, let limit):
      "\(path): byte 0: expected a safetensors header of at most \(limit) bytes, found \(count)"
    case .invalidHeaderLength(let path, let count, let available):
      "\(path): byte 0: the header claims \(count) bytes, but \(available) follow; "
        + "the file is cut short or no safetensors file"
    case .invalidHeaderStart(let path, let found):
      "\(path): byte 8: expected the header to start with {, found "
        + (found.map { "byte \($0)" } ?? "nothing")
    case .invalidTensor(let path, let tensor, let reason):
      "\(path): \(printable(tensor)): \(reason)"
    case .unknownType(let path, let tensor, let type):
      "\(path): \(printable(tensor)): expected a dtype that safetensors defines, found \"\(printable(type))\""
    case .overflow(let path, let tensor, let shape):
      "\(path): \(printable(tensor)): the size of shape \(shape) does not fit 64 bits"
    case .sizeMismatch(let path, let tensor, let expected, let found):
      "\(path): \(printable(tensor)): its shape and dtype need \(expected) bytes, its data_offsets give \(found)"
    case .invalidOffset(let path, let tensor, let expected, let found):
      "\(path): \(printable(tensor)): expected its data to start at \(expected), where the one before it ends, "
        + "found \(found)"
    case .tooMuchMetadata(let path, let limit):
      "\(path): __metadata__: expected at most \(limit) entries, found more"
    case .tooManyTensors(let path, let limit):
      "\(path): expected at most \(limit) tensors, found more"
    case .notRepresentable(let path, let tensor, let type):
      "\(path): \(printable(tensor)): expected numbers that \(type) can hold, found larger ones; "
        + "choose float32 or bfloat16"
    case .incompleteBuffer(let path, let covered, let available):
      "\(path): its tensors cover \(covered) bytes of data, the file holds \(available); "
        + "it is cut short or carries something else"
    }
  }
}
