import Checkpoints
import Kernels
import Tensors

/// Fits one component's fusion to what the dense component writes for the same tokens.
struct FusionFit {
  let settings: SubDimensions
  /// The component's dimension_order; nil: as they are.
  let order: [Int32]?

  /// Pulls towards the identity, as shares of the outputs' mean square: the best on held-out tokens
  /// is taken.
  static let penalties = [0.01, 0.1, 1]
  /// Alternations between R and L; the error hardly falls after these.
  static let rounds = 4

  /// - Parameters:
  ///   - outputs: what the converted component writes with the identity for M, [tokens, d].
  ///   - targets: what the dense one writes, [tokens, d].
  ///   - fitting, heldOut: rows to fit on, and to judge by.
  /// - Returns: R and L as stored; nil when none comes closer than the identity.
  func fit(
    outputs: MatrixView, targets: MatrixView, fitting: [Int], heldOut: [Int]
  ) -> (right: SharedMatrix, left: SharedMatrix?)? {
    let size = outputs.columnCount
    func moments(_ rows: [Int]) -> MonarchFit.Moments {
      MonarchFit.Moments(
        ordered(outputs, rows: rows).view, ordered(targets, rows: rows).view,
        blockCount: settings.fusionBlockCount)
    }
    let (given, judged) = (moments(fitting), moments(heldOut))
    let identity = MonarchFit(
      identity: size, blockCount: settings.fusionBlockCount, hasLeft: settings.fusion == .monarch)
    var (least, best) = (identity.error(on: judged), MonarchFit?.none)
    for penalty in Self.penalties {
      var candidate = identity
      candidate.fit(to: given, penalty: penalty, rounds: Self.rounds)
      let error = candidate.error(on: judged)
      if error < least { (least, best) = (error, candidate) }
    }
    return best?.tensors
  }

  /// Rows with their entries in the order of the sub-dimensions, as M reads and writes them.
  private func ordered(_ x: MatrixView, rows: [Int]) -> SharedMatrix {
    let result = SharedMatrix(rowCount: rows.count, columnCount: x.columnCount)
    for (target, row) in rows.enumerated() {
      for position in 0..<x.columnCount {
        result.view[target, position] = x[row, order.map { Int($0[position]) } ?? position]
      }
    }
    return result
  }
}
