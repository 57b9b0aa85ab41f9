import Activations
import Checkpoints
import Tensors

/// One worker's scratch for the mixtures of a MoHD model, allocated once.
final class MixtureWorkspace: Sendable {
  private let basisStorage: Matrix  // [panel, hidden]
  private let selectedStorage: Matrix  // [panel, hidden]
  private let sortedStorage: Matrix  // [panel, hidden]
  private let monarchStorage: Matrix  // [panel, hidden]
  private let innerStorage: Matrix  // [panel, widest input of an output projection]
  private let productStorage: Matrix  // [panel, widest joined projection]
  private let chosenStorage: Matrix  // [panel, widest joined projection]
  private let factorsStorage: Matrix  // [panel, N]
  private let factorsSortedStorage: Matrix  // [panel, N]
  private let lowStorage: Matrix  // [panel, rank]
  private let lowSortedStorage: Matrix  // [panel, rank]
  private let routingStorage: Matrix  // [panel, 3 N + 1]

  init(_ configuration: ModelConfiguration) {
    let panel = LinearPanel.greatestRowCount(configuration)
    let hidden = configuration.hiddenSize
    let all = configuration.mohd.map { $0.attention + $0.ffn } ?? []
    let count = all.map(\.count).max() ?? 1
    let rank = all.map(\.lowRank).max() ?? 0
    basisStorage = Matrix(rowCount: panel, columnCount: hidden)
    selectedStorage = Matrix(rowCount: panel, columnCount: hidden)
    sortedStorage = Matrix(rowCount: panel, columnCount: hidden)
    monarchStorage = Matrix(rowCount: panel, columnCount: hidden)
    innerStorage = Matrix(
      rowCount: panel, columnCount: max(configuration.queryWidth, configuration.intermediateSize))
    let widest = MoHDComponent.allCases.map(configuration.projectionWidth).max() ?? 0
    productStorage = Matrix(rowCount: panel, columnCount: widest)
    chosenStorage = Matrix(rowCount: panel, columnCount: widest)
    factorsStorage = Matrix(rowCount: panel, columnCount: count)
    factorsSortedStorage = Matrix(rowCount: panel, columnCount: count)
    lowStorage = Matrix(rowCount: panel, columnCount: rank)
    lowSortedStorage = Matrix(rowCount: panel, columnCount: rank)
    routingStorage = Matrix(rowCount: panel, columnCount: 3 * count + 1)
  }

  func basis(rowCount: Int) -> MatrixView { basisStorage.rows(0..<rowCount) }
  func selected(rowCount: Int) -> MatrixView { selectedStorage.rows(0..<rowCount) }
  func sorted(rowCount: Int) -> MatrixView { sortedStorage.rows(0..<rowCount) }
  func monarch(rowCount: Int) -> MatrixView { monarchStorage.rows(0..<rowCount) }

  func inner(rowCount: Int, columnCount: Int) -> MatrixView {
    innerStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func product(rowCount: Int, columnCount: Int) -> MatrixView {
    productStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func chosen(rowCount: Int, columnCount: Int) -> MatrixView {
    chosenStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func factorsSorted(rowCount: Int, columnCount: Int) -> MatrixView {
    factorsSortedStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func factors(rowCount: Int, columnCount: Int) -> MatrixView {
    factorsStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func low(rowCount: Int, columnCount: Int) -> MatrixView {
    lowStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func lowSorted(rowCount: Int, columnCount: Int) -> MatrixView {
    lowSortedStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }

  /// Bytes that one worker's scratch takes; the two widest matrices are only touched where tokens
  /// choose several sub-dimensions, or the attention sorts its rows.
  static func byteCount(_ configuration: ModelConfiguration) -> Int {
    let all = configuration.mohd.map { $0.attention + $0.ffn } ?? []
    let widest = MoHDComponent.allCases.map(configuration.projectionWidth).max() ?? 0
    let width =
      4 * configuration.hiddenSize
      + max(configuration.queryWidth, configuration.intermediateSize) + 2 * widest
      + 5 * (all.map(\.count).max() ?? 1) + 1 + 2 * (all.map(\.lowRank).max() ?? 0)
    return 4 * LinearPanel.greatestRowCount(configuration) * width
  }

  /// Room for the decisions of one panel.
  func routing(_ settings: SubDimensions, tokenCount: Int) -> Routing {
    Routing(settings: settings, tokenCount: tokenCount, storage: routingStorage.view)
  }
}
