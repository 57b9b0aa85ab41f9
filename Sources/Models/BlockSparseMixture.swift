import Checkpoints
import Kernels
import Tensors

/// The definition with the work of inactive sub-dimensions left out, on both sides.
///
/// Projections are loaded in the order of the sub-dimensions, so that each is a run of columns of
/// the input projections and of rows of the output projection. The shared ones are one product for
/// all rows. With one chosen sub-dimension for each token (K − S = 1), rows are sorted by their
/// choice, and each choice adds one product on its run of rows; with more, the rows of each
/// sub-dimension are gathered, multiplied and added where they belong.
struct BlockSparseMixture: Mixture {
  /// As loaded for this execution: basis and norms in the order of the sub-dimensions.
  let weights: MixtureWeights
  /// The joined input projections, [m, hidden], columns in the order of the sub-dimensions, and
  /// their bias, [1, m].
  let input: MatrixView
  let inputBias: MatrixView?
  /// W_o or W_down, [hidden, inner], and its bias, [1, hidden]; rows in the order of the
  /// sub-dimensions where `usesOutputOrder`.
  let output: MatrixView
  let outputBias: MatrixView?
  private let kernels = SubDimensionKernels.fastest

  init(
    weights: MixtureWeights, input: MatrixView, inputBias: MatrixView?, output: MatrixView,
    outputBias: MatrixView?
  ) {
    self.weights = weights
    self.input = input
    self.inputBias = inputBias
    self.output = output
    self.outputBias = outputBias
  }

  var settings: SubDimensions { weights.settings }
  var reorders: Bool { RowGroups.exist(settings) }

  /// Whether the output side works in the order of the sub-dimensions.
  static func usesOutputOrder(_ settings: SubDimensions) -> Bool {
    settings.sparseSide == .both || settings.fusion != .none
  }

  // MARK: - Input side

  func readReordering(
    _ a: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace,
    needsScores: Bool, intervention: PanelIntervention?
  ) -> IndexList? {
    precondition(intervention?.intervention.routing == nil, "what an experiment chooses is masked")
    let isDecided = settings.isStatic && settings.gate == .unit
    let usesAll = weights.lowRankDown != nil || needsScores || !isDecided
    let z = orderedInput(a, width: usesAll ? a.columnCount : alwaysActive.count, workspace)
    if !isDecided || needsScores { weights.score(a, z, order: nil, into: routing.scores) }
    routing.decide()
    let low = lowRankInput(z, routing, workspace)
    let groups = RowGroups(routing)
    let x = select(z, routing, groups, workspace)

    project(x, routing, groups, into: y, workspace)
    if let inputBias { Elementwise.fastest.addBias(inputBias, to: y) }
    addInactive(low, routing, groups, to: y, workspace)
    return groups?.order
  }

  /// y = Σ_{i active} x_i W_iᵀ.
  ///
  /// - Parameters:
  ///   - x: [tokens, hidden], rows sorted if there are groups.
  ///   - y: the joined projections, [tokens, m].
  private func project(
    _ x: MatrixView, _ routing: Routing, _ groups: RowGroups?, into y: MatrixView,
    _ workspace: MixtureWorkspace
  ) {
    if alwaysActive.isEmpty {
      if groups == nil { clear(y) }
    } else {
      multiply(
        x.columns(alwaysActive), transposed: input.columns(alwaysActive), into: y)
    }
    if let groups {
      for group in groups.runs {
        let entries = entries(group.subDimension)
        multiply(
          x.rows(group.rows).columns(entries), transposed: input.columns(entries),
          into: y.rows(group.rows), adding: !alwaysActive.isEmpty)
      }
    } else {
      forEachChoice(routing) { subDimension, rows in
        let entries = entries(subDimension)
        let gathered = workspace.monarch(rowCount: rows.count).columns(entries)
        let product = workspace.chosen(rowCount: rows.count, columnCount: y.columnCount)
        kernels.gather(x.columns(entries), rows: rows, into: gathered)
        multiply(gathered, transposed: input.columns(entries), into: product)
        kernels.add(product, toRows: rows, of: y)
      }
    }
  }

