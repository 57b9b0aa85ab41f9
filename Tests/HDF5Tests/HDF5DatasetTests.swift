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

  @Test("where there is room from the start, the order of writing and reopening change no byte")
  func allocatedEarly() throws {
    let folder = try TemporaryFolder()
    let (chunkRows, width, chunkCount) = (4, 8, 200)
    let chunkBytes = chunkRows * width * 2
    let buffer = StagingBuffer(byteCount: chunkBytes * chunkCount)
    buffer.withMutableBytes(0..<chunkBytes * chunkCount) { bytes in
      for index in 0..<bytes.byteCount {
        bytes.storeBytes(
          of: UInt8(truncatingIfNeeded: index &* 31 >> 3), toByteOffset: index, as: UInt8.self)
      }
    }
    for (name, order) in [
      ("once.h5", [Array(0..<chunkCount)]),
      ("often.h5", [Array(150..<chunkCount), Array(0..<40).reversed(), [7], Array(40..<150)]),
    ] {
      let path = folder.file(name)
      let made = try HDF5File.create(path, compatibility: .version18)
      _ = try made.root.createDataset(
        "data", type: .float16, shape: [2, chunkRows * chunkCount / 2, width],
        storage: HDF5Storage(
          chunk: [1, chunkRows, width], marksMissing: true, allocatesEarly: true))
      _ = try made.root.createDataset(
        "numbers", type: .int32, shape: [6],
        storage: HDF5Storage(marksMissing: true, allocatesEarly: true))
      try made.close()
      for (turn, chunks) in order.enumerated() {
        let file = try HDF5File.open(path, forWriting: true)
        let data = try file.root.openDataset("data")
        for chunk in chunks {
          try data.writeChunk(
            at: [chunk / 100, chunk % 100 * chunkRows, 0], from: buffer,
            bytes: chunk * chunkBytes..<(chunk + 1) * chunkBytes)
        }
        let numbers = try file.root.openDataset("numbers")
        if turn == 0 {
          #expect(try numbers.read() == [Int32](repeating: -1, count: 6))
          try numbers.write(offset: [2], count: [3], [Int32(5), 6, 7])
        }
        try file.close()
      }
    }
    let once = try folder.bytes("once.h5")
    #expect(try folder.bytes("often.h5") == once)
    let file = try HDF5File.open(folder.file("once.h5"))
    #expect(try file.root.openDataset("numbers").read() == [Int32(-1), -1, 5, 6, 7, -1])
    #expect(try file.root.openDataset("numbers").read(offset: [2], count: [2]) == [Int32(5), 6])
    try file.close()
  }

  @Test("compressed chunks are copied as they are, also those that compression would not shrink")
  func copiedChunks() throws {
    let folder = try TemporaryFolder()
    let width = 64
    let buffer = StagingBuffer(byteCount: 4 * 2 * width)
    var state: UInt32 = 1
    buffer.withMutableBytes(0..<4 * 2 * width) { bytes in
      // The first row repeats itself, the second is noise.
      for index in 0..<2 * width {
        state = state &* 1_664_525 &+ 1_013_904_223
        bytes.storeBytes(
          of: index < width ? 1 : state, toByteOffset: 4 * index, as: UInt32.self)
      }
    }
    let storage = HDF5Storage(chunk: [1, width], compressionLevel: 1, marksMissing: true)
    let first = try HDF5File.create(folder.file("a.h5"), compatibility: .version18)
    let source = try first.root.createDataset(
      "data", type: .float32, shape: [2, width], storage: storage)
    try source.write(offset: [0, 0], count: [2, width], from: buffer, at: 0)
    try first.close()
    let (from, to) = (
      try HDF5File.open(folder.file("a.h5")),
      try HDF5File.create(folder.file("b.h5"), compatibility: .version18)
    )
    let target = try to.root.createDataset(
      "data", type: .float32, shape: [2, width], storage: storage)
    let chunk = StagingBuffer(byteCount: 4 * width + 64)
    let opened = try from.root.openDataset("data")
    for row in 0..<2 {
      let stored = try opened.readChunk(at: [row, 0], into: chunk)
      #expect(row == 0 ? stored.byteCount < 2 * width : stored.byteCount >= 4 * width)
      try target.writeChunk(
        at: [row, 0], from: chunk, bytes: 0..<stored.byteCount,
        skippedFilters: stored.skippedFilters)
    }
    try to.close()
    let again = try HDF5File.open(folder.file("b.h5"))
    let read = try again.root.openDataset("data").read(as: Float.self).map(\.bitPattern)
    #expect(try read == opened.read(as: Float.self).map(\.bitPattern))
    #expect(read[0] == 1 && Set(read).count == width + 1)
    let none = StagingBuffer(byteCount: 4)
    #expect(throws: HDF5Error.self) { _ = try opened.readChunk(at: [0, 0], into: none) }
    try from.close()
    try again.close()
  }

  @Test("what lies in a file that is not there reads as NaN, or as -1")
  func missingFile() throws {
    let folder = try TemporaryFolder()
    let whole = try HDF5File.create(folder.file("whole.h5"), compatibility: .version110)
    for (name, type) in [("ints", HDF5ElementType.int32), ("longs", .int64), ("halves", .float16)] {
      _ = try whole.root.createDataset(
        name, type: type, shape: [3],
        storage: HDF5Storage(
          marksMissing: true,
          sources: [
            HDF5VirtualSource(path: "absent.h5", dataset: name, shape: [3], offset: [0])
          ]))
    }
    try whole.close()
    let file = try HDF5File.open(folder.file("whole.h5"))
    #expect(
      try file.root.openDataset("ints", allowsVirtual: true).read()
        == [Int32](repeating: -1, count: 3))
    #expect(
      try file.root.openDataset("longs", allowsVirtual: true).read()
        == [Int64](repeating: -1, count: 3))
    let matrix = Matrix(rowCount: 1, columnCount: 3)
    try file.root.openDataset("halves", allowsVirtual: true)
      .read(offset: [0], count: [3], into: matrix.view)
    #expect(matrix.view.elements().count(where: \.isNaN) == 3)
    try file.close()
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
