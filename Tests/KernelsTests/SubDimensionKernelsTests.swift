import Kernels
import Tensors
import Testing

/// Sums of up to a few dozen terms in single precision, in another order than the naive loops.
private let relativeTolerance: Float = 3e-6

@Suite("MoHD's kernels equal naive loops")
struct SubDimensionKernelsTests {
  static let variants = [SubDimensionKernels.fastest, .baseline]

  /// Numbers that differ, signs of both kinds.
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

  private static func expectClose(
    _ y: MatrixView, _ expected: (_ row: Int, _ column: Int) -> Float,
    _ location: SourceLocation = #_sourceLocation
  ) {
    for row in 0..<y.rowCount {
      for column in 0..<y.columnCount {
        let value = expected(row, column)
        #expect(
          abs(y[row, column] - value) <= relativeTolerance * max(1, abs(value)),
          "[\(row), \(column)]", sourceLocation: location)
      }
    }
  }

  @Test("The choice is that of a stable sort, with equal and odd scores too", arguments: 0..<2)
  func choose(variant: Int) {
    let odd: [Float] = [.nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, -1e-30]
    for (width, shared, active) in [(1, 0, 1), (8, 3, 4), (36, 0, 18), (67, 16, 40), (576, 0, 288)]
    {
      let scores = Self.matrix(5, width, seed: width)
      for column in 0..<width {
        // Few values, many equal; all equal; values far apart.
        scores[1, column] = Float((column * 7) % 5)
        scores[2, column] = 1
        scores[3, column] = odd[column % odd.count]
        scores[4, column] *= Float(sign: .plus, exponent: (column * 31) % 200 - 100, significand: 1)
      }
      let chosen = Matrix(rowCount: 5, columnCount: width).view
      Self.variants[variant].choose(
        scores, sharedCount: shared, activeCount: active, into: chosen)
      for row in 0..<5 {
        // NaN counts as largest, −0 as 0.
        func key(_ column: Int) -> Float {
          scores[row, column].isNaN ? 0 : scores[row, column]
        }
        func isNaN(_ column: Int) -> Int { scores[row, column].isNaN ? 1 : 0 }
        let order = (shared..<width).sorted {
          (isNaN($0), key($0), -$0) > (isNaN($1), key($1), -$1)
        }
        let members = Set(0..<shared).union(order.prefix(active - shared))
        let found = Set((0..<width).filter { chosen[row, $0] == 1 })
        #expect(found == members, "width \(width), row \(row)")
        #expect((0..<width).allSatisfy { chosen[row, $0] == 0 || chosen[row, $0] == 1 })
      }
    }
  }

  @Test("What is gathered by rows and columns is scattered back", arguments: 0..<2)
  func gather(variant: Int) {
    let kernels = Self.variants[variant]
    let x = Self.matrix(4, 9, seed: 1)
    let rows = IndexList([2, 0, 3])
    let columns = IndexList([8, 1, 0, 5, 3, 2, 7, 6, 4])
    let y = Matrix(rowCount: 3, columnCount: 9).view
    kernels.gather(x, rows: rows, columns: columns, into: y)
    Self.expectClose(y) { x[Int(rows.indices[$0]), Int(columns.indices[$1])] }
    let back = Matrix(rowCount: 4, columnCount: 9).view
    kernels.scatter(y, rows: rows, columns: columns, into: back)
    Self.expectClose(back) { $0 == 1 ? 0 : x[$0, $1] }
    let turned = Self.matrix(4, 9, seed: 1)
    kernels.permuteColumns(of: turned, order: columns)
    Self.expectClose(turned) { x[$0, Int(columns.indices[$1])] }
    #expect(columns.inverse.inverse == columns && columns.bound == 9)
  }

  @Test("Weights multiply the entries of their sub-dimension", arguments: 0..<2)
  func weigh(variant: Int) {
    let kernels = Self.variants[variant]
    let x = Self.matrix(3, 10, seed: 2)
    let weights = Matrix(rowCount: 3, columnCount: 2, elements: [1, 0, 0.5, 2, 0, 1]).view
    let member = IndexList([1, 0, 0, 1, 1, 0, 1, 0, 1, 0])
    let y = Matrix(rowCount: 3, columnCount: 10).view
    kernels.weigh(x, member: member, weights: weights, into: y)
    Self.expectClose(y) { x[$0, $1] * weights[$0, Int(member.indices[$1])] }

    let runs = Self.matrix(3, 10, seed: 2)
    runs[0, 7] = .nan  // where the weight is 0
    kernels.weighRuns(runs, weights: weights)
    Self.expectClose(runs) {
      let weight = weights[$0, $1 / 5]
      return weight == 0 ? 0 : x[$0, $1] * weight
    }
  }

  @Test("Energies are Σ norm · z² of each sub-dimension's entries", arguments: 0..<2)
  func energy(variant: Int) {
    let z = Self.matrix(2, 12, seed: 4)
    let norms = Matrix(rowCount: 1, columnCount: 12, elements: (1...12).map { Float($0) }).view
    let order: [Int32] = [3, 1, 2, 0, 11, 10, 9, 8, 7, 6, 5, 4]
    let scores = Matrix(rowCount: 2, columnCount: 3).view
    Self.variants[variant].energy(z, norms: norms, order: IndexList(order), into: scores)
    Self.expectClose(scores) { row, i in
      order[4 * i..<4 * i + 4].reduce(0) {
        $0 + norms[0, Int($1)] * z[row, Int($1)] * z[row, Int($1)]
      }
    }
  }

  @Test("Softmax sums to 1, and large scores do not overflow", arguments: 0..<2)
  func softmax(variant: Int) {
    let scores = Matrix(rowCount: 2, columnCount: 3, elements: [1, 1, 1, 500, 500, -500]).view
    let bias = Matrix(rowCount: 1, columnCount: 3, elements: [0, 0, 0]).view
    Self.variants[variant].softmax(scores, bias: bias)
    let expected: [Float] = [1 / 3, 1 / 3, 1 / 3, 0.5, 0.5, 0]
    Self.expectClose(scores) { expected[3 * $0 + $1] }
  }

  @Test("The left factor of a Monarch matrix mixes equal places of blocks", arguments: 0..<2)
  func monarch(variant: Int) {
    let (blocks, size) = (3, 5)
    let x = Self.matrix(2, blocks * size, seed: 5)
    let left = Self.matrix(blocks * blocks, size, seed: 6)
    let y = Matrix(rowCount: 2, columnCount: blocks * size).view
    Self.variants[variant].monarchLeft(x, left: left, blockCount: blocks, into: y)
    Self.expectClose(y) { row, column in
      let (h, p) = column.quotientAndRemainder(dividingBy: size)
      return (0..<blocks).reduce(0) { $0 + left[h * blocks + $1, p] * x[row, $1 * size + p] }
    }
    let sums = Matrix(rowCount: 1, columnCount: blocks * size).view
    Self.variants[variant].addSquares(of: x, to: sums)
    Self.expectClose(sums) { x[0, $1] * x[0, $1] + x[1, $1] * x[1, $1] }
  }

  @Test("Products add to what is there when asked to")
  func adding() {
    let (x, w) = (Self.matrix(3, 4, seed: 7), Self.matrix(2, 4, seed: 8))
    let once = Matrix(rowCount: 3, columnCount: 2).view
    let twice = Matrix(rowCount: 3, columnCount: 2).view
    multiply(x, transposed: w, into: once)
    multiply(x, transposed: w, into: twice)
    multiply(x, transposed: w, into: twice, adding: true)
    Self.expectClose(twice) { 2 * once[$0, $1] }
    clear(twice)
    Self.expectClose(twice) { _, _ in 0 }
  }
}
