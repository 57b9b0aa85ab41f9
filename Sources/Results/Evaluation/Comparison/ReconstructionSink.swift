import Activations
import Synchronization
import Tensors

/// The hook points whose reconstruction is measured.
let reconstructedHookPoints: [HookPoint] = [.attentionOutput, .ffnOutput, .residualPost]

/// Keeps one layer of the dense model until the converted one has been through the same layer.
final class LayerRecorder: ActivationSink {
  /// [tokens, hidden] for each of `reconstructedHookPoints`.
  private let recorded: [MatrixView]
  private let hiddenSize: Int

  /// - Parameter tokenCount: tokens of the largest batch.
  init(tokenCount: Int, hiddenSize: Int) {
    self.hiddenSize = hiddenSize
    recorded = reconstructedHookPoints.map { _ in
      Matrix(rowCount: tokenCount, columnCount: hiddenSize).view
    }
  }

  func values(_ hookPoint: HookPoint) -> MatrixView? {
    reconstructedHookPoints.firstIndex(of: hookPoint).map { recorded[$0] }
  }

  func wants(_ site: ActivationSite) -> Bool {
    reconstructedHookPoints.contains(site.hookPoint)
  }
  func begin(_ batch: TokenBatch) {}
  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    self.values(site.hookPoint)?.rows(rows).withMutableSpan { span in
      for index in values.indices { span[index] = values[index] }
    }
  }
  func finish(layer: Int) {}
  func end(_ batch: TokenBatch) {}
}

/// Compares one layer of the converted model with what was recorded of the dense one.
final class ReconstructionSink: ActivationSink {
  private let recorder: LayerRecorder
  private let hiddenSize: Int
  /// Rows of the batch that are a sequence's first: an attention sink, left out.
  private let firstRows: Set<Int>
  private let parts = Mutex<[HookPoint: [Int: ReconstructionSums]]>([:])

  init(_ batch: TokenBatch, recorder: LayerRecorder, hiddenSize: Int) {
    self.recorder = recorder
    self.hiddenSize = hiddenSize
    firstRows = Set(batch.sequences.map(\.rows.lowerBound))
  }

  /// The sums of the layer that has just passed; panels are added in order, so that threads do
  /// not matter.
  func take(_ hookPoint: HookPoint) -> ReconstructionSums {
    let panels = parts.withLock { $0.removeValue(forKey: hookPoint) } ?? [:]
    var sums = ReconstructionSums(width: hiddenSize)
    for (_, panel) in panels.sorted(by: { $0.key < $1.key }) { sums.add(panel) }
    return sums
  }

  func wants(_ site: ActivationSite) -> Bool { recorder.wants(site) }
  func begin(_ batch: TokenBatch) {}
  func receive(_ values: Span<Float>, rows: Range<Int>, at site: ActivationSite) {
    guard let dense = recorder.values(site.hookPoint)?.rows(rows) else { return }
    var sums = ReconstructionSums(width: hiddenSize)
    dense.withSpan { original in
      for row in rows where !firstRows.contains(row) {
        sums.add(original, values, row: row - rows.lowerBound, width: hiddenSize)
      }
    }
    let panel = sums
    parts.withLock { $0[site.hookPoint, default: [:]][rows.lowerBound] = panel }
  }
  func finish(layer: Int) {}
  func end(_ batch: TokenBatch) {}
}
