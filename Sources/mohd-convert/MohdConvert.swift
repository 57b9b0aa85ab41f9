import ArgumentParser
import Conversion

extension ConversionRecipe.Basis: ExpressibleByArgument {}
extension ConversionRecipe.Grouping: ExpressibleByArgument {}
extension ConversionRecipe.Router: ExpressibleByArgument {}
extension ConversionRecipe.Budget: ExpressibleByArgument {}
extension ConversionRecipe.Compensation: ExpressibleByArgument {}
