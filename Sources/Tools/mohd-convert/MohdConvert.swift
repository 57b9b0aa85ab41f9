import ArgumentParser
import Checkpoints
import Conversion

extension ConversionRecipe.Basis: ExpressibleByArgument {}
extension ConversionRecipe.OutputWeights: ExpressibleByArgument {}
extension ConversionRecipe.Grouping: ExpressibleByArgument {}
extension ConversionRecipe.Router: ExpressibleByArgument {}
extension ConversionRecipe.Budget: ExpressibleByArgument {}
extension ConversionRecipe.Compensation: ExpressibleByArgument {}
extension SubDimensions.SparseSide: ExpressibleByArgument {}
extension SubDimensions.Gate: ExpressibleByArgument {}
extension SubDimensions.GatePlace: ExpressibleByArgument {}
extension SubDimensions.Scaling: ExpressibleByArgument {}
extension SubDimensions.Fusion: ExpressibleByArgument {}
