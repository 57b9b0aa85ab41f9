import Checkpoints
import Kernels
import Tensors

/// What a component's backward leaves for the sums over all tokens: rows of a batch, and one panel's
/// sums. The room serves all components in turn.
struct GradientRows: Sendable {
  /// The derivative by what the output projection gave, [tokens, rows of W_out].
  let dWritten: MatrixView
  /// That by gates, then by the router's logits, [tokens, N].
  let dGates: MatrixView
  /// z̃, what the input projections read, [tokens, D].
  let selected: MatrixView
  /// The derivative by z, or what a Monarch basis' R gave, [tokens, D].
  let dBasis: MatrixView
  /// What fusion read, and the derivative by what its R gave, [tokens, hidden].
  let fused: MatrixView
  let dFused: MatrixView
  /// 1 where a sub-dimension is inactive, [tokens, N]; what lies there, [tokens, D]; the low-rank
  /// path between its two factors, and the derivative there, [tokens, rank].
  let inactive: MatrixView
  let unselected: MatrixView
  let low: MatrixView
  let dLow: MatrixView
  let sums: PanelSums
  let panel: Int

  /// The rows of one panel.
  func rows(_ range: Range<Int>, panel: Int) -> GradientRows {
    GradientRows(
      dWritten: dWritten.rows(range), dGates: dGates.rows(range), selected: selected.rows(range),
      dBasis: dBasis.rows(range), fused: fused.rows(range), dFused: dFused.rows(range),
      inactive: inactive.rows(range), unselected: unselected.rows(range), low: low.rows(range),
      dLow: dLow.rows(range), sums: sums, panel: panel)
  }

  /// This panel's sum, [1, width]; nil where there is nothing to sum.
  func sum(_ slot: PanelSums.Slot, width: Int) -> MatrixView? {
    width == 0 ? nil : sums.view(slot, panel: panel, width: width)
  }

  /// sum += Σ over rows of x.
  func add(_ x: MatrixView, _ slot: PanelSums.Slot, width: Int) {
    guard let sum = sum(slot, width: width) else { return }
    TrainingKernels.fastest.addRows(of: x, to: sum)
  }
}

/// The widest of each thing that a model's components need.
struct ComponentWidths: Sendable {
  private(set) var hidden = 0
  /// D.
  private(set) var input = 0
  /// N; 0 in a dense model.
  private(set) var subDimensions = 0
  private(set) var basis = 0
  private(set) var fusion = 0
  private(set) var inactive = 0
  private(set) var unselected = 0
  private(set) var rank = 0
  private(set) var slots: [PanelSums.Slot: Int] = [:]

  init(_ configuration: ModelConfiguration) {
    hidden = configuration.hiddenSize
    slots[.norm] = hidden
    if configuration.queryKeyValueBias {
      slots[.inputBias] = configuration.projectionWidth(.attention)
    }
    if configuration.mlpBias {
      slots[.inputBias] = max(slots[.inputBias] ?? 0, configuration.projectionWidth(.ffn))
    }
    if configuration.mlpBias || configuration.attentionOutputBias { slots[.outputBias] = hidden }
    for component in MoHDComponent.allCases {
      for settings in configuration.mohd?[component] ?? [] { add(settings) }
    }
  }

  private mutating func add(_ settings: SubDimensions) {
    func widen(_ slot: PanelSums.Slot, _ width: Int) { slots[slot] = max(slots[slot] ?? 0, width) }
    let width = settings.width(hiddenSize: hidden)
    input = max(input, width)
    subDimensions = max(subDimensions, settings.count)
    widen(.scale, settings.count)
    if settings.router == .centroid { widen(.routerBias, settings.count) }
    // L: b matrices of r × r.
    let left = hidden * settings.fusionBlockCount
    if settings.fusion == .monarch { widen(.fusionLeft, left) }
    if settings.inputBasis == .monarch { widen(.basisLeft, left) }
    if settings.inputBasis != .none { basis = max(basis, width) }
    if settings.fusion != .none { fusion = hidden }
    if settings.hasInactiveBias || settings.lowRank > 0 { inactive = max(inactive, settings.count) }
    if settings.lowRank > 0 { unselected = max(unselected, width) }
    rank = max(rank, settings.lowRank)
  }

  /// Numbers of `GradientRows` for each token.
  var perToken: Int {
    (subDimensions > 0 ? hidden : 0) + subDimensions + input + basis + 2 * fusion + inactive
      + unselected + 2 * rank
  }

