import Files

/// One case for each way in which an HDF5 file can fail us.
public enum HDF5Error: ReportableError, Equatable {
  /// There is no file at `path`.
  case missing(path: String)
  /// The file cannot be made.
  case cannotCreate(path: String, reason: String)
  /// The file is there and is not HDF5, or is damaged at the top.
  case notHDF5(path: String, reason: String)
  /// Writing failed; `errno` is the system's reason where the library reports one.
  case writeFailed(path: String, object: String, reason: String, errno: Int32?)
  /// Reading failed.
  case readFailed(path: String, object: String, reason: String)
  /// The file does not hold an object of this name.
  case missingObject(path: String, object: String)
  /// The values are of another type.
  case wrongType(path: String, object: String, expected: String, found: String)
  /// The shape is another one.
  case wrongShape(path: String, object: String, expected: [Int], found: [Int])
  /// The object's data lie in another file: a link, external storage or a virtual dataset.
  case storedElsewhere(path: String, object: String)

  public var exitStatus: ExitStatus {
    switch self {
    case .missing: .missingInput
    case .cannotCreate: .cannotCreate
    case .notHDF5, .missingObject, .wrongType, .wrongShape, .storedElsewhere: .badInput
    case .writeFailed, .readFailed: .inputOutput
    }
  }

  public var description: String {
    switch self {
    case .missing(let path):
      "\(path): no such file"
    case .cannotCreate(let path, let reason):
      "\(path): cannot be created: \(reason)"
    case .notHDF5(let path, let reason):
      "\(path): expected an HDF5 file, found something else: \(reason)"
    case .writeFailed(let path, let object, let reason, let code):
      "\(path): writing \(object) failed: \(code.map(systemMessage) ?? reason)"
    case .readFailed(let path, let object, let reason):
      "\(path): reading \(object) failed: \(reason)"
    case .missingObject(let path, let object):
      "\(path): expected \(object), not found"
    case .wrongType(let path, let object, let expected, let found):
      "\(path): \(object): expected type \(expected), found \(found)"
    case .wrongShape(let path, let object, let expected, let found):
      "\(path): \(object): expected shape \(expected), found \(found)"
    case .storedElsewhere(let path, let object):
      "\(path): \(object): expected values in this file, found a reference to another one; "
        + "refused, because a capture's shards stand alone"
    }
  }
}
