import Checkpoints
import Tensors

/// Parts of a MoHD model that it can run without, if worse.
public enum RemovablePart: String, Sendable, Codable, CaseIterable {
  /// M of Eq. 9.
  case fusion
  /// α of Section 4.2, and the factor of each sub-dimension's input (ours).
  case scaling
  /// What inactive sub-dimensions leave behind: their biases and the low-rank path (ours).
  case compensation

  /// Whether the part does anything in any component of a model.
  public func isPresent(in checkpoint: Checkpoint) -> Bool {
    guard let mohd = checkpoint.configuration.mohd else { return false }
    return MoHDComponent.allCases.contains { component in
      mohd[component].enumerated().contains { layer, settings in
        switch self {
        case .fusion: settings.fusion != .none
        case .scaling:
          settings.gate == .softmax && settings.scaling != .none && settings.sparseSide == .both
            || hasFactors(component, layer: layer, of: checkpoint)
        case .compensation: settings.hasInactiveBias || settings.lowRank > 0
        }
      }
    }
  }

  /// Whether the inputs of a component's sub-dimensions are multiplied by anything but 1.
  private func hasFactors(
    _ component: MoHDComponent, layer: Int, of checkpoint: Checkpoint
  ) -> Bool {
    guard let weight = checkpoint.weight(.scale, component, layer: layer) else { return false }
    let factors = Matrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
    weight.widen(rows: 0..<weight.rowCount, into: factors.view)
    return factors.view.elements().contains { $0 != 1 }
  }
}
