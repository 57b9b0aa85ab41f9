import Kernels
import Tensors

/// Everything that one sweep over the rows of one hook point of one layer leaves behind: integers
/// and exact sums, so that any cut into parts and any order of merging gives the same state.
struct SiteState: Sendable, Equatable {
  let width: Int
  /// Values that are NaN or infinite; their tokens are in nothing else.
  private(set) var nonFiniteCount: Int64 = 0
  /// [w]: windows of w tokens, over all tokens and in the nulls' sample; [1] counts tokens.
  private(set) var windowCounts = SharedDimensions.noCounts
  private(set) var sampleWindowCounts = SharedDimensions.noCounts
  private(set) var longTail = LongTailState()
  private(set) var sparsity = SparsityState()
  private(set) var magnitude: MagnitudeState
  /// In the order of `SharedDimensions.oneSweep`.
  private(set) var shared: [SharedState]
  /// In the order of `Grids.tenths`.
  private(set) var fiveTokens: [FiveTokensState]

  /// Tokens without NaN or infinity.
  var tokenCount: Int64 { windowCounts[1] }

  init(width: Int) {
    self.width = width
    magnitude = MagnitudeState(width: width)
    shared = SharedDimensions.oneSweep.map { _ in SharedState(width: width) }
    fiveTokens = Grids.tenths.map { _ in FiveTokensState() }
  }

  /// Adds values of tokens that hold NaN or infinity.
  mutating func addNonFinite(_ count: Int64) { nonFiniteCount += count }

  /// Adds one run of finite rows of one sequence.
  ///
  /// - Parameters:
  ///   - run: [tokens, width].
  ///   - document: the document's key.
  ///   - permutation: an order of the run's tokens if the sequence is in the nulls' sample.
  mutating func fold(
    _ run: MatrixView, document: UInt64, permutation: [Int]?, workspace: inout SiteWorkspace
  ) {
    workspace.sweep(run)
    SharedDimensions.addWindowCounts(run.rowCount, to: &windowCounts)
    if permutation != nil {
      SharedDimensions.addWindowCounts(run.rowCount, to: &sampleWindowCounts)
    }
    longTail.fold(workspace.order, tokenCount: run.rowCount, document: document)
    sparsity.fold(workspace.order)
    magnitude.fold(workspace.moments, workspace.order)
    for set in shared.indices {
      shared[set].fold(&workspace.bits, set: set, permutation: permutation)
    }
    for set in fiveTokens.indices { fiveTokens[set].fold(workspace.bits, set: set) }
  }

  mutating func merge(_ other: SiteState) {
    precondition(width == other.width, "states of one hook point have one width")
    nonFiniteCount += other.nonFiniteCount
    for index in windowCounts.indices {
      windowCounts[index] += other.windowCounts[index]
      sampleWindowCounts[index] += other.sampleWindowCounts[index]
    }
    longTail.merge(other.longTail)
    sparsity.merge(other.sparsity)
    magnitude.merge(other.magnitude)
    for index in shared.indices { shared[index].merge(other.shared[index]) }
    for index in fiveTokens.indices { fiveTokens[index].merge(other.fiveTokens[index]) }
  }

  /// Forgets what only the whole corpus can know.
  mutating func dropSample() {
    sampleWindowCounts = SharedDimensions.noCounts
    for index in shared.indices { shared[index].dropSample() }
  }

  init(
    width: Int, nonFiniteCount: Int64, windowCounts: [Int64], longTail: LongTailState,
    sparsity: SparsityState, magnitude: MagnitudeState, shared: [SharedState],
    fiveTokens: [FiveTokensState]
  ) {
    self.width = width
    self.nonFiniteCount = nonFiniteCount
    self.windowCounts = windowCounts
    self.longTail = longTail
    self.sparsity = sparsity
    self.magnitude = magnitude
    self.shared = shared
    self.fiveTokens = fiveTokens
  }
}

/// One worker's buffers for rows of one width.
struct SiteWorkspace: Sendable {
  var order: TokenOrder
  var moments: RowMoments
  var bits: MemberBits
  /// Room for rows that come from a file.
  var rows: MatrixView
  /// Rows whose moments are there already: of a sequence without NaN or infinity.
  private var summed: Int?

  init(width: Int) {
    order = TokenOrder(plan: Grids.orderPlan(width: width), width: width)
    moments = RowMoments(width: width)
    bits = MemberBits(width: width)
    rows = Matrix(rowCount: 0, columnCount: width).view
  }

  /// Sums the rows' moments; a sum of squares is finite only where all values are, because squares
  /// of finite floats do not overflow a Double.
  mutating func sumIfFinite(_ rows: MatrixView) -> Bool {
    moments.reset()
    moments.accumulate(rows)
    summed = rows.rowCount
    return moments.squares.reduce(0, +).isFinite
  }

  mutating func sweep(_ run: MatrixView) {
    order.reset()
    order.accumulate(run)
    if summed != run.rowCount {
      moments.reset()
      moments.accumulate(run)
    }
    summed = nil
    bits.fill(run, thresholds: order.thresholds, ties: order.ties)
  }
}
