import Checkpoints

extension LoadedModel {
  /// Where numbers that are not finite were seen: the layer, nil for all of the model, and in words.
  public typealias NonFinitePlace = (layer: Int?, description: String)

  /// Runs the work of a tool on this model. Where it meets numbers that are not finite, the weight
  /// that they come from is looked for: a NaN is seen far behind its place.
  ///
  /// - Parameters:
  ///   - others: further models of the work.
  ///   - place: where an error saw such numbers; nil for other errors.
  /// - Throws: `CheckpointError.damagedWeight`, or what the work throws.
  public func explainingDamage<Result>(
    with others: [LoadedModel] = [], place: (any Error) -> NonFinitePlace?,
    _ work: () throws -> Result
  ) throws -> Result {
    do {
      return try work()
    } catch {
      guard let place = place(error) else { throw error }
      for model in [self] + others {
        if let found = model.checkpoint.damage(through: place.layer) {
          throw CheckpointError.damagedWeight(
            path: model.checkpoint.folder, tensor: found.tensor, count: found.count,
            seen: place.description)
        }
      }
      throw error
    }
  }
}
