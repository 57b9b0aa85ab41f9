import Files

/// One case for each way in which a GGUF file can be wrong. Offsets count bytes from the file's
/// start and say where the offending field begins.
public enum GGUFError: ReportableError, Equatable {
  case badMagic(path: String)
  case foreignByteOrder(path: String)
  case unsupportedVersion(path: String, version: UInt32)
  case truncated(path: String, offset: Int, field: String)
  case countTooLarge(path: String, offset: Int, field: String, count: UInt64, limit: Int)
  case invalidKey(path: String, offset: Int, reason: String)
  case duplicateKey(path: String, offset: Int, key: String)
  case unknownValueType(path: String, offset: Int, key: String, type: UInt32)
  case invalidAlignment(path: String, offset: Int, reason: String)
  case invalidTensorName(path: String, offset: Int, reason: String)
  case duplicateTensor(path: String, offset: Int, tensor: String)
  case tooManyDimensions(path: String, offset: Int, tensor: String, count: UInt32)
  case invalidShape(path: String, offset: Int, tensor: String, reason: String)
  case unknownTensorType(path: String, offset: Int, tensor: String, type: UInt32)
  case raggedBlocks(path: String, tensor: String, columns: Int, blockElements: Int)
  case invalidTensorOffset(path: String, offset: Int, tensor: String, expected: Int, found: UInt64)
  case dataOutOfFile(path: String, tensor: String, end: Int, byteCount: Int)
  case wrongValueType(path: String, key: String, expected: String, found: String)
  case invalidText(path: String, key: String, index: Int)
  case missingKey(path: String, key: String)
  case invalidValue(path: String, key: String, reason: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .badMagic(let path):
      "\(path): byte 0: expected \"GGUF\", found something else or nothing; this is no GGUF file"
    case .foreignByteOrder(let path):
      "\(path): byte 4: a GGUF file of the other byte order; convert it on a little-endian machine"
    case .unsupportedVersion(let path, let version):
      "\(path): byte 4: expected GGUF version 2 or 3, found \(version)"
    case .truncated(let path, let offset, let field):
      "\(path): byte \(offset): the file ends within \(printable(field)); copy or download it again"
    case .countTooLarge(let path, let offset, let field, let count, let limit):
      "\(path): byte \(offset): \(printable(field)): expected at most \(limit), found \(count)"
    case .invalidKey(let path, let offset, let reason):
      "\(path): byte \(offset): metadata key: \(reason)"
    case .duplicateKey(let path, let offset, let key):
      "\(path): byte \(offset): the key \(printable(key)) stands twice"
    case .unknownValueType(let path, let offset, let key, let type):
      "\(path): byte \(offset): \(printable(key)): expected a value type of 0…12 (and no array of arrays), "
        + "found \(type)"
    case .invalidAlignment(let path, let offset, let reason):
      "\(path): byte \(offset): general.alignment: \(reason)"
    case .invalidTensorName(let path, let offset, let reason):
      "\(path): byte \(offset): tensor name: \(reason)"
    case .duplicateTensor(let path, let offset, let tensor):
      "\(path): byte \(offset): the tensor \(printable(tensor)) stands twice"
    case .tooManyDimensions(let path, let offset, let tensor, let count):
      "\(path): byte \(offset): \(printable(tensor)): expected at most 4 dimensions, found \(count)"
    case .invalidShape(let path, let offset, let tensor, let reason):
      "\(path): byte \(offset): \(printable(tensor)): shape: \(reason)"
    case .unknownTensorType(let path, let offset, let tensor, let type):
      "\(path): byte \(offset): \(printable(tensor)): expected a known tensor type, found \(type)"
    case .raggedBlocks(let path, let tensor, let columns, let blockElements):
      "\(path): \(printable(tensor)): expected rows of whole blocks of \(blockElements) elements, "
        + "found \(columns)"
    case .invalidTensorOffset(let path, let offset, let tensor, let expected, let found):
      "\(path): byte \(offset): \(printable(tensor)): expected the data offset \(expected), found \(found)"
    case .dataOutOfFile(let path, let tensor, let end, let count):
      "\(path): \(printable(tensor)): its data would end at byte \(end), the file has \(count); "
        + "copy or download it again"
    case .wrongValueType(let path, let key, let expected, let found):
      "\(path): \(printable(key)): expected \(expected), found \(found)"
    case .invalidText(let path, let key, let index):
      "\(path): \(printable(key)): expected UTF-8, found other bytes in entry \(index)"
    case .missingKey(let path, let key):
      "\(path): \(printable(key)): expected in the metadata, not found"
    case .invalidValue(let path, let key, let reason):
      "\(path): \(printable(key)): \(reason)"
    }
  }
}
