import Tensors

/// One worker's scratch matrices, allocated once: fresh memory is slow to touch.
final class Workspace: Sendable {
  private let normalisedStorage: Matrix  // [panel, hidden]
  private let outputStorage: Matrix  // [panel, hidden]
  private let gateUpStorage: Matrix  // [panel, 2 · intermediate]
  private let intermediateStorage: Matrix  // [panel, intermediate]
  private let stackedStorage: Matrix  // [group · block, head size]
  private let scoresStorage: Matrix  // [group · block, longest sequence]
  private let tappedStorage: Matrix  // [panel, widest strided hook point]

  /// - Parameters:
  ///   - longestSequence: tokens of the longest sequence that will be attended to.
  ///   - blockRowCount: queries of one head that are attended to at once.
  ///   - panelRowCount: rows that linear layers run on at once.
  init(
    _ shape: BlockShape, longestSequence: Int, blockRowCount: Int,
    panelRowCount panel: Int
  ) {
    let group = shape.groupSize
    normalisedStorage = Matrix(rowCount: panel, columnCount: shape.hiddenSize)
    outputStorage = Matrix(rowCount: panel, columnCount: shape.hiddenSize)
    gateUpStorage = Matrix(rowCount: panel, columnCount: 2 * shape.intermediateSize)
    intermediateStorage = Matrix(rowCount: panel, columnCount: shape.intermediateSize)
    stackedStorage = Matrix(rowCount: group * blockRowCount, columnCount: shape.headSize)
    scoresStorage = Matrix(rowCount: group * blockRowCount, columnCount: longestSequence)
    tappedStorage = Matrix(
      rowCount: panel, columnCount: max(shape.querySize, shape.intermediateSize))
  }

  func normalised(rowCount: Int) -> MatrixView { normalisedStorage.rows(0..<rowCount) }
  func output(rowCount: Int) -> MatrixView { outputStorage.rows(0..<rowCount) }
  func gateUp(rowCount: Int) -> MatrixView { gateUpStorage.rows(0..<rowCount) }
  func intermediate(rowCount: Int) -> MatrixView { intermediateStorage.rows(0..<rowCount) }
  func stackedHeads(rowCount: Int) -> MatrixView { stackedStorage.rows(0..<rowCount) }

  func scores(rowCount: Int, columnCount: Int) -> MatrixView {
    scoresStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }

  func tapped(rowCount: Int, columnCount: Int) -> MatrixView {
    tappedStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
}
