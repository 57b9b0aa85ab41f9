import Activations
import Kernels
import Tensors

/// Which tokens of the calibration text a conversion fits on, and which it keeps to judge by.
///
/// The first position of every sequence is an attention sink with activations of its own kind: it
/// is left out of both. Whole sequences are held out, so that neighbours do not leak.
public struct CalibrationSplit: Sendable {
  /// Rows to fit on, increasing.
  public let fitting: [Int]
  /// Rows to choose by, increasing.
  public let heldOut: [Int]

  /// One sequence in so many is held out.
  static let heldOutEvery = 8
  /// Fewer rows than this in either part are no basis for a choice.
  static let fewest = 64

  /// - Parameter batch: the whole calibration text.
  /// - Throws: `ConversionError.tooFewTokens`.
  public init(_ batch: TokenBatch) throws(ConversionError) {
    var fitting: [Int] = []
    var heldOut: [Int] = []
    for (index, sequence) in batch.sequences.enumerated() {
      let rows = sequence.rows.dropFirst()
      if batch.sequences.count > 1 {
        if index % Self.heldOutEvery == Self.heldOutEvery / 2
          || (batch.sequences.count <= Self.heldOutEvery / 2 && index == batch.sequences.count - 1)
        {
          heldOut += rows
        } else {
          fitting += rows
        }
      } else {
        // One sequence: its last part.
        let cut = rows.count - rows.count / Self.heldOutEvery
        fitting += rows.prefix(cut)
        heldOut += rows.dropFirst(cut)
      }
    }
    guard heldOut.count >= Self.fewest, fitting.count >= Self.fewest else {
      throw .tooFewTokens(
        found: fitting.count + heldOut.count, needed: (Self.heldOutEvery + 1) * Self.fewest)
    }
    (self.fitting, self.heldOut) = (fitting, heldOut)
  }
}

extension CalibrationSplit {
  /// Whether any of these rows is held out.
  func holds(_ rows: Range<Int>) -> Bool {
    heldOut.contains { rows.contains($0) }
  }
}

/// A matrix that can be shared: one worker writes it, others read it later.
package final class SharedMatrix: Sendable {
  package let matrix: Matrix

  package init(rowCount: Int, columnCount: Int) {
    matrix = Matrix(rowCount: rowCount, columnCount: columnCount)
  }

  /// The rows of `source` with these indices.
  package convenience init(_ source: MatrixView, rows: [Int]) {
    self.init(rowCount: rows.count, columnCount: source.columnCount)
    for (target, row) in rows.enumerated() {
      copy(source.rows(row..<row + 1), into: matrix.rows(target..<target + 1))
    }
  }

  package convenience init(_ numbers: DoubleMatrix) {
    self.init(rowCount: numbers.rowCount, columnCount: numbers.columnCount)
    numbers.copy(into: matrix.view)
  }

  package var view: MatrixView { matrix.view }

  /// Whether every number is finite.
  var isFinite: Bool { view.withSpan { Elementwise.fastest.countNonFinite($0) } == 0 }
}
