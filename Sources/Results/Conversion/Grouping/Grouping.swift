import Kernels
import Tensors

/// One way to sort dimensions into N equal sub-dimensions, the S shared ones first.
package protocol GroupingStrategy: Sendable {
  /// - Parameters:
  ///   - energies: e_tj of single dimensions on fitting tokens, [tokens, d].
  ///   - settings: N, S and K.
  /// - Returns: `dimension_order`: sub-dimension i is its entries i·d/N ..< (i + 1)·d/N.
  func order(energies: MatrixView, settings: ConversionRecipe.Component) -> [Int]
}

extension ConversionRecipe.Grouping {
  package var strategy: any GroupingStrategy {
    switch self {
    case .contiguous: ContiguousGrouping()
    case .importance, .subspaces: ImportanceGrouping()
    case .coactivation: CoactivationGrouping()
    }
  }
}

/// Neighbours, in the order that the basis has.
package struct ContiguousGrouping: GroupingStrategy {
  package func order(energies: MatrixView, settings: ConversionRecipe.Component) -> [Int] {
    Array(0..<energies.columnCount)
  }
}

/// By mean energy, largest first: the shared sub-dimensions hold what most tokens need, and each
/// other one holds dimensions of about one importance.
package struct ImportanceGrouping: GroupingStrategy {
  package func order(energies: MatrixView, settings: ConversionRecipe.Component) -> [Int] {
    let means = columnSums(energies)
    return means.indices.sorted { means[$0] != means[$1] ? means[$0] > means[$1] : $0 < $1 }
  }
}

/// Σ over rows of each column.
func columnSums(_ x: MatrixView) -> [Double] {
  var sums = [Double](repeating: 0, count: x.columnCount)
  x.withSpan { numbers in
    for row in 0..<x.rowCount {
      for column in 0..<x.columnCount {
        sums[column] += Double(numbers[row * x.columnCount + column])
      }
    }
  }
  return sums
}
