import Activations
import Checkpoints
import Kernels
import Tensors

/// One worker's scratch for the mixtures of a MoHD model, allocated once.
final class MixtureWorkspace: Sendable {
  private let basisStorage: Matrix  // [panel, greatest D]
  private let selectedStorage: Matrix  // [panel, greatest D]
  private let monarchStorage: Matrix  // [panel, hidden]
  private let leftStorage: Matrix  // [panel, greatest D]
  private let productStorage: Matrix  // what a packed product needs
  private let factorsStorage: Matrix  // [panel, N]
  private let lowStorage: Matrix  // [panel, rank]
  private let routingStorage: Matrix  // [panel, 3 N + 1]

  init(_ configuration: ModelConfiguration) {
    let panel = LinearPanel.greatestRowCount(configuration)
    let hidden = configuration.hiddenSize
    let all = configuration.mohd.map { $0.attention + $0.ffn } ?? []
    let count = all.map(\.count).max() ?? 1
    let rank = all.map(\.lowRank).max() ?? 0
    let width = configuration.greatestMixtureWidth
    basisStorage = Matrix(rowCount: panel, columnCount: width)
    selectedStorage = Matrix(rowCount: panel, columnCount: width)
    monarchStorage = Matrix(rowCount: panel, columnCount: hidden)
    leftStorage = Matrix(rowCount: rank > 0 ? panel : 0, columnCount: width)
    productStorage = Matrix(rowCount: 1, columnCount: ProductKernels.fastest.scratchCount)
    factorsStorage = Matrix(rowCount: panel, columnCount: count)
    lowStorage = Matrix(rowCount: panel, columnCount: rank)
    routingStorage = Matrix(rowCount: panel, columnCount: 3 * count + 1)
  }

  func basis(rowCount: Int, columnCount: Int) -> MatrixView {
    basisStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func selected(rowCount: Int, columnCount: Int) -> MatrixView {
    selectedStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func left(rowCount: Int, columnCount: Int) -> MatrixView {
    leftStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func monarch(rowCount: Int) -> MatrixView { monarchStorage.rows(0..<rowCount) }

  var product: MatrixView { productStorage.view }

  func factors(rowCount: Int, columnCount: Int) -> MatrixView {
    factorsStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  func low(rowCount: Int, columnCount: Int) -> MatrixView {
    lowStorage.view.reshaped(rowCount: rowCount, columnCount: columnCount)
  }
  /// Bytes that one worker's scratch takes.
  static func byteCount(_ configuration: ModelConfiguration) -> Int {
    let all = configuration.mohd.map { $0.attention + $0.ffn } ?? []
    let rank = all.map(\.lowRank).max() ?? 0
    let width =
      (rank > 0 ? 3 : 2) * configuration.greatestMixtureWidth + configuration.hiddenSize
      + 4 * (all.map(\.count).max() ?? 1) + 1 + rank
    return 4
      * (LinearPanel.greatestRowCount(configuration) * width + ProductKernels.fastest.scratchCount)
  }

  /// Room for the decisions of one panel.
  func routing(_ settings: SubDimensions, tokenCount: Int) -> Routing {
    Routing(settings: settings, tokenCount: tokenCount, storage: routingStorage.view)
  }
}

extension ModelConfiguration {
  /// D of a component in a layer; d of a dense model.
  func mixtureWidth(_ component: MoHDComponent, layer: Int) -> Int {
    mohd?[component][layer].width(hiddenSize: hiddenSize) ?? hiddenSize
  }

  /// The greatest D of a component in any layer.
  func greatestMixtureWidth(_ component: MoHDComponent) -> Int {
    mohd?[component].map { $0.width(hiddenSize: hiddenSize) }.max() ?? hiddenSize
  }

  /// The greatest width of anything that a mixture works on.
  var greatestMixtureWidth: Int {
    max(hiddenSize, MoHDComponent.allCases.map(greatestMixtureWidth).max() ?? 0)
  }
}
