import Kernels
import Tensors

/// A derivative by a matrix: a sum over tokens of outer products, d_W += dᵀ x.
struct ProductSum: Sendable {
  /// The derivative by what the matrix gave, [tokens, rows of the matrix].
  let d: MatrixView
  /// What the matrix read, [tokens, columns of the matrix].
  let x: MatrixView
  let target: MatrixView

  /// - Parameter target: is added to; nil: there is no such matrix.
  init?(_ d: MatrixView, _ x: MatrixView, into target: MatrixView?) {
    guard let target else { return nil }
    (self.d, self.x, self.target) = (d, x, target)
  }

  /// Adds all of them, in strips of rows that any number of workers shares.
  static func add(_ sums: [ProductSum], pool: WorkerPool) {
    var strips: [ProductSum] = []
    for sum in sums {
      let count = sum.target.rowCount
      // Eight strips, but no narrower than a product is worth.
      let step = max(64, (count / 8 + 15) / 16 * 16)
      for start in stride(from: 0, to: count, by: step) {
        let rows = start..<min(start + step, count)
        guard let strip = ProductSum(sum.d.columns(rows), sum.x, into: sum.target.rows(rows))
        else { continue }
        strips.append(strip)
      }
    }
    let work = strips
    pool.forEach(work.count) { index, _ in
      multiply(transposing: work[index].d, work[index].x, into: work[index].target, adding: true)
    }
  }
}

/// Derivatives by small tensors, summed over the rows of one panel each: panels run at the same time,
/// and their sums are added in order afterwards, so threads change nothing.
final class PanelSums: Sendable {
  /// What is summed.
  enum Slot: Hashable, CaseIterable, Sendable {
    case norm, inputBias, outputBias, scale, routerBias, fusionLeft, basisLeft
  }

  private let storage: Matrix  // [panels, width]
  private let ranges: [Slot: Range<Int>]

  /// - Parameter widths: of the slots that there are.
  init(panelCount: Int, widths: [Slot: Int]) {
    var (ranges, end): ([Slot: Range<Int>], Int) = ([:], 0)
    for slot in Slot.allCases {
      guard let width = widths[slot], width > 0 else { continue }
      ranges[slot] = end..<end + width
      end += width
    }
    self.ranges = ranges
    storage = Matrix(rowCount: panelCount, columnCount: end)
  }

  func clear() { Kernels.clear(storage.view) }

  /// The sum of one panel, [1, width].
  func view(_ slot: Slot, panel: Int, width: Int) -> MatrixView {
    guard let range = ranges[slot], range.count >= width else {
      preconditionFailure("sums have room for every slot that a component uses")
    }
    return storage.rows(panel..<panel + 1)
      .columns(range.lowerBound..<range.lowerBound + width)
  }

  /// target += the sums of all panels; target [1, width] or what has as many elements.
  func add(_ slot: Slot, to target: MatrixView?) {
    guard let target, let range = ranges[slot] else { return }
    let width = target.rowCount * target.columnCount
    let row = target.reshaped(rowCount: 1, columnCount: width)
    TrainingKernels.fastest.addRows(
      of: storage.view.columns(range.lowerBound..<range.lowerBound + width), to: row)
  }
}
