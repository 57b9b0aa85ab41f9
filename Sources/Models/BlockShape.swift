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
  var attentionScale: Float { 1 / Float(headSize).squareRoot() }

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

  /// Width of a hook point's values.
  func width(of hookPoint: HookPoint) -> Int {
    switch hookPoint.space {
    case .hidden: hiddenSize
    case .intermediate: intermediateSize
    case .query, .heads: querySize
    case .key, .value: keyValueSize
    }
  }
}

extension ModelConfiguration {
  /// How many numbers a token has at `hookPoint`.
  public func width(of hookPoint: HookPoint) -> Int { BlockShape(self).width(of: hookPoint) }
}