  /// Numbers of `ComponentScratch` for each row.
  var perScratchRow: Int {
    subDimensions > 0 ? 2 * max(input, hidden) + hidden + subDimensions + rank : 0
  }
}

/// The room of `GradientRows`, for batches of up to `tokenCount` tokens.
final class GradientRoom: Sendable {
  private let dWritten: Matrix
  private let dGates: Matrix
  private let selected: Matrix
  private let dBasis: Matrix
  private let fused: Matrix
  private let dFused: Matrix
  private let inactive: Matrix
  private let unselected: Matrix
  private let low: Matrix
  private let dLow: Matrix
  private let sums: PanelSums

  init(_ widths: ComponentWidths, tokenCount: Int, panelCount: Int) {
    func room(_ width: Int) -> Matrix { Matrix(rowCount: tokenCount, columnCount: width) }
    dWritten = room(widths.subDimensions > 0 ? widths.hidden : 0)
    dGates = room(widths.subDimensions)
    selected = room(widths.input)
    dBasis = room(widths.basis)
    fused = room(widths.fusion)
    dFused = room(widths.fusion)
    inactive = room(widths.inactive)
    unselected = room(widths.unselected)
    low = room(widths.rank)
    dLow = room(widths.rank)
    sums = PanelSums(panelCount: panelCount, widths: widths.slots)
  }

  /// Room for one component, its sums 0.
  func rows(
    _ tensors: ComponentTensors, _ settings: SubDimensions?, tokenCount: Int
  ) -> GradientRows {
    sums.clear()
    func view(_ matrix: borrowing Matrix, _ width: Int) -> MatrixView {
      matrix.view.reshaped(
        rowCount: tokenCount, columnCount: min(width, matrix.columnCount))
    }
    let (width, count) = (tensors.input.columnCount, settings?.count ?? 0)
    let hidden = fused.columnCount
    return GradientRows(
      dWritten: view(dWritten, tensors.output.rowCount), dGates: view(dGates, count),
      selected: view(selected, width),
      dBasis: view(dBasis, width), fused: view(fused, hidden), dFused: view(dFused, hidden),
      inactive: view(inactive, count), unselected: view(unselected, width),
      low: view(low, settings?.lowRank ?? 0), dLow: view(dLow, settings?.lowRank ?? 0), sums: sums,
      panel: 0)
  }

  /// target += the sums of all panels.
  func add(_ slot: PanelSums.Slot, to target: MatrixView?) { sums.add(slot, to: target) }

  /// The sums of all panels, [1, width], where a tensor lies in another order than they.
  func total(_ slot: PanelSums.Slot, width: Int) -> MatrixView {
    let total = Matrix(rowCount: 1, columnCount: width).view
    sums.add(slot, to: total)
    return total
  }
}

/// One worker's scratch for components: matrices of a panel's rows.
final class ComponentScratch: Sendable {
  let product: ProductScratch
  private let selected: Matrix  // [panel, D or hidden]
  private let basis: Matrix  // [panel, D or hidden]
  private let monarch: Matrix  // [panel, hidden]
  private let factors: Matrix  // [panel, N]
  private let low: Matrix  // [panel, rank]

  init(_ widths: ComponentWidths, panelRowCount: Int, product: ProductScratch) {
    self.product = product
    let isMoHD = widths.subDimensions > 0
    func room(_ width: Int) -> Matrix { Matrix(rowCount: panelRowCount, columnCount: width) }
    let width = isMoHD ? max(widths.input, widths.hidden) : 0
    selected = room(width)
    basis = room(width)
    monarch = room(isMoHD ? widths.hidden : 0)
    factors = room(widths.subDimensions)
    low = room(widths.rank)
  }

  func selected(like x: MatrixView) -> MatrixView { view(selected, x.rowCount, x.columnCount) }
  func basis(like x: MatrixView) -> MatrixView { view(basis, x.rowCount, x.columnCount) }
  func basis(rowCount: Int, columnCount: Int) -> MatrixView { view(basis, rowCount, columnCount) }
  func monarch(like x: MatrixView) -> MatrixView { view(monarch, x.rowCount, x.columnCount) }
  func factors(like x: MatrixView) -> MatrixView { view(factors, x.rowCount, x.columnCount) }
  func low(rowCount: Int, columnCount: Int) -> MatrixView { view(low, rowCount, columnCount) }

  private func view(_ matrix: borrowing Matrix, _ rows: Int, _ columns: Int) -> MatrixView {
    matrix.view.reshaped(rowCount: rows, columnCount: columns)
  }
}
