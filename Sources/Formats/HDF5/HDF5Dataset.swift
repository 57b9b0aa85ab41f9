import CHDF5
import Tensors

/// An array of numbers with a fixed shape.
public final class HDF5Dataset: HDF5Object, @unchecked Sendable {
  public let type: HDF5ElementType
  /// Sides, outermost first.
  public let shape: [Int]

  init(
    path: String, name: String, handle: HDF5Handle, type: HDF5ElementType, shape: [Int]
  ) {
    self.type = type
    self.shape = shape
    super.init(path: path, name: name, handle: handle)
  }

  /// Number of elements; `Int.max` where it does not fit.
  public var elementCount: Int {
    var count = 1
    for side in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: side)
      if overflow { return .max }
      count = product
    }
    return count
  }

  /// Bytes that its values take in the file.
  public var storedByteCount: Int {
    Int(clamping: HDF5Library.perform { H5Dget_storage_size(handle.id) })
  }

  /// - Throws: `wrongShape`, `wrongType`.
  public func require(shape expected: [Int], type expectedType: HDF5ElementType) throws(HDF5Error) {
    guard type == expectedType else {
      throw .wrongType(
        path: path, object: name, expected: expectedType.rawValue, found: type.rawValue)
    }
    guard shape == expected else {
      throw .wrongShape(path: path, object: name, expected: expected, found: shape)
    }
  }

  // MARK: Whole arrays

  /// Writes all elements.
  public func write<Element: HDF5Element>(_ elements: [Element]) throws(HDF5Error) {
    precondition(
      elements.count == elementCount && Element.hdf5Type == type, "elements must fill the dataset")
    let memory = try type.makeHandle()
    _ = try HDF5Library.check(writeFailure()) {
      unsafe elements.withUnsafeBytes { bytes in
        unsafe H5Dwrite(
          handle.id, memory.id, mohd_h5s_all(), mohd_h5s_all(), mohd_h5p_default(),
          bytes.baseAddress)
      }
    }
  }

  /// Reads all elements.
  ///
  /// - Throws: `wrongType` when they are of another type, `readFailed` when they are more than the
  ///   file could hold.
  public func read<Element: HDF5Element>(
    as element: Element.Type = Element.self
  ) throws(HDF5Error) -> [Element] {
    guard Element.hdf5Type == type else {
      throw .wrongType(
        path: path, object: name, expected: Element.hdf5Type.rawValue, found: type.rawValue)
    }
    guard elementCount < 1 << 40 else {
      throw .readFailed(path: path, object: name, reason: "its shape \(shape) is not believable")
    }
    var elements = [Element](repeating: Element.zero, count: elementCount)
    let memory = try type.makeHandle()
    _ = try HDF5Library.check(readFailure()) {
      unsafe elements.withUnsafeMutableBytes { bytes in
        unsafe H5Dread(
          handle.id, memory.id, mohd_h5s_all(), mohd_h5s_all(), mohd_h5p_default(),
          bytes.baseAddress)
      }
    }
    return elements
  }

  // MARK: Boxes

  /// Reads some of the elements.
  ///
  /// - Throws: `wrongType` when they are of another type.
  public func read<Element: HDF5Element>(
    as element: Element.Type = Element.self, offset: [Int], count: [Int]
  ) throws(HDF5Error) -> [Element] {
    guard Element.hdf5Type == type else {
      throw .wrongType(
        path: path, object: name, expected: Element.hdf5Type.rawValue, found: type.rawValue)
    }
    var elements = [Element](repeating: Element.zero, count: count.reduce(1, *))
    let (memory, box, space) = try select(offset: offset, count: count, readFailure())
    _ = try HDF5Library.check(readFailure()) {
      unsafe elements.withUnsafeMutableBytes { bytes in
        unsafe H5Dread(
          handle.id, memory.id, box.id, space.id, mohd_h5p_default(), bytes.baseAddress)
      }
    }
    return elements
  }

  /// Writes some of the elements.
  ///
  /// - Parameter elements: as many as the box has, in row-major order.
  public func write<Element: HDF5Element>(
    offset: [Int], count: [Int], _ elements: [Element]
  ) throws(HDF5Error) {
    precondition(
      elements.count == count.reduce(1, *) && Element.hdf5Type == type,
      "elements must fill the box")
    let (memory, box, space) = try select(offset: offset, count: count, writeFailure())
    _ = try HDF5Library.check(writeFailure()) {
      unsafe elements.withUnsafeBytes { bytes in
        unsafe H5Dwrite(
          handle.id, memory.id, box.id, space.id, mohd_h5p_default(), bytes.baseAddress)
      }
    }
  }

  /// Writes one whole chunk as it lies in `buffer`, past HDF5's caches, conversions and filters.
  ///
  /// - Parameters:
  ///   - offset: indices of the chunk's first element, multiples of the chunk's sides.
  ///   - bytes: the chunk's bytes, padding included; what the filters made of them where there are
  ///     some.
  ///   - skippedFilters: a bit for each filter that was not applied.
  public func writeChunk(
    at offset: [Int], from buffer: StagingBuffer, bytes: Range<Int>, skippedFilters: UInt32 = 0
  ) throws(HDF5Error) {
    let start = offset.map { hsize_t($0) }
    _ = try HDF5Library.check(writeFailure()) {
      // Safety: the range is checked by the buffer, which outlives the call.
      unsafe H5Dwrite_chunk(
        handle.id, mohd_h5p_default(), skippedFilters, start, bytes.count,
        buffer.pointer(at: bytes.lowerBound, count: bytes.count))
    }
    extendLifetime(buffer)
  }

  /// Reads one whole chunk as it lies in the file, filters still applied, to the beginning of
  /// `buffer`.
  ///
  /// - Throws: `readFailed` for a chunk that was never written, or that is larger than the buffer.
  public func readChunk(
    at offset: [Int], into buffer: StagingBuffer
  ) throws(HDF5Error) -> (byteCount: Int, skippedFilters: UInt32) {
    let start = offset.map { hsize_t($0) }
    var stored: hsize_t = 0
    _ = try HDF5Library.check(readFailure(" chunk")) {
      unsafe H5Dget_chunk_storage_size(handle.id, start, &stored)
    }
    let byteCount = Int(clamping: stored)
    guard byteCount > 0, byteCount <= buffer.byteCount else {
      throw .readFailed(
        path: path, object: name,
        reason: "expected a chunk of 1 to \(buffer.byteCount) bytes, found \(byteCount)")
    }
    var skippedFilters: UInt32 = 0
    _ = try HDF5Library.check(readFailure(" chunk")) {
      // Safety: the size was checked; the buffer outlives the call.
      unsafe H5Dread_chunk(
        handle.id, mohd_h5p_default(), start, &skippedFilters,
        buffer.pointer(at: 0, count: byteCount))
    }
    extendLifetime(buffer)
    return (byteCount, skippedFilters)
  }

  /// Writes a box of elements through HDF5's filters. Bytes in `buffer` are elements in row-major
  /// order, of the dataset's own type.
  public func write(
    offset: [Int], count: [Int], from buffer: StagingBuffer, at byteOffset: Int
  ) throws(HDF5Error) {
    try unsafe transfer(
      offset: offset, count: count, buffer, at: byteOffset, writeFailure()
    ) {
      // Safety: `transfer` gives the address of as many bytes as the box has.
      unsafe H5Dwrite(handle.id, $0, $1, $2, mohd_h5p_default(), $3)
    }
  }

  /// Reads a box of elements as they lie in the file.
  public func read(
    offset: [Int], count: [Int], into buffer: StagingBuffer, at byteOffset: Int
  ) throws(HDF5Error) {
    try unsafe transfer(
      offset: offset, count: count, buffer, at: byteOffset, readFailure()
    ) {
      // Safety: as above.
      unsafe H5Dread(handle.id, $0, $1, $2, mohd_h5p_default(), $3)
    }
  }

  /// Calls `move` with the type and the spaces of a box and where it lies in `buffer`.
  private func transfer(
    offset: [Int], count: [Int], _ buffer: StagingBuffer, at byteOffset: Int,
    _ failure: (HDF5Trace) -> HDF5Error,
    _ move: (_ type: hid_t, _ memory: hid_t, _ file: hid_t, UnsafeMutableRawPointer) -> herr_t
  ) throws(HDF5Error) {
    let (memory, box, space) = try select(offset: offset, count: count, failure)
    let size = count.reduce(type.byteCount, *)
    _ = try HDF5Library.check(failure) {
      // Safety: the range is checked by the buffer, which outlives the call.
      unsafe move(memory.id, box.id, space.id, buffer.pointer(at: byteOffset, count: size))
    }
    extendLifetime(buffer)
  }

  /// Reads a box of float16 or float32 numbers into a contiguous matrix.
  ///
  /// - Parameter matrix: as many elements as the box, row by row.
  public func read(offset: [Int], count: [Int], into matrix: MatrixView) throws(HDF5Error) {
    let elements = count.reduce(1, *)
    precondition(
      matrix.isContiguous && matrix.rowCount * matrix.columnCount == elements,
      "the matrix must fit the box")
    guard elements > 0 else { return }
    switch type {
    case .float32:
      let failure = readFailure()
      let (memory, box, space) = try select(offset: offset, count: count, failure)
      _ = try HDF5Library.check(failure) {
        // Safety: the view is contiguous and of the box's size, and keeps its storage alive.
        unsafe H5Dread(
          handle.id, memory.id, box.id, space.id, mohd_h5p_default(), matrix.base)
      }
      extendLifetime(matrix)
    case .float16:
      let buffer = StagingBuffer(byteCount: 2 * elements)
      try read(offset: offset, count: count, into: buffer, at: 0)
      buffer.withBytes(0..<2 * elements) { bytes in
        let target = unsafe UnsafeMutableBufferPointer(start: matrix.base, count: elements)
        var numbers = unsafe target.mutableSpan
        HalfPrecision.decode(bytes, into: &numbers)
      }
      extendLifetime(matrix)
    case .float64, .int32, .int64, .uint8:
      throw .wrongType(
        path: path, object: name, expected: "float16 or float32", found: type.rawValue)
    }
  }

  func select(
    offset: [Int], count: [Int], _ failure: (HDF5Trace) -> HDF5Error
  ) throws(HDF5Error) -> (memory: HDF5Handle, box: HDF5Handle, space: HDF5Handle) {
    precondition(
      offset.count == shape.count && count.count == shape.count
        && zip(zip(offset, count), shape).allSatisfy { $0.0 >= 0 && $0.1 >= 0 && $0.0 + $0.1 <= $1 },
      "the box must lie inside the dataset")
    let space = try HDF5Space.make(shape, failure)
    try HDF5Space.select(space, offset: offset, count: count, failure)
    return (try type.makeHandle(), try HDF5Space.make(count, failure), space)
  }
}

