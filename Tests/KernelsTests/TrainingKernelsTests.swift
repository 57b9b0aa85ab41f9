import Kernels
import Tensors
import Testing

/// Rows of odd widths, so that vectors have remainders.
private let (rows, width, count) = (5, 42, 6)

@Suite("Kernels of training")
struct TrainingKernelsTests {
  static let variants = [TrainingKernels.baseline, .fastest]

  private static func random(
    _ rowCount: Int, _ columnCount: Int, _ seed: UInt64, in range: ClosedRange<Float> = -2...2
  ) -> MatrixView {
    var generator = SeededGenerator(seed: [seed])
    return Matrix(
      rowCount: rowCount, columnCount: columnCount,
      elements: (0..<rowCount * columnCount).map { _ in
        Float.random(in: range, using: &generator)
      }
    ).view
  }

  private func expectEqual(
    _ found: MatrixView, _ expected: (Int, Int) -> Double, tolerance: Double = 1e-5
  ) {
    for row in 0..<found.rowCount {
      for column in 0..<found.columnCount {
        let wanted = expected(row, column)
        #expect(
          abs(Double(found[row, column]) - wanted) <= tolerance * max(1, abs(wanted)),
          "\(row), \(column)")
      }
    }
  }

  @Test("The derivatives by a norm's input and gain", arguments: [0, 1])
  func norm(variant: Int) {
    let (x, dy) = (Self.random(rows, width, 1), Self.random(rows, width, 2))
    let gain = Self.random(1, width, 3)
    let dx = Matrix(rowCount: rows, columnCount: width).view
    let dGain = Matrix(rowCount: 1, columnCount: width).view
    Self.variants[variant].rmsNorm(
      x, gain: gain, epsilon: 1e-5, dy: dy, addingTo: dx, dGain)
    func scale(_ row: Int) -> Double {
      let square = (0..<width).reduce(0.0) { $0 + Double(x[row, $1] * x[row, $1]) }
      return 1 / (square / Double(width) + 1e-5).squareRoot()
    }
    expectEqual(dGain) { _, column in
      (0..<rows).reduce(0.0) { $0 + Double(dy[$1, column] * x[$1, column]) * scale($1) }
    }
    let other = Matrix(rowCount: rows, columnCount: width).view
    GradientKernels.fastest.rmsNorm(x, gain: gain, epsilon: 1e-5, dy: dy, addingTo: other)
    expectEqual(dx) { Double(other[$0, $1]) }
  }

  @Test("SwiGLU's derivatives, and its value beside them", arguments: [0, 1])
  func swiGLU(variant: Int) {
    let (gate, up) = (Self.random(rows, width, 4), Self.random(rows, width, 5))
    let dy = Self.random(rows, width, 6)
    let made = (0..<3).map { _ in Matrix(rowCount: rows, columnCount: width).view }
    Self.variants[variant].swiGLU(
      gate: gate, up: up, dy: dy, y: made[0], dGate: made[1], dUp: made[2])
    let others = (0..<3).map { _ in Matrix(rowCount: rows, columnCount: width).view }
    Elementwise.fastest.swiGLU(gate: gate, up: up, into: others[0])
    GradientKernels.fastest.swiGLU(
      gate: gate, up: up, dy: dy, dGate: others[1], dUp: others[2])
    for (found, expected) in zip(made, others) {
      expectEqual(found) { Double(expected[$0, $1]) }
    }
  }

  @Test("Sums over rows, and over the entries of sub-dimensions in any order", arguments: [0, 1])
  func sums(variant: Int) {
    let kernels = Self.variants[variant]
    let (x, y) = (Self.random(rows, width, 7), Self.random(rows, width, 8))
    let total = Matrix(rowCount: 1, columnCount: width).view
    kernels.addRows(of: x, to: total)
    expectEqual(total) { _, column in (0..<rows).reduce(0.0) { $0 + Double(x[$1, column]) } }
    let size = width / count
    for order in [nil, IndexList((0..<width).map { Int32(($0 * 5 + 3) % width) })] {
      let products = Matrix(rowCount: rows, columnCount: count).view
      kernels.addProducts(x, y, order: order, to: products)
      expectEqual(products) { row, i in
        (i * size..<(i + 1) * size).reduce(0.0) { sum, place in
          let entry = order.map { Int($0.indices[place]) } ?? place
          return sum + Double(x[row, entry] * y[row, entry])
        }
      }
    }
    let member = IndexList((0..<width).map { Int32($0 % count) })
    let weights = Self.random(rows, count, 9)
    let target = Matrix(rowCount: rows, columnCount: width).view
    copy(y, into: target)
    kernels.addWeighed(x, member: member, weights: weights, to: target)
    expectEqual(target) { Double(y[$0, $1] + x[$0, $1] * weights[$0, $1 % count]) }
  }

  @Test("The derivatives of a Monarch matrix's left factor", arguments: [0, 1])
  func monarch(variant: Int) {
    let (blocks, size) = (count, width / count)
    let (x, dy) = (Self.random(rows, width, 10), Self.random(rows, width, 11))
    let left = Self.random(blocks * blocks, size, 12)
    let dx = Self.random(rows, width, 13)
    let dLeft = Matrix(rowCount: blocks * blocks, columnCount: size).view
    Self.variants[variant].monarchLeft(
      x, left: left, blockCount: blocks, dy: dy, into: dx, addingTo: dLeft)
    expectEqual(dx) { row, column in
      let (g, p) = column.quotientAndRemainder(dividingBy: size)
      return (0..<blocks).reduce(0.0) {
        $0 + Double(left[$1 * blocks + g, p] * dy[row, $1 * size + p])
      }
    }
    expectEqual(dLeft) { place, p in
      let (h, g) = place.quotientAndRemainder(dividingBy: blocks)
      return (0..<rows).reduce(0.0) {
        $0 + Double(dy[$1, h * size + p] * x[$1, g * size + p])
      }
    }
  }

  @Test("The derivatives of a softmax and of the cross entropy", arguments: [0, 1])
  func softmax(variant: Int) {
    let kernels = Self.variants[variant]
    let (s, d) = (Self.random(rows, width, 14, in: 0...1), Self.random(rows, width, 15))
    let before = d.elements()
    kernels.softmax(s, d: d)
    expectEqual(d) { row, column in
      let dot = (0..<width).reduce(0.0) {
        $0 + Double(s[row, $1]) * Double(before[row * width + $1])
      }
      return Double(s[row, column]) * (Double(before[row * width + column]) - dot)
    }
    let logits = Self.random(1, width, 16)
    let logSum = Elementwise.fastest.logSumExp(logits)
    let found = Matrix(rowCount: 1, columnCount: width).view
    copy(logits, into: found)
    kernels.crossEntropy(found, target: 7, logSumExp: logSum, weight: 0.5)
    let sum = found.elements().reduce(0, +)
    #expect(abs(sum) < 1e-5 && found[0, 7] < 0)
  }

  @Test("AdamW's first step goes by the rate, whatever the gradient's size", arguments: [0, 1])
  func adamW(variant: Int) {
    let weights = Self.random(1, width, 17)
    let before = weights.elements()
    let gradient = Self.random(1, width, 18)
    let (m, v) = (
      Matrix(rowCount: 1, columnCount: width).view, Matrix(rowCount: 1, columnCount: width).view
    )
    let settings = Adam()
    Self.variants[variant].adamW(
      weights, firstMoment: m, secondMoment: v, gradient: gradient, settings: settings,
      step: AdamStep(1, settings), rate: 0.1, decay: 0.01, factor: 0.5)
    expectEqual(
      weights,
      { _, column in
        let sign: Double = gradient[0, column] < 0 ? -1 : 1
        return Double(before[column]) * (1 - 0.1 * 0.01) - 0.1 * sign
      }, tolerance: 1e-4)
    expectEqual(m) { Double(gradient[$0, $1]) * 0.5 * 0.1 }
  }
}
