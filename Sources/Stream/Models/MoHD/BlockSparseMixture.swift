import Checkpoints
import Kernels
import Tensors

/// The definition with the work of inactive sub-dimensions left out, on both sides.
///
/// Projections are packed in the order of the sub-dimensions. With one chosen sub-dimension for
/// each token (K − S = 1), the tokens of each choice are one product, of the shared sub-dimensions
/// and theirs; with more, the shared ones are a product for all tokens, and each other adds its own
/// for the tokens that chose it. Rows are read and written where they lie.
struct BlockSparseMixture: Mixture {
  /// As loaded for this execution: basis, norms and low-rank path in the order of the
  /// sub-dimensions.
  let weights: MixtureWeights
  /// The joined input projections, inputs in the order of the sub-dimensions, and their bias, [1, m].
  let input: PackedWeight
  let inputBias: MatrixView?
  /// The basis, of which a token multiplies what it chose; nil: all of it, or there is none.
  let chosenBasis: ChosenBasis?
  let output: Output
  /// [1, hidden]
  let outputBias: MatrixView?
  private let kernels = SubDimensionKernels.fastest

  /// B, [D, hidden], in tiles for what a token chose.
  struct ChosenBasis: Sendable {
    let packed: PackedWeight
    let tiles: PackedProjection

    /// Whether scores are known before z, and z is needed where it is chosen alone.
    static func exists(_ settings: SubDimensions, order: [Int32]?) -> Bool {
      settings.router == .centroid && settings.inputBasis == .dense && settings.lowRank == 0
        && !settings.isStatic
        && (order ?? []).enumerated().allSatisfy { $0.offset == Int($0.element) }
    }
  }

  /// W_o or W_down.
  enum Output: Sendable {
    /// [hidden, inner], for outputs that are whole; used rows alone, where those are stored.
    case whole(MatrixView)
    /// Tiles for what a token chose.
    case chosen(PackedWeight, tiles: PackedProjection)
  }

  init(
    weights: MixtureWeights, input: PackedWeight, inputBias: MatrixView?,
    chosenBasis: ChosenBasis? = nil, output: Output, outputBias: MatrixView?
  ) {
    self.weights = weights
    self.input = input
    self.inputBias = inputBias
    self.chosenBasis = chosenBasis
    self.output = output
    self.outputBias = outputBias
  }

  var settings: SubDimensions { weights.settings }

  // MARK: - Input side

  func read(
    _ a: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace,
    needsScores: Bool, intervention: PanelIntervention?
  ) {
    precondition(intervention?.intervention.routing == nil, "what an experiment chooses is masked")
    if let chosenBasis {
      weights.score(a, a, order: nil, into: routing.scores)
      routing.decide()
      let z = workspace.basis(rowCount: a.rowCount, columnCount: weights.width)
      write(a, through: chosenBasis.packed, chosenBasis.tiles, into: z, routing, workspace)
      weigh(z, routing, workspace)
      project(z, routing, into: y, workspace)
      if let inputBias { Elementwise.fastest.addBias(inputBias, to: y) }
      addInactive(nil, routing, to: y, workspace)
      return
    }
    let isDecided = settings.isStatic && settings.gate == .unit
    let usesAll = weights.lowRankDown != nil || needsScores || !isDecided
    let z = orderedInput(a, width: usesAll ? weights.width : alwaysActive.count, workspace)
    if !isDecided || needsScores { weights.score(a, z, order: nil, into: routing.scores) }
    routing.decide()
    let low = lowRankInput(z, routing, workspace)
    weigh(z, routing, workspace)
    project(z, routing, into: y, workspace)
    if let inputBias { Elementwise.fastest.addBias(inputBias, to: y) }
    addInactive(low, routing, to: y, workspace)
  }

  /// y = Σ_{i active} z_i W_iᵀ.
  ///
  /// - Parameters:
  ///   - z: [tokens, D], in the order of the sub-dimensions.
  ///   - y: the joined projections, [tokens, m].
  private func project(
    _ z: MatrixView, _ routing: Routing, into y: MatrixView, _ workspace: MixtureWorkspace
  ) {
    if let groups = RowGroups(routing) {
      for group in groups.choices {
        input.multiply(
          z, rows: group.rows, inputs: [alwaysActive, entries(group.subDimension)], into: y,
          scratch: workspace.product)
      }
      return
    }
    // Blocks of rows, so that what each sub-dimension adds to is still near.
    let step = settings.isStatic ? max(z.rowCount, 1) : Self.blockRowCount
    for start in stride(from: 0, to: z.rowCount, by: step) {
      let rows = start..<min(start + step, z.rowCount)
      let (z, y) = (z.rows(rows), y.rows(rows))
      input.multiply(z, inputs: [alwaysActive], into: y, scratch: workspace.product)
      forEachChoice(routing.rows(rows)) { subDimension, rows in
        input.multiply(
          z, rows: rows, inputs: [entries(subDimension)], into: y, adding: true,
          scratch: workspace.product)
      }
    }
  }

