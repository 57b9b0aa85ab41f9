import Activations
import Kernels

/// Text to train on, cut into steps in an order that mixes domains; one sequence in so many is held
/// out.
public struct DistillationText: Sendable {
  let steps: [TokenBatch]
  let heldOut: [TokenBatch]

  /// One sequence in so many is held out, but no more than this many tokens in all.
  static let heldOutEvery = 16
  static let mostHeldOut = 4096

  /// Tokens to train on.
  public var tokenCount: Int { steps.reduce(0) { $0 + $1.tokenCount } }
  var heldOutTokenCount: Int { heldOut.reduce(0) { $0 + $1.tokenCount } }
  /// Tokens of the longest sequence.
  public var longestSequence: Int {
    (steps + heldOut).flatMap(\.sequences).map(\.rows.count).max() ?? 0
  }

  /// - Parameter text: all of it.
  /// - Throws: `ConversionError.tooFewSequences`.
  public init(
    _ text: TokenBatch, stepTokenCount: Int, seed: UInt64
  ) throws(ConversionError) {
    guard text.sequences.count >= 2 else {
      throw .tooFewSequences(found: text.sequences.count)
    }
    var generator = SeededGenerator(seed: [seed])
    let order = text.sequences.indices.shuffled(using: &generator)
    var held: [Int] = []
    var used: [Int] = []
    var heldTokenCount = 0
    for (place, index) in order.enumerated() {
      let count = text.sequences[index].rows.count
      if place % Self.heldOutEvery == 0, heldTokenCount + count <= Self.mostHeldOut || held.isEmpty
      {
        held.append(index)
        heldTokenCount += count
      } else {
        used.append(index)
      }
    }
    /// Each sequence goes to the first step that has room for it, so that steps are full: they run
    /// on panels of half their size.
    func batches(_ indices: [Int]) -> [TokenBatch] {
      var bins: [(indices: [Int], tokenCount: Int)] = []
      // Those with room left, in order: a full one is not looked at again.
      var open: [Int] = []
      for index in indices {
        let count = text.sequences[index].rows.count
        if let place = open.firstIndex(where: { bins[$0].tokenCount + count <= stepTokenCount }) {
          let bin = open[place]
          bins[bin].indices.append(index)
          bins[bin].tokenCount += count
          if bins[bin].tokenCount == stepTokenCount { open.remove(at: place) }
        } else {
          if count < stepTokenCount { open.append(bins.count) }
          bins.append(([index], count))
        }
      }
      return bins.map { text.selecting($0.indices) }
    }
    steps = batches(used)
    heldOut = batches(held)
  }
}

extension TokenBatch {
  /// Some of the sequences, in this order, as a batch of their own.
  func selecting(_ indices: [Int]) -> TokenBatch {
    var ids: [Int32] = []
    let chosen = indices.map { index in
      let sequence = sequences[index]
      let start = ids.count
      ids += tokenIDs[sequence.rows]
      return Sequence(
        rows: start..<ids.count, document: sequence.document, index: sequence.index)
    }
    return TokenBatch(tokenIDs: ids, sequences: chosen)
  }
}
