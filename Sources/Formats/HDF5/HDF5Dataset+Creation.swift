import CHDF5

/// How a new dataset is stored.
public struct HDF5Storage: Sendable {
  /// Shape of one chunk; nil for one contiguous block.
  public var chunk: [Int]?
  /// zlib's level, 1…9, behind the shuffle filter; nil for plain chunks.
  public var compressionLevel: Int?
  /// Whether elements that were never written, or lie in a file that is not there, read as missing:
  /// NaN, said by `_FillValue` too, or −1. Integers have no such attribute, because xarray would
  /// turn them into floating-point numbers.
  public var marksMissing: Bool
  /// Whether the file has room for all elements from the start, not filled where there are chunks:
  /// whoever asks for it writes them all. Writing them changes no other byte of the file then,
  /// unless chunks are compressed.
  public var allocatesEarly: Bool
  /// Parts that lie in other files; not together with chunks.
  public var sources: [HDF5VirtualSource]

  public init(
    chunk: [Int]? = nil, compressionLevel: Int? = nil, marksMissing: Bool = false,
    allocatesEarly: Bool = false, sources: [HDF5VirtualSource] = []
  ) {
    self.chunk = chunk
    self.compressionLevel = compressionLevel
    self.marksMissing = marksMissing
    self.allocatesEarly = allocatesEarly
    self.sources = sources
  }
}

/// A whole dataset of another file as a box of a virtual one.
public struct HDF5VirtualSource: Sendable {
  /// The other file, relative to the folder of the virtual one.
  public var path: String
  /// The dataset in it.
  public var dataset: String
  /// Its shape.
  public var shape: [Int]
  /// Where it begins in the virtual dataset.
  public var offset: [Int]

  public init(path: String, dataset: String, shape: [Int], offset: [Int]) {
    self.path = path
    self.dataset = dataset
    self.shape = shape
    self.offset = offset
  }
}

extension HDF5Group {
  /// Makes a dataset.
  public func createDataset(
    _ member: String, type: HDF5ElementType, shape: [Int], storage: HDF5Storage = HDF5Storage()
  ) throws(HDF5Error) -> HDF5Dataset {
    let failure = writeFailure(memberName(member))
    let typeHandle = try type.makeHandle()
    let space = try HDF5Space.make(shape, failure)
    let creation = HDF5Handle(
      try HDF5Library.check(failure) { H5Pcreate(mohd_h5p_dataset_create()) })
    _ = try HDF5Library.check(failure) { H5Pset_obj_track_times(creation.id, false) }
    _ = try HDF5Library.check(failure) {
      H5Pset_attr_creation_order(creation.id, mohd_h5p_creation_order())
    }
    _ = try HDF5Library.check(failure) { H5Pset_attr_phase_change(creation.id, 64, 0) }
    if storage.marksMissing {
      try setMissing(type, as: typeHandle, in: creation, failure)
    }
    if storage.allocatesEarly {
      _ = try HDF5Library.check(failure) {
        H5Pset_alloc_time(creation.id, H5D_ALLOC_TIME_EARLY)
      }
      if storage.chunk != nil {
        _ = try HDF5Library.check(failure) {
          H5Pset_fill_time(creation.id, H5D_FILL_TIME_NEVER)
        }
      }
    }
    if let chunk = storage.chunk {
      let sides = chunk.map { hsize_t($0) }
      _ = try HDF5Library.check(failure) {
        unsafe H5Pset_chunk(creation.id, Int32(sides.count), sides)
      }
    }
    if let level = storage.compressionLevel {
      _ = try HDF5Library.check(failure) { H5Pset_shuffle(creation.id) }
      _ = try HDF5Library.check(failure) { H5Pset_deflate(creation.id, UInt32(level)) }
    }
    for source in storage.sources {
      let target = try HDF5Space.make(shape, failure)
      try HDF5Space.select(target, offset: source.offset, count: source.shape, failure)
      let origin = try HDF5Space.make(source.shape, failure)
      _ = try HDF5Library.check(failure) {
        unsafe H5Pset_virtual(
          creation.id, target.id, source.path, "/" + source.dataset, origin.id)
      }
    }
    let id = try HDF5Library.check(failure) {
      unsafe H5Dcreate2(
        handle.id, member, typeHandle.id, space.id, mohd_h5p_default(), creation.id,
        mohd_h5p_default())
    }
    let dataset = HDF5Dataset(
      path: path, name: memberName(member), handle: HDF5Handle(id, in: handle.file),
      type: type, shape: shape)
    if storage.marksMissing { try dataset.setMissingAttribute() }
    return dataset
  }

  private func setMissing(
    _ type: HDF5ElementType, as typeHandle: HDF5Handle, in creation: HDF5Handle,
    _ failure: (HDF5Trace) -> HDF5Error
  ) throws(HDF5Error) {
    let pattern = HDF5Dataset.missing(type)
    _ = try HDF5Library.check(failure) {
      unsafe pattern.withUnsafeBytes { bytes in
        unsafe H5Pset_fill_value(creation.id, typeHandle.id, bytes.baseAddress)
      }
    }
  }
}

extension HDF5Dataset {
  /// The little-endian bytes of what stands for a missing element: a quiet NaN, or −1.
  package static func missing(_ type: HDF5ElementType) -> [UInt8] {
    switch type {
    case .float16: [0x00, 0x7e]
    case .float32: [0x00, 0x00, 0xc0, 0x7f]
    case .float64: [0, 0, 0, 0, 0, 0, 0xf8, 0x7f]
    case .int32, .int64, .uint8: [UInt8](repeating: 0xff, count: type.byteCount)
    }
  }

  /// CF's name for the fill value, of the dataset's own type as the convention asks.
  fileprivate func setMissingAttribute() throws(HDF5Error) {
    switch type {
    case .float16: try setAttribute("_FillValue", .float16s([0x7e00]))
    case .float32: try setAttribute("_FillValue", .float32s([.nan]))
    case .float64: try setAttribute("_FillValue", .float64s([.nan]))
    case .int32, .int64, .uint8: break
    }
  }
}
