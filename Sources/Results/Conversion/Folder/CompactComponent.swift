import Checkpoints
import Kernels
import Tensors

extension SubDimensions {
  /// The settings of the same choice that hold what it uses alone: N = K = S and D = K · d_e; nil
  /// where tokens choose, or nothing is left out, or no basis leads there.
  func compacted(hiddenSize: Int) -> SubDimensions? {
    guard isStatic, activeCount < count, gate == .unit, inputBasis == .dense,
      !hasInactiveBias, lowRank == 0, sparseSide == .input || size == nil
    else { return nil }
    let size = size(hiddenSize: hiddenSize)
    // Where all is active the cut is free. Programs that lay the choices of all components beside each
    // other find at least as many as the paper's smallest model has.
    let parts =
      (1...size).first { size % $0 == 0 && activeCount * $0 >= Self.leastCompactCount } ?? size
    var compact = self
    compact.size = size / parts
    compact.count = activeCount * parts
    (compact.sharedCount, compact.activeCount) = (compact.count, compact.count)
    compact.router = .energy
    return compact
  }

  private static var leastCompactCount: Int { 8 }

  /// The settings of the product of basis and projections, where that is smaller than both: of a
  /// choice that is compact, with whole outputs.
  ///
  /// - Parameter width: m, the joined width of the input projections.
  func multiplied(width: Int, hiddenSize: Int) -> SubDimensions? {
    let inner = self.width(hiddenSize: hiddenSize)
    guard activeCount == count, gate == .unit, inputBasis == .dense, sparseSide == .input,
      !hasInactiveBias, lowRank == 0, inner * (hiddenSize + width) > hiddenSize * width
    else { return nil }
    var dense = self
    let whole = ConversionRecipe.divisor(
      of: hiddenSize, near: ConversionRecipe.usualStaticCount)
    (dense.count, dense.sharedCount, dense.activeCount) = (whole, whole, whole)
    (dense.size, dense.inputBasis) = (nil, .none)
    return dense
  }
}

extension MoHDSettings {
  /// What is stored of a model with these settings.
  func stored(in configuration: ModelConfiguration) -> MoHDSettings {
    var result = self
    let hiddenSize = configuration.hiddenSize
    for component in MoHDComponent.allCases {
      result[component] = self[component].map { settings in
        let compact = settings.compacted(hiddenSize: hiddenSize) ?? settings
        let width = configuration.projectionWidth(component)
        return compact.multiplied(width: width, hiddenSize: hiddenSize) ?? compact
      }
    }
    return result
  }
}

extension ConvertedComponent {
  /// The component as it is written: no larger than it must be, and its sub-dimensions runs of
  /// entries where nothing speaks against it, so that whoever multiplies them needs no copies.
  func stored() -> ConvertedComponent {
    let compact = compacted()
    guard let basis = compact.basis, compact.settings.sparseSide == .input,
      compact.order != Array(compact.order.indices)
    else { return compact }
    let order = compact.order
    let columns = IndexList(order.map { Int32($0) })
    func ordered(_ matrix: SharedMatrix) -> SharedMatrix {
      let result = SharedMatrix(rowCount: matrix.view.rowCount, columnCount: order.count)
      SubDimensionKernels.fastest.gather(matrix.view, columns: columns, into: result.view)
      return result
    }
    return ConvertedComponent(
      settings: compact.settings, basis: SharedMatrix(basis.view, rows: order),
      weights: ordered(compact.weights), order: Array(order.indices), router: compact.router,
      scale: compact.scale, outputFactor: compact.outputFactor, inactiveBias: compact.inactiveBias,
      lowRank: compact.lowRank.map { (down: ordered($0.down), up: $0.up) }, fusion: compact.fusion,
      report: compact.report)
  }

  /// A static choice without what it never uses: the rows of the basis and the columns of the
  /// projections that are left out, the router, and factors of 1 or that the weights take.
  private func compacted() -> ConvertedComponent {
    guard let basis, let compact = settings.compacted(hiddenSize: basis.view.columnCount) else {
      return self
    }
    let size = settings.size(hiddenSize: basis.view.columnCount)
    let kept = Array(order[..<(settings.activeCount * size)])
    let columns = IndexList(kept.map { Int32($0) })
    let used = SharedMatrix(rowCount: weights.view.rowCount, columnCount: kept.count)
    SubDimensionKernels.fastest.gather(weights.view, columns: columns, into: used.view)
    if let scale {
      for row in 0..<used.view.rowCount {
        for column in kept.indices { used.view[row, column] *= Float(scale[column / size]) }
      }
    }
    return ConvertedComponent(
      settings: compact, basis: SharedMatrix(basis.view, rows: kept), weights: used,
      // Where outputs are sparse it says which of them are kept.
      order: compact.sparseSide == .both ? kept : Array(kept.indices), fusion: fusion,
      report: report)
  }
}
