import Activations
import Checkpoints

/// The sizes of one block, and where each head lies in the joined [query | key | value] matrix.
struct BlockShape: Sendable {
  let hiddenSize: Int
  let intermediateSize: Int
  let headCount: Int
  let keyValueHeadCount: Int
  let headSize: Int
  let epsilon: Float

  init(_ configuration: ModelConfiguration) {
    hiddenSize = configuration.hiddenSize
    intermediateSize = configuration.intermediateSize
    headCount = configuration.headCount
    keyValueHeadCount = configuration.keyValueHeadCount
    headSize = configuration.headSize
    epsilon = Float(configuration.normEpsilon)
  }

  var querySize: Int { headCount * headSize }
  var keyValueSize: Int { keyValueHeadCount * headSize }
  var projectionSize: Int { querySize + 2 * keyValueSize }
  /// Query heads that share one key-value head.
  var groupSize: Int { headCount / keyValueHeadCount }
  var attentionScale: Float { 1 / Float(headSize).squareRoot() }

  /// Queries of one head that are attended to at once: later blocks see longer rows of keys, so
  /// small blocks waste less of the causal triangle, and large ones make better products.
  /// Heads of a group are stacked, so three of them fill a product with half the rows.
  var attentionBlockRowCount: Int { groupSize >= 3 ? 64 : 128 }

  var queryColumns: Range<Int> { 0..<querySize }
  var keyColumns: Range<Int> { querySize..<querySize + keyValueSize }
  var valueColumns: Range<Int> { querySize + keyValueSize..<projectionSize }

  /// Columns of one head, queries first, then keys.
  func headColumns(_ head: Int) -> Range<Int> { head * headSize..<(head + 1) * headSize }

  /// Columns of one key head.
  func keyColumns(_ head: Int) -> Range<Int> { headColumns(headCount + head) }

  /// Columns of one value head.
  func valueColumns(_ head: Int) -> Range<Int> {
    headColumns(headCount + keyValueHeadCount + head)
  }

  /// Width of a hook point's values; 0 for a router's, which settings decide.
  func width(of hookPoint: HookPoint) -> Int {
    switch hookPoint.space {
    case .hidden: hiddenSize
    case .intermediate: intermediateSize
    case .query, .heads: querySize
    case .key, .value: keyValueSize
    case .attentionSubDimension, .ffnSubDimension: 0
    }
  }
}

extension ModelConfiguration {
  /// The hook points that this model has, in the order of `HookPoint.allCases`.
  ///
  /// Routers are among them where all layers have equally many sub-dimensions: rows of different
  /// widths make no dataset.
  public var hookPoints: [HookPoint] {
    HookPoint.allCases.filter { !$0.isRouter || width(of: $0) > 0 }
  }

  /// How many numbers a token has at `hookPoint`; 0 where no layer has it, and where layers differ.
  public func width(of hookPoint: HookPoint) -> Int {
    guard hookPoint.isRouter else { return BlockShape(self).width(of: hookPoint) }
    let widths = Set((0..<layerCount).map { width(of: hookPoint, layer: $0) })
    return widths.count == 1 ? widths.first ?? 0 : 0
  }

  /// How many numbers a token has at `hookPoint` of one layer.
  public func width(of hookPoint: HookPoint, layer: Int) -> Int {
    switch hookPoint {
    case .attentionRouter: mohd?.attention[layer].count ?? 0
    case .ffnRouter: mohd?.ffn[layer].count ?? 0
    default: BlockShape(self).width(of: hookPoint)
    }
  }
}