  /// z in the order of the sub-dimensions, at least its first `width` columns.
  private func orderedInput(
    _ a: MatrixView, width: Int, _ workspace: MixtureWorkspace
  ) -> MatrixView {
    if let basis = weights.basis {
      let z = workspace.basis(rowCount: a.rowCount)
      multiply(a, transposed: basis.rows(0..<width), into: z.columns(0..<width))
      return z
    }
    let z = weights.changeBasis(a, workspace)
    guard let order = weights.order else { return z }
    let ordered = workspace.selected(rowCount: a.rowCount)
    kernels.gather(z, columns: order, into: ordered)
    return ordered
  }

  /// z with its rows sorted, times c and g; inactive columns hold anything.
  private func select(
    _ z: MatrixView, _ routing: Routing, _ groups: RowGroups?, _ workspace: MixtureWorkspace
  ) -> MatrixView {
    let needsFactors = weights.scale != nil || settings.gateAt == .everyProjection
    guard needsFactors || groups != nil else { return z }
    let x = workspace.sorted(rowCount: z.rowCount)
    kernels.gather(z, rows: groups?.order, into: x)
    if needsFactors {
      let factors = workspace.factors(rowCount: z.rowCount, columnCount: settings.count)
      weights.inputFactors(routing, into: factors)
      kernels.weighRuns(x, bias: nil, rows: groups?.order, weights: factors)
    }
    return x
  }

  /// a z_r of the low-rank path, rows in order: [tokens, rank].
  private func lowRankInput(
    _ z: MatrixView, _ routing: Routing, _ workspace: MixtureWorkspace
  ) -> MatrixView? {
    guard let down = weights.lowRankDown else { return nil }
    let factors = workspace.factors(rowCount: z.rowCount, columnCount: settings.count)
    weights.inactiveFactors(routing, into: factors)
    let left = workspace.sorted(rowCount: z.rowCount)
    copy(z, into: left)
    kernels.weighRuns(left, bias: nil, weights: factors)
    let low = workspace.low(rowCount: z.rowCount, columnCount: down.rowCount)
    multiply(left, transposed: down, into: low)
    return low
  }

  /// What inactive sub-dimensions leave behind: their biases, and the low-rank path.
  private func addInactive(
    _ low: MatrixView?, _ routing: Routing, _ groups: RowGroups?, to y: MatrixView,
    _ workspace: MixtureWorkspace
  ) {
    if let bias = weights.inactiveBias {
      let factors = workspace.factors(rowCount: y.rowCount, columnCount: settings.count)
      weights.inactiveFactors(routing, into: factors)
      if let order = groups?.order {
        let sorted = workspace.factorsSorted(
          rowCount: y.rowCount, columnCount: settings.count)
        kernels.gather(factors, rows: order, into: sorted)
        multiply(sorted, bias, into: y, adding: true)
      } else {
        multiply(factors, bias, into: y, adding: true)
      }
    }
    if let low, let up = weights.lowRankUp {
      guard let order = groups?.order else {
        return multiply(low, transposed: up, into: y, adding: true)
      }
      let sorted = workspace.lowSorted(rowCount: y.rowCount, columnCount: low.columnCount)
      kernels.gather(low, rows: order, into: sorted)
      multiply(sorted, transposed: up, into: y, adding: true)
    }
  }

  // MARK: - Output side

  func write(
    _ inner: MatrixView, order: IndexList?, into y: MatrixView, routing: Routing,
    workspace: MixtureWorkspace
  ) {
    guard settings.sparseSide == .both else {
      return writeWhole(inner, order: order, into: y, workspace)
    }
    let groups = RowGroups(routing)
    let x = sorted(inner, order: order, by: groups, workspace)
    let u = workspace.selected(rowCount: y.rowCount)
    if !alwaysActive.isEmpty {
      multiply(x, transposed: output.rows(alwaysActive), into: u.columns(alwaysActive))
    }
    if let groups {
      for group in groups.runs {
        let entries = entries(group.subDimension)
        multiply(
          x.rows(group.rows), transposed: output.rows(entries),
          into: u.rows(group.rows).columns(entries))
      }
    } else {
      forEachChoice(routing) { subDimension, rows in
        let entries = entries(subDimension)
        let gathered = workspace.inner(rowCount: rows.count, columnCount: inner.columnCount)
        let product = workspace.monarch(rowCount: rows.count).columns(entries)
        kernels.gather(x, rows: rows, into: gathered)
        multiply(gathered, transposed: output.rows(entries), into: product)
        kernels.scatter(product, rows: rows, into: u.columns(entries))
      }
    }
    // α g_i, and 0 where inactive: what `u` held there is gone.
    let factors = workspace.factors(rowCount: y.rowCount, columnCount: settings.count)
    weights.outputFactors(routing, into: factors)
    kernels.weighRuns(u, bias: outputBias, rows: groups?.order, weights: factors)
    kernels.scatter(
      fused(u, workspace), rows: groups?.order, columns: weights.order, into: y)
  }

