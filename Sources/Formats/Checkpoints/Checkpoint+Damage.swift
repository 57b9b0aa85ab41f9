import Tensors

extension Checkpoint {
  /// A weight that holds infinities or NaN.
  public struct Damage: Sendable, Equatable {
    public let tensor: String
    public let layer: Int?
    /// Numbers that are not finite.
    public let count: Int

    package init(tensor: String, layer: Int?, count: Int) {
      (self.tensor, self.layer, self.count) = (tensor, layer, count)
    }
  }

  /// The first weight with a number that is not finite, in the order in which a text meets them: the
  /// embedding, then layer by layer. A NaN spreads to everything behind it, so that where it is seen
  /// says little of where it comes from.
  ///
  /// - Parameter layer: the last layer that is looked at; nil: all, the final norm and the head.
  /// - Returns: nil where all of them are finite: then numbers have overflowed on their way.
  public func damage(through layer: Int? = nil) -> Damage? {
    let roles = WeightRole.allCases
    if let found = damage(.tokenEmbedding, layer: nil) { return found }
    for index in 0..<min(configuration.layerCount, layer.map { $0 + 1 } ?? .max) {
      for role in roles where role.isPerLayer {
        if let found = damage(role, layer: index) { return found }
      }
      for component in MoHDComponent.allCases {
        for role in MoHDRole.allCases {
          if let found = damage(weight(role, component, layer: index), layer: index) {
            return found
          }
        }
      }
    }
    guard layer == nil else { return nil }
    return damage(.finalNorm, layer: nil) ?? damage(.outputProjection, layer: nil)
  }

  private func damage(_ role: WeightRole, layer: Int?) -> Damage? {
    damage(weight(role, layer: layer), layer: layer)
  }

  private func damage(_ weight: WeightTensor?, layer: Int?) -> Damage? {
    guard let weight else { return nil }
    let step = max(1, (1 << 18) / max(1, weight.columnCount))
    let buffer = Matrix(rowCount: min(step, weight.rowCount), columnCount: weight.columnCount)
    var count = 0
    for start in stride(from: 0, to: weight.rowCount, by: step) {
      let rows = start..<min(start + step, weight.rowCount)
      let view = buffer.view.rows(0..<rows.count)
      weight.widen(rows: rows, into: view)
      count += view.elements().count { !$0.isFinite }
    }
    weight.release()
    return count == 0 ? nil : Damage(tensor: weight.name, layer: layer, count: count)
  }
}
