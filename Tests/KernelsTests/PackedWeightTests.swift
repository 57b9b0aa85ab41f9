import Kernels
import Tensors
import Testing

/// Sums of up to 1,300 products of numbers in −1…1 in single precision, in blocks.
private let tolerance: Float = 2e-4

@Suite("Products of packed weights equal naive loops")
struct PackedWeightTests {
  private static func matrix(_ rowCount: Int, _ columnCount: Int, seed: Int) -> MatrixView {
    let view = Matrix(rowCount: rowCount, columnCount: columnCount).view
    for row in 0..<rowCount {
      for column in 0..<columnCount {
        let mixed = (row &* 7919 &+ column &* 104_729 &+ seed &* 15_485_863) % 2003
        view[row, column] = Float(mixed) / 1001.5 - 1
      }
    }
    return view
  }

  private static func scratch(_ kernels: ProductKernels) -> MatrixView {
    Matrix(rowCount: 1, columnCount: kernels.scratchCount).view
  }

  /// w, [outputs, inputs], packed whole, its outputs going to `columns`.
  private static func pack(
    _ w: MatrixView, columns: [Int32], places: [Int32]? = nil, inputCount: Int? = nil,
    _ kernels: ProductKernels
  ) -> PackedWeight {
    let width = kernels.tileWidth
    let padded =
      columns + Array(repeating: -1, count: (width - columns.count % width) % width)
    let inputs = inputCount ?? w.columnCount
    let packed = PackedWeight(
      columns: padded, inputCount: inputs,
      storage: Matrix(rowCount: 1, columnCount: padded.count * inputs).view, kernels: kernels)
    for tile in 0..<packed.tileCount {
      packed.pack(
        w.rows(tile * width..<min((tile + 1) * width, w.rowCount)), asTile: tile, places: places)
    }
    return packed
  }

  private static func expectClose(
    _ y: MatrixView, _ label: String, _ expected: (_ row: Int, _ column: Int) -> Float
  ) {
    var worst: (error: Float, place: String) = (0, "")
    for row in 0..<y.rowCount {
      for column in 0..<y.columnCount {
        let error = abs(y[row, column] - expected(row, column))
        // NaN is no error that compares.
        if !(error <= worst.error) { worst = (error, "[\(row), \(column)]") }
      }
    }
    #expect(worst.error <= tolerance, "\(label) \(worst.place): off by \(worst.error)")
  }

  private static func dot(
    _ x: MatrixView, _ row: Int, _ w: MatrixView, _ output: Int, _ inputs: [Range<Int>]
  ) -> Float {
    inputs.joined().reduce(0) { $0 + x[row, $1] * w[output, $1] }
  }

  @Test(
    "Any number of rows, outputs and inputs, with and without adding",
    arguments: ProductKernels.variants.indices,
    [(1, 1, 1), (4, 8, 8), (13, 33, 7), (29, 64, 300), (85, 70, 577), (170, 40, 1300)])
  func whole(variant: Int, shape: (rows: Int, outputs: Int, inputs: Int)) {
    let kernels = ProductKernels.variants[variant]
    let x = Self.matrix(shape.rows, shape.inputs, seed: 1)
    let w = Self.matrix(shape.outputs, shape.inputs, seed: 2)
    let packed = Self.pack(w, columns: (0..<shape.outputs).map { Int32($0) }, kernels)
    let y = Self.matrix(shape.rows, shape.outputs, seed: 3)
    let before = Self.matrix(shape.rows, shape.outputs, seed: 3)
    let all = [0..<shape.inputs]

    packed.multiply(x, inputs: all, into: y, adding: true, scratch: Self.scratch(kernels))
    Self.expectClose(y, "adding") { before[$0, $1] + Self.dot(x, $0, w, $1, all) }
    packed.multiply(x, inputs: all, into: y, scratch: Self.scratch(kernels))
    Self.expectClose(y, "overwriting") { Self.dot(x, $0, w, $1, all) }
  }

  @Test(
    "Some rows, runs of inputs and tiles; the rest of y stays",
    arguments: ProductKernels.variants.indices)
  func parts(variant: Int) {
    let kernels = ProductKernels.variants[variant]
    let width = kernels.tileWidth
    let (rowCount, inputCount) = (61, 900)
    let outputCount = 3 * width - 5
    let x = Self.matrix(rowCount, inputCount, seed: 4)
    let w = Self.matrix(outputCount, inputCount, seed: 5)
    // Outputs go to columns in another order: the first tile's are consecutive.
    let columns = (0..<outputCount).map {
      $0 < width ? Int32(10 + $0) : Int32(10 + outputCount - 1 - ($0 - width))
    }
    let packed = Self.pack(w, columns: columns, kernels)
    let rows = (0..<rowCount).filter { $0 % 3 != 1 }.reversed().map { Int32($0) }
    for inputs in [[0..<0], [5..<9, 9..<9, 40..<700, 2..<3], [0..<900]] {
      for tiles: [Int32] in [[0], [2, 0], [1, 2]] {
        for adding in [false, true] {
          let y = Self.matrix(rowCount, outputCount + 20, seed: 6)
          let before = Self.matrix(rowCount, outputCount + 20, seed: 6)
          packed.multiply(
            x, rows: IndexList(rows), inputs: inputs, tiles: IndexList(tiles), into: y,
            adding: adding, scratch: Self.scratch(kernels))
          Self.expectClose(y, "\(inputs) \(tiles) \(adding)") { row, column in
            guard let output = columns.firstIndex(of: Int32(column)),
              tiles.contains(Int32(output / width)), row % 3 != 1
            else { return before[row, column] }
            return (adding ? before[row, column] : 0) + Self.dot(x, row, w, output, inputs)
          }
        }
      }
    }
  }

