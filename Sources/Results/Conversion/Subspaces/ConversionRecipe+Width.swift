import Checkpoints

extension ConversionRecipe {
  /// The settings of a component under a uniform budget: what a dry run counts with.
  public func uniformSettings(
    _ component: MoHDComponent, hiddenSize: Int
  ) -> SubDimensions {
    var result = settings(component, activeCount: self[component].activeCount)
    guard usesSubspaces(component) else { return result }
    let size = uniformSteps(component, hiddenSize: hiddenSize)
    result.size = size * result.count == hiddenSize ? nil : size
    result.router = .centroid
    return result
  }

  /// Parameters that the folder holds and the dense model does not, under a uniform budget: bases,
  /// routers, and of local subspaces the projections' inputs beyond the hidden size.
  public func addedParameters(in configuration: ModelConfiguration) -> Int {
    let hidden = configuration.hiddenSize
    return configuration.layerCount
      * MoHDComponent.allCases.reduce(0) { sum, component in
        guard usesSubspaces(component) else {
          return sum + (basis == .identity ? 0 : hidden * hidden)
        }
        let settings = uniformSettings(component, hiddenSize: hidden)
        let width = settings.width(hiddenSize: hidden)
        return sum + width * hidden + settings.count * (hidden + 1)
          + (width - hidden) * configuration.projectionWidth(component)
      }
  }
}
