import CHDF5

extension HDF5Dataset {
  /// Makes this dataset the scale of an axis: its values are the axis's coordinates.
  public func becomeScale(named axis: String) throws(HDF5Error) {
    _ = try HDF5Library.check(writeFailure(" as a scale")) {
      unsafe H5DSset_scale(handle.id, axis)
    }
  }

  /// Names the axes of this dataset by their scales, outermost first.
  public func attachScales(_ scales: [HDF5Dataset]) throws(HDF5Error) {
    precondition(scales.count == shape.count, "each axis needs a scale")
    for (axis, scale) in scales.enumerated() {
      _ = try HDF5Library.check(writeFailure(" with scale \(scale.name)")) {
        H5DSattach_scale(handle.id, scale.handle.id, UInt32(axis))
      }
    }
  }

  /// The names of the scales of each axis; an empty string for an axis without one.
  public func scaleNames() throws(HDF5Error) -> [String] {
    var names: [String] = []
    for axis in shape.indices {
      final class Found { var name = "" }
      let found = Found()
      _ = try HDF5Library.check(readFailure(" scales")) {
        // Safety: the callback runs inside the call only, while `found` lives; the name is copied
        // from a buffer of our own.
        unsafe H5DSiterate_scales(
          handle.id, UInt32(axis), nil,
          { _, _, scale, context in
            var text = [CChar](repeating: 0, count: 256)
            let length = unsafe H5Iget_name(scale, &text, text.count)
            guard length > 0, let context = unsafe context else { return 0 }
            let name = text.prefix(while: { $0 != 0 }).map { UInt8(bitPattern: $0) }
            unsafe Unmanaged<Found>.fromOpaque(context).takeUnretainedValue().name =
              String(decoding: name, as: UTF8.self)
            return 1
          }, Unmanaged.passUnretained(found).toOpaque())
      }
      extendLifetime(found)
      names.append(found.name)
    }
    return names
  }
}

extension HDF5Group {
  /// Makes an axis that has a length and no coordinates, in the way of netCDF-4: a scale without
  /// stored values whose name tells readers not to show it as a variable.
  public func createDimension(_ axis: String, count: Int) throws(HDF5Error) -> HDF5Dataset {
    let dataset = try createDataset(axis, type: .float32, shape: [count])
    let digits = String(count)
    let padding = String(repeating: " ", count: max(0, 10 - digits.count))
    try dataset.becomeScale(
      named: "This is a netCDF dimension but not a netCDF variable. " + padding + digits)
    return dataset
  }
}
