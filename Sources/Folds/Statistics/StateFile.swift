import Activations
import Files
import HDF5

/// `state.h5`: a state as an HDF5 file that h5py opens, one dataset for each array and the header
/// as the attribute `header` of the root. Equal states give equal bytes.
extension StatisticsState {
  /// Publishes the state at `path`, whole or not at all.
  public func write(to path: String) throws {
    let temporary = DurableFile.temporaryPath(for: path)
    let file = try HDF5File.create(temporary, compatibility: .version18)
    try file.root.setAttribute("header", .string(header))
    var groups: [String: HDF5Group] = [:]
    for array in arrays {
      var names = array.name.split(separator: "/").map(String.init)
      guard let last = names.popLast() else { continue }
      var folder = file.root
      var place = ""
      for name in names {
        place += "/" + name
        if let known = groups[place] {
          folder = known
        } else {
          folder = try folder.createGroup(name)
          groups[place] = folder
        }
      }
      let dataset = try folder.createDataset(
        last, type: .int64, shape: array.shape, storage: Self.storage(array))
      if !array.values.isEmpty { try dataset.write(array.values) }
    }
    groups = [:]
    try file.close()
    try DurableFile.publish(temporary, as: path)
  }

  /// Reads what `write` wrote.
  ///
  /// - Throws: `HDF5Error`, `JSONError`, `StatisticsError.damagedState`.
  public init(path: String) throws {
    let file = try HDF5File.open(path)
    guard let header = try file.root.stringAttribute("header") else {
      throw StatisticsError.damagedState(path: path, reason: "no header")
    }
    var arrays: [StateArray] = []
    var total = 0
    for name in try Self.arrayNames(header: header, path: path) {
      var parts = name.split(separator: "/").map(String.init)
      guard let last = parts.popLast() else { continue }
      var folder: HDF5Group? = file.root
      for part in parts {
        guard let parent = folder, parent.contains(part) else {
          folder = nil
          break
        }
        folder = try parent.openGroup(part)
      }
      guard let folder, folder.contains(last) else { continue }
      let dataset = try folder.openDataset(last)
      // Integers beyond any report's are refused before they are allocated.
      total += min(dataset.elementCount, Self.elementLimit)
      guard total < Self.elementLimit, dataset.elementCount < Self.elementLimit else {
        throw StatisticsError.damagedState(path: path, reason: "\(name) is too large")
      }
      arrays.append(
        StateArray(
          name: name, shape: dataset.shape,
          values: dataset.elementCount == 0 ? [] : try dataset.read(as: Int64.self)))
    }
    try file.close()
    try self.init(header: header, arrays: arrays, path: path)
  }

  /// Large arrays, mostly of small counts, are compressed; small ones would only gain an index.
  private static func storage(_ array: StateArray) -> HDF5Storage {
    array.values.count < 512
      ? HDF5Storage() : HDF5Storage(chunk: array.shape, compressionLevel: compressionLevel)
  }

  private static var compressionLevel: Int { 4 }

  private static var elementLimit: Int { 1 << 32 }
}
