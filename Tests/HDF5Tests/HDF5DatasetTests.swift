import HDF5
import Tensors
import Testing

@Suite struct HDF5DatasetTests {
  @Test("every element type is read back as it was written")
  func roundTrips() throws {
    let folder = try TemporaryFolder()
    let file = try HDF5File.create(folder.file("a.h5"), compatibility: .version18)
    let group = try file.root.createGroup("group")
    try group.createDataset("bytes", type: .uint8, shape: [3]).write([UInt8(0), 1, 255])
    try group.createDataset("ints", type: .int32, shape: [2]).write([Int32.min, .max])
    try group.createDataset("longs", type: .int64, shape: [2]).write([Int64.min, .max])
    try group.createDataset("floats", type: .float32, shape: [1, 2]).write([Float(0.5), -1])
    try group.createDataset("doubles", type: .float64, shape: [1]).write([Double.pi])
    try file.close()

    let again = try HDF5File.open(folder.file("a.h5"))
    let opened = try again.root.openGroup("group")
    #expect(try opened.openDataset("bytes").read() == [UInt8(0), 1, 255])
    #expect(try opened.openDataset("ints").read() == [Int32.min, .max])
    #expect(try opened.openDataset("longs").read() == [Int64.min, .max])
    #expect(try opened.openDataset("floats").read() == [Float(0.5), -1])
    #expect(try opened.openDataset("floats").shape == [1, 2])
    #expect(try opened.openDataset("doubles").read() == [Double.pi])
    #expect(throws: HDF5Error.self) {
      let wrong: [Int32] = try opened.openDataset("bytes").read()
      _ = wrong
    }
    #expect(
      throws: HDF5Error.missingObject(path: again.path, object: "/group/absent")
    ) { try opened.openDataset("absent") }
    try again.close()
  }

  @Test(
    "chunks written past the filters and boxes written through them read alike",
    arguments: [
      HDF5ElementType.float16, .float32,
    ])
  func chunksAndBoxes(type: HDF5ElementType) throws {
    let folder = try TemporaryFolder()
    let width = 3
    let rows = 5
    let chunkRows = 3
    let numbers = (0..<rows * width).map { Float($0) / 4 - 1 }
    let buffer = StagingBuffer(byteCount: 2 * chunkRows * width * type.byteCount)
    buffer.withMutableBytes(0..<rows * width * type.byteCount) { bytes in
      if type == .float16 {
        _ = HalfPrecision.encode(numbers.span, into: &bytes)
      } else {
        for index in numbers.indices {
          bytes.storeBytes(
            of: numbers[index].bitPattern, toByteOffset: 4 * index, as: UInt32.self)
        }
      }
    }
    let file = try HDF5File.create(folder.file("a.h5"), compatibility: .version18)
    let plain = try file.root.createDataset(
      "plain", type: type, shape: [1, rows, width],
      storage: HDF5Storage(chunk: [1, chunkRows, width], marksMissing: true))
    let chunkBytes = chunkRows * width * type.byteCount
    try plain.writeChunk(at: [0, 0, 0], from: buffer, bytes: 0..<chunkBytes)
    try plain.writeChunk(at: [0, 3, 0], from: buffer, bytes: chunkBytes..<2 * chunkBytes)
    let packed = try file.root.createDataset(
      "packed", type: type, shape: [1, rows, width],
      storage: HDF5Storage(
        chunk: [1, chunkRows, width], compressionLevel: 2, marksMissing: true))
    try packed.write(offset: [0, 0, 0], count: [1, rows, width], from: buffer, at: 0)
    try file.close()

    let again = try HDF5File.open(folder.file("a.h5"))
    for name in ["plain", "packed"] {
      let dataset = try again.root.openDataset(name)
      let matrix = Matrix(rowCount: 2, columnCount: width)
      try dataset.read(offset: [0, 2, 0], count: [1, 2, width], into: matrix.view)
      #expect(matrix.view.elements() == Array(numbers[2 * width..<4 * width]))
    }
    try again.close()
  }

  @Test("what was never written reads as NaN")
  func fillValue() throws {
    let folder = try TemporaryFolder()
    let file = try HDF5File.create(folder.file("a.h5"), compatibility: .version18)
    let data = try file.root.createDataset(
      "data", type: .float16, shape: [2, 2],
      storage: HDF5Storage(chunk: [1, 2], marksMissing: true))
    let matrix = Matrix(rowCount: 2, columnCount: 2)
    try data.read(offset: [0, 0], count: [2, 2], into: matrix.view)
    let elements = matrix.view.elements()
    #expect(elements.filter(\.isNaN).count == 4)
    try file.close()
  }

  @Test("a virtual dataset joins the files beside it, and is refused where values must lie inside")
  func virtualDatasets() throws {
    let folder = try TemporaryFolder()
    for (index, numbers) in [[Int32(1), 2], [3, 4, 5]].enumerated() {
      let part = try HDF5File.create(folder.file("part\(index).h5"), compatibility: .version18)
      try part.root.createDataset("data", type: .int32, shape: [numbers.count]).write(numbers)
      try part.close()
    }
    let whole = try HDF5File.create(folder.file("whole.h5"), compatibility: .version110)
    _ = try whole.root.createDataset(
      "data", type: .int32, shape: [5],
      storage: HDF5Storage(sources: [
        HDF5VirtualSource(path: "part0.h5", dataset: "data", shape: [2], offset: [0]),
        HDF5VirtualSource(path: "part1.h5", dataset: "data", shape: [3], offset: [2]),
      ]))
    try whole.close()
    let again = try HDF5File.open(folder.file("whole.h5"))
    #expect(
      try again.root.openDataset("data", allowsVirtual: true).read() == [Int32(1), 2, 3, 4, 5])
    #expect(throws: HDF5Error.storedElsewhere(path: again.path, object: "/data")) {
      try again.root.openDataset("data")
    }
    try again.close()
  }
}