  private func writeWhole(
    _ inner: MatrixView, order: IndexList?, into y: MatrixView, _ workspace: MixtureWorkspace
  ) {
    let isFused = weights.fusion != nil
    let u = order == nil && !isFused ? y : workspace.selected(rowCount: y.rowCount)
    multiply(inner, transposed: output, into: u)
    if let outputBias { Elementwise.fastest.addBias(outputBias, to: u) }
    guard order != nil || isFused else { return }
    kernels.scatter(
      fused(u, workspace), rows: order, columns: isFused ? weights.order : nil, into: y)
  }

  private func fused(_ u: MatrixView, _ workspace: MixtureWorkspace) -> MatrixView {
    guard let fusion = weights.fusion else { return u }
    let fused = workspace.basis(rowCount: u.rowCount)
    fusion.apply(to: u, into: fused, scratch: workspace.monarch(rowCount: u.rowCount))
    return fused
  }

  /// Rows in the order of the groups: those of the FFN are already, those of the attention are not.
  private func sorted(
    _ inner: MatrixView, order: IndexList?, by groups: RowGroups?, _ workspace: MixtureWorkspace
  ) -> MatrixView {
    guard let groups, order == nil else { return inner }
    let sorted = workspace.inner(rowCount: inner.rowCount, columnCount: inner.columnCount)
    kernels.gather(inner, rows: groups.order, into: sorted)
    return sorted
  }

  // MARK: - Entries

  /// Entries that every token uses: the shared sub-dimensions', or all.
  private var alwaysActive: Range<Int> {
    let count = settings.isStatic ? settings.activeCount : settings.sharedCount
    return 0..<count * (input.columnCount / settings.count)
  }

  private func entries(_ subDimension: Int) -> Range<Int> {
    let size = input.columnCount / settings.count
    return subDimension * size..<(subDimension + 1) * size
  }

  /// Calls `body` with the rows of each specialised sub-dimension that has any.
  private func forEachChoice(
    _ routing: Routing, _ body: (_ subDimension: Int, _ rows: IndexList) -> Void
  ) {
    guard !settings.isStatic else { return }
    for i in settings.sharedCount..<settings.count {
      let rows = (0..<routing.tokenCount).filter { routing.active[$0, i] != 0 }
      if !rows.isEmpty { body(i, IndexList(rows.map { Int32($0) })) }
    }
  }
}

/// The rows of a panel sorted by their one chosen sub-dimension, in each group in order.
struct RowGroups {
  /// Which token each row is.
  let order: IndexList
  let runs: [Run]

  /// Rows that chose the same.
  struct Run {
    let subDimension: Int
    let rows: Range<Int>
  }

  /// Whether each token chooses one.
  static func exist(_ settings: SubDimensions) -> Bool {
    !settings.isStatic && settings.activeCount == settings.sharedCount + 1
  }

  /// - Returns: nil where tokens choose more than one, or none.
  init?(_ routing: Routing) {
    let settings = routing.settings
    guard Self.exist(settings) else { return nil }
    var order: [Int32] = []
    var runs: [Run] = []
    for i in settings.sharedCount..<settings.count {
      let first = order.count
      for token in 0..<routing.tokenCount where routing.active[token, i] != 0 {
        order.append(Int32(token))
      }
      if order.count > first {
        runs.append(Run(subDimension: i, rows: first..<order.count))
      }
    }
    self.order = IndexList(order)
    self.runs = runs
  }
}
