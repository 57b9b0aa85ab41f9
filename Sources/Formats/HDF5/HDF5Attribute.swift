import CHDF5

/// Values of an attribute: UTF-8 strings of variable length, or numbers.
public enum HDF5AttributeValue: Sendable, Equatable {
  case string(String)
  case strings([String])
  case int32s([Int32])
  case int64s([Int64])
  case float32s([Float])
  case float64s([Double])
  /// Bit patterns of IEEE binary16 numbers.
  case float16s([UInt16])
}

extension HDF5Object {
  /// Adds an attribute. One string is a scalar; everything else is an array, as netCDF writes them.
  public func setAttribute(_ key: String, _ value: HDF5AttributeValue) throws(HDF5Error) {
    switch value {
    case .string(let text): try writeStrings([text], isScalar: true, to: key)
    case .strings(let texts): try writeStrings(texts, isScalar: false, to: key)
    case .int32s(let numbers): try writeNumbers(numbers, as: .int32, to: key)
    case .int64s(let numbers): try writeNumbers(numbers, as: .int64, to: key)
    case .float32s(let numbers): try writeNumbers(numbers, as: .float32, to: key)
    case .float64s(let numbers): try writeNumbers(numbers, as: .float64, to: key)
    case .float16s(let numbers): try writeNumbers(numbers, as: .float16, to: key)
    }
  }

  /// The text of a string attribute, or nil when there is none of this name.
  public func stringAttribute(_ key: String) throws(HDF5Error) -> String? {
    let failure = readFailure(" attribute \(key)")
    guard
      try HDF5Library.check(failure, { unsafe H5Aexists(handle.id, key) }) > 0
    else { return nil }
    let attribute = HDF5Handle(
      try HDF5Library.check(failure) { unsafe H5Aopen(handle.id, key, mohd_h5p_default()) },
      in: handle.file)
    let space = HDF5Handle(try HDF5Library.check(failure) { H5Aget_space(attribute.id) })
    let stored = HDF5Handle(try HDF5Library.check(failure) { H5Aget_type(attribute.id) })
    guard try HDF5Library.check(failure, { H5Tis_variable_str(stored.id) }) > 0,
      try HDF5Library.check(failure, { H5Sget_simple_extent_npoints(space.id) }) == 1
    else {
      throw .wrongType(
        path: path, object: "\(name) attribute \(key)", expected: "one string",
        found: "something else")
    }
    let memory = try makeStringType(failure)
    var text: UnsafeMutablePointer<CChar>?
    return try HDF5Library.perform { () throws(HDF5Error) in
      _ = try HDF5Library.check(failure) { unsafe H5Aread(attribute.id, memory.id, &text) }
      guard let pointer = unsafe text else { return "" }
      // Safety: the library allocated a zero-terminated text for us; it is copied and freed.
      defer { unsafe _ = H5free_memory(pointer) }
      return unsafe String(cString: pointer)
    }
  }

  private func makeStringType(
    _ failure: (HDF5Trace) -> HDF5Error
  ) throws(HDF5Error) -> HDF5Handle {
    let type = HDF5Handle(try HDF5Library.check(failure) { H5Tcopy(mohd_h5t_string()) })
    _ = try HDF5Library.check(failure) { H5Tset_size(type.id, mohd_h5t_variable()) }
    _ = try HDF5Library.check(failure) { H5Tset_cset(type.id, H5T_CSET_UTF8) }
    return type
  }

  private func writeStrings(
    _ texts: [String], isScalar: Bool, to key: String
  ) throws(HDF5Error) {
    let failure = writeFailure(" attribute \(key)")
    let type = try makeStringType(failure)
    let attribute = try createAttribute(key, type: type, count: isScalar ? nil : texts.count)
    // One block holds all texts, each ended by a zero. A zero inside a text would cut it short.
    var bytes: [UInt8] = []
    var starts: [Int] = []
    for text in texts {
      starts.append(bytes.count)
      bytes.append(contentsOf: text.utf8.filter { $0 != 0 })
      bytes.append(0)
    }
    _ = try HDF5Library.check(failure) {
      unsafe bytes.withUnsafeBytes { block in
        // Safety: each pointer leads to a zero-terminated text inside `bytes`, which outlives the
        // call.
        let pointers: [UnsafeRawPointer?] = unsafe starts.map { start in
          unsafe block.baseAddress.map { base in unsafe base + start }
        }
        return unsafe pointers.withUnsafeBytes { list in
          unsafe H5Awrite(attribute.id, type.id, list.baseAddress)
        }
      }
    }
  }

  private func writeNumbers<Number: BitwiseCopyable>(
    _ numbers: [Number], as type: HDF5ElementType, to key: String
  ) throws(HDF5Error) {
    let type = try type.makeHandle()
    let attribute = try createAttribute(key, type: type, count: numbers.count)
    _ = try HDF5Library.check(writeFailure(" attribute \(key)")) {
      unsafe numbers.withUnsafeBytes { bytes in
        unsafe H5Awrite(attribute.id, type.id, bytes.baseAddress)
      }
    }
  }

  private func createAttribute(
    _ key: String, type: HDF5Handle, count: Int?
  ) throws(HDF5Error) -> HDF5Handle {
    let failure = writeFailure(" attribute \(key)")
    let space: HDF5Handle
    if let count {
      space = try HDF5Space.make([count], failure)
    } else {
      space = HDF5Handle(try HDF5Library.check(failure) { H5Screate(H5S_SCALAR) })
    }
    return HDF5Handle(
      try HDF5Library.check(failure) {
        unsafe H5Acreate2(
          handle.id, key, type.id, space.id, mohd_h5p_default(), mohd_h5p_default())
      }, in: handle.file)
  }
}

/// Dataspaces: shapes, and boxes within them.
enum HDF5Space {
  /// A space of this shape.
  static func make(
    _ shape: [Int], _ failure: (HDF5Trace) -> HDF5Error
  ) throws(HDF5Error) -> HDF5Handle {
    let dimensions = shape.map { hsize_t($0) }
    return HDF5Handle(
      try HDF5Library.check(failure) {
        unsafe H5Screate_simple(Int32(dimensions.count), dimensions, nil)
      })
  }

  /// Selects the box that begins at `offset` and has `count` elements along each axis.
  static func select(
    _ space: HDF5Handle, offset: [Int], count: [Int], _ failure: (HDF5Trace) -> HDF5Error
  ) throws(HDF5Error) {
    let start = offset.map { hsize_t($0) }
    let size = count.map { hsize_t($0) }
    _ = try HDF5Library.check(failure) {
      unsafe H5Sselect_hyperslab(space.id, H5S_SELECT_SET, start, nil, size, nil)
    }
  }
}