  @Test(
    "Inputs are packed at their places, or left out", arguments: ProductKernels.variants.indices)
  func places(variant: Int) {
    let kernels = ProductKernels.variants[variant]
    let (outputCount, inputCount) = (kernels.tileWidth + 3, 21)
    let w = Self.matrix(outputCount, inputCount, seed: 7)
    // Odd inputs go backwards into 0…9, even ones nowhere.
    let places = (0..<inputCount).map { (input: Int) -> Int32 in
      input % 2 == 1 ? Int32(9 - input / 2) : -1
    }
    let packed = Self.pack(
      w, columns: (0..<outputCount).map { Int32($0) }, places: places, inputCount: 10, kernels)
    let x = Self.matrix(5, 10, seed: 8)
    let y = Matrix(rowCount: 5, columnCount: outputCount).view
    packed.multiply(x, inputs: [0..<10], into: y, scratch: Self.scratch(kernels))
    Self.expectClose(y, "places") { (row: Int, output: Int) -> Float in
      var sum: Float = 0
      for place in 0..<10 {
        let input = 2 * (9 - place) + 1
        sum += x[row, place] * w[output, input]
      }
      return sum
    }
  }

  @Test("Many short runs are one sum", arguments: ProductKernels.variants.indices)
  func manyRuns(variant: Int) {
    let kernels = ProductKernels.variants[variant]
    let x = Self.matrix(9, 400, seed: 9)
    let w = Self.matrix(kernels.tileWidth, 400, seed: 10)
    let packed = Self.pack(w, columns: (0..<kernels.tileWidth).map { Int32($0) }, kernels)
    let inputs = stride(from: 0, to: 400, by: 2).map { $0..<$0 + 1 }
    let y = Matrix(rowCount: 9, columnCount: kernels.tileWidth).view
    packed.multiply(x, inputs: inputs, into: y, scratch: Self.scratch(kernels))
    Self.expectClose(y, "many") { Self.dot(x, $0, w, $1, inputs) }
  }

  @Test(
    "Sums over rows, whole and of chosen rows, some columns",
    arguments: ProductKernels.variants.indices,
    [(1, 1, 1), (13, 33, 7), (29, 64, 300), (85, 70, 577), (200, 40, 1300)])
  func turned(variant: Int, shape: (rows: Int, outputs: Int, inputs: Int)) {
    let kernels = ProductKernels.variants[variant]
    let width = kernels.tileWidth
    let x = Self.matrix(shape.inputs, shape.rows, seed: 1)
    let w = Self.matrix(shape.inputs, shape.outputs, seed: 2)
    // Every third row from the end, and columns turned around.
    let chosen = IndexList((0..<shape.inputs).filter { $0 % 3 == 0 }.map { Int32($0) }.reversed())
    for rows in [nil, chosen] {
      let outputs = (0..<shape.outputs).map { Int32($0) }
      let columns = rows == nil ? outputs : outputs.reversed()
      let padding = (width - columns.count % width) % width
      let count = rows?.count ?? shape.inputs
      let packed = PackedWeight(
        columns: columns + Array(repeating: -1, count: padding), inputCount: count,
        storage: Matrix(rowCount: 1, columnCount: (columns.count + padding) * count).view,
        kernels: kernels)
      for tile in 0..<packed.tileCount {
        let end = min((tile + 1) * width, columns.count)
        packed.pack(columns: Array(columns[tile * width..<end]), of: w, rows: rows, asTile: tile)
      }
      let y = Self.matrix(shape.rows, shape.outputs, seed: 3)
      packed.multiply(
        transposing: x, inputs: rows, into: y, adding: true, scratch: Self.scratch(kernels))
      let before = Self.matrix(shape.rows, shape.outputs, seed: 3)
      let summed = rows?.indices.map { Int($0) } ?? Array(0..<shape.inputs)
      Self.expectClose(y, rows == nil ? "all" : "chosen") { row, column in
        summed.reduce(before[row, column]) { $0 + x[$1, row] * w[$1, column] }
      }
    }
  }
}
