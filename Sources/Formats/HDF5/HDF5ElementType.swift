import CHDF5

/// Types of elements that h5py, xarray and netCDF programs read without help.
public enum HDF5ElementType: String, CaseIterable, Sendable {
  case float16, float32, float64, int32, int64, uint8

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .uint8: 1
    case .float16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// A new identifier for this type.
  func makeHandle() throws(HDF5Error) -> HDF5Handle {
    func failure(_ trace: HDF5Trace) -> HDF5Error {
      .readFailed(path: "HDF5", object: "type \(rawValue)", reason: trace.reason)
    }
    let base: hid_t = HDF5Library.perform {
      switch self {
      case .float16, .float32: mohd_h5t_float32()
      case .float64: mohd_h5t_float64()
      case .int32: mohd_h5t_int32()
      case .int64: mohd_h5t_int64()
      case .uint8: mohd_h5t_uint8()
      }
    }
    let handle = HDF5Handle(try HDF5Library.check(failure) { H5Tcopy(base) })
    if self == .float16 {
      // IEEE 754 binary16: sign at bit 15, 5 bits of exponent from 10, 10 bits of fraction from 0.
      _ = try HDF5Library.check(failure) { H5Tset_fields(handle.id, 15, 10, 5, 0, 10) }
      _ = try HDF5Library.check(failure) { H5Tset_size(handle.id, 2) }
      _ = try HDF5Library.check(failure) { H5Tset_ebias(handle.id, 15) }
    }
    return handle
  }

  /// The case that describes the type `id`, if any.
  static func describing(_ id: hid_t) throws(HDF5Error) -> HDF5ElementType? {
    for type in allCases {
      let handle = try type.makeHandle()
      if HDF5Library.perform({ H5Tequal(id, handle.id) }) > 0 { return type }
    }
    return nil
  }
}

/// Swift types that lie in memory as an `HDF5ElementType` lies in a file.
public protocol HDF5Element: BitwiseCopyable, Sendable {
  static var hdf5Type: HDF5ElementType { get }
  static var zero: Self { get }
}

extension Float: HDF5Element { public static var hdf5Type: HDF5ElementType { .float32 } }
extension Double: HDF5Element { public static var hdf5Type: HDF5ElementType { .float64 } }
extension Int32: HDF5Element { public static var hdf5Type: HDF5ElementType { .int32 } }
extension Int64: HDF5Element { public static var hdf5Type: HDF5ElementType { .int64 } }
extension UInt8: HDF5Element { public static var hdf5Type: HDF5ElementType { .uint8 } }