extension HDF5Group {
  /// Opens a dataset that lies in this file.
  ///
  /// - Parameter allowsVirtual: whether its values may lie in other files.
  public func openDataset(
    _ member: String, allowsVirtual: Bool = false
  ) throws(HDF5Error) -> HDF5Dataset {
    try requireHardLink(member)
    let object = memberName(member)
    let failure: (HDF5Trace) -> HDF5Error = { [path] trace in
      .readFailed(path: path, object: object, reason: trace.reason)
    }
    let dataset = HDF5Handle(
      try HDF5Library.check(failure) {
        unsafe H5Dopen2(handle.id, member, mohd_h5p_default())
      }, in: handle.file)
    let creation = HDF5Handle(
      try HDF5Library.check(failure) { H5Dget_create_plist(dataset.id) })
    let layout = HDF5Library.perform { H5Pget_layout(creation.id) }
    guard allowsVirtual || layout != H5D_VIRTUAL,
      HDF5Library.perform({ H5Pget_external_count(creation.id) }) == 0
    else { throw .storedElsewhere(path: path, object: object) }
    let stored = HDF5Handle(try HDF5Library.check(failure) { H5Dget_type(dataset.id) })
    guard let type = try HDF5ElementType.describing(stored.id) else {
      throw .wrongType(
        path: path, object: object,
        expected: HDF5ElementType.allCases.map(\.rawValue).joined(separator: ", "),
        found: "another one")
    }
    let space = HDF5Handle(try HDF5Library.check(failure) { H5Dget_space(dataset.id) })
    let rank = try HDF5Library.check(failure) { H5Sget_simple_extent_ndims(space.id) }
    var sides = [hsize_t](repeating: 0, count: Int(rank))
    if rank > 0 {
      _ = try HDF5Library.check(failure) {
        unsafe H5Sget_simple_extent_dims(space.id, &sides, nil)
      }
    }
    return HDF5Dataset(
      path: path, name: object, handle: dataset, type: type,
      shape: sides.map { Int(clamping: $0) })
  }
}
