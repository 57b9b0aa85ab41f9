import Capture
import Checkpoints
import Files

extension LoadedModel {
  /// Runs the work of a tool on this model. Where it meets numbers that are not finite, the weight
  /// that they come from is looked for: a NaN is seen far behind its place.
  ///
  /// - Parameters:
  ///   - others: further models of the work.
  ///   - layer: the layer that an error saw such numbers in; nil for other errors, and
  ///     `Int.max` where it does not say which.
  /// - Throws: `CheckpointError.damagedWeight`, or what the work throws.
  public func explainingDamage<Result>(
    with others: [LoadedModel] = [], layer: (any Error) -> Int?, _ work: () throws -> Result
  ) throws -> Result {
    do {
      return try work()
    } catch {
      guard let layer = layer(error) else { throw error }
      for model in [self] + others {
        if let found = model.checkpoint.damage(through: layer == .max ? nil : layer) {
          throw CheckpointError.damagedWeight(
            path: model.checkpoint.folder, tensor: found.tensor, count: found.count,
            seen: Self.place(error))
        }
      }
      throw error
    }
  }

  /// The beginning of an error's message: where it saw them.
  private static func place(_ error: any Error) -> String {
    String((error as? any ReportableError)?.description.split(separator: ":").first ?? "a result")
  }
}