  /// z in the order of the sub-dimensions, at least its first `width` columns; not `a` itself if it
  /// will be weighed.
  private func orderedInput(
    _ a: MatrixView, width: Int, _ workspace: MixtureWorkspace
  ) -> MatrixView {
    if let basis = weights.basis {
      let z = workspace.basis(rowCount: a.rowCount, columnCount: weights.width)
      multiply(a, transposed: basis.rows(0..<width), into: z.columns(0..<width))
      return z
    }
    let z = weights.changeBasis(a, workspace)
    guard weights.order != nil || isWeighed else { return z }
    let ordered = workspace.selected(rowCount: a.rowCount, columnCount: weights.width)
    kernels.gather(z, columns: weights.order, into: ordered)
    return ordered
  }

  /// Whether inputs are multiplied by c or g.
  private var isWeighed: Bool { weights.scale != nil || settings.gateAt == .everyProjection }

  /// z ← c g z, in place.
  private func weigh(_ z: MatrixView, _ routing: Routing, _ workspace: MixtureWorkspace) {
    guard isWeighed else { return }
    let factors = workspace.factors(rowCount: z.rowCount, columnCount: settings.count)
    weights.inputFactors(routing, into: factors)
    kernels.weighRuns(z, weights: factors)
  }

  /// a z_r of the low-rank path: [tokens, rank].
  private func lowRankInput(
    _ z: MatrixView, _ routing: Routing, _ workspace: MixtureWorkspace
  ) -> MatrixView? {
    guard let down = weights.lowRankDown else { return nil }
    let factors = workspace.factors(rowCount: z.rowCount, columnCount: settings.count)
    weights.inactiveFactors(routing, into: factors)
    let left = workspace.left(rowCount: z.rowCount, columnCount: weights.width)
    copy(z, into: left)
    kernels.weighRuns(left, weights: factors)
    let low = workspace.low(rowCount: z.rowCount, columnCount: down.rowCount)
    multiply(left, transposed: down, into: low)
    return low
  }

  /// What inactive sub-dimensions leave behind: their biases, and the low-rank path.
  private func addInactive(
    _ low: MatrixView?, _ routing: Routing, to y: MatrixView, _ workspace: MixtureWorkspace
  ) {
    if let bias = weights.inactiveBias {
      let factors = workspace.factors(rowCount: y.rowCount, columnCount: settings.count)
      weights.inactiveFactors(routing, into: factors)
      multiply(factors, bias, into: y, adding: true)
    }
    if let low, let up = weights.lowRankUp {
      multiply(low, transposed: up, into: y, adding: true)
    }
  }

  // MARK: - Output side

  func write(
    _ inner: MatrixView, into y: MatrixView, routing: Routing, workspace: MixtureWorkspace
  ) {
    switch output {
    case .whole(let matrix):
      weights.write(
        inner, through: matrix, bias: outputBias, into: y, routing: routing, workspace: workspace)
    case .chosen(let packed, let tiles):
      clear(y)  // what is inactive
      write(inner, through: packed, tiles, into: y, routing, workspace)
      weights.finish(
        y, bias: outputBias, routing: routing, isSelected: settings.gate == .unit,
        workspace: workspace)
    }
  }

  /// What each token chose of a product's outputs; others stay as they are.
  private func write(
    _ inner: MatrixView, through packed: PackedWeight, _ tiles: PackedProjection,
    into y: MatrixView, _ routing: Routing, _ workspace: MixtureWorkspace
  ) {
    func multiply(_ rows: IndexList?, _ tiles: IndexList) {
      packed.multiply(
        inner, rows: rows, inputs: [0..<packed.inputCount], tiles: tiles, into: y,
        scratch: workspace.product)
    }
    if let groups = RowGroups(routing) {
      for group in groups.choices {
        multiply(
          group.rows,
          IndexList(tiles.common.indices + tiles.chosen[group.subDimension].indices))
      }
      return
    }
    multiply(nil, tiles.common)
    forEachChoice(routing) { subDimension, rows in multiply(rows, tiles.chosen[subDimension]) }
  }

  // MARK: - Entries

  /// Rows that several products are added to in turn.
  private static let blockRowCount = 168

  /// Entries that every token uses: the shared sub-dimensions', or all.
  private var alwaysActive: Range<Int> {
    let count = settings.isStatic ? settings.activeCount : settings.sharedCount
    return 0..<count * settings.size(hiddenSize: weights.hiddenSize)
  }

  private func entries(_ subDimension: Int) -> Range<Int> {
    let size = settings.size(hiddenSize: weights.hiddenSize)
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

/// The rows of a panel by their one chosen sub-dimension.
struct RowGroups {
  let choices: [Choice]

  /// Rows that chose the same.
  struct Choice {
    let subDimension: Int
    let rows: IndexList
  }

  /// Whether each token chooses one.
  static func exist(_ settings: SubDimensions) -> Bool {
    !settings.isStatic && settings.activeCount == settings.sharedCount + 1
  }

  /// - Returns: nil where tokens choose more than one, or none.
  init?(_ routing: Routing) {
    let settings = routing.settings
    guard Self.exist(settings) else { return nil }
    choices = (settings.sharedCount..<settings.count).compactMap { i in
      let rows = (0..<routing.tokenCount).filter { routing.active[$0, i] != 0 }
      return rows.isEmpty
        ? nil : Choice(subDimension: i, rows: IndexList(rows.map { Int32($0) }))
    }
  }
}
