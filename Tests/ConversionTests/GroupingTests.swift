import Conversion
import Kernels
import Tensors
import Testing

@Suite("Grouping dimensions")
struct GroupingTests {
  /// Tokens that each need one of four planted sets of four dimensions, spread over 16.
  private func planted() -> SharedMatrix {
    var generator = SeededGenerator(seed: [5])
    let energies = SharedMatrix(rowCount: 400, columnCount: 16)
    for token in 0..<400 {
      let group = generator.next(below: 4)
      for dimension in 0..<16 {
        let noise = Float.random(in: 0...0.05, using: &generator)
        energies.view[token, dimension] = noise + (dimension % 4 == group ? 1 : 0)
      }
    }
    return energies
  }

  private let settings = ConversionRecipe.Component(
    subDimensionCount: 4, sharedCount: 0, activeCount: 1)

  /// Energy that each token's best group captures.
  private func captured(_ energies: SharedMatrix, _ order: [Int]) -> Double {
    let root = SharedMatrix(rowCount: 400, columnCount: 16)
    for token in 0..<400 {
      for column in 0..<16 { root.view[token, column] = energies.view[token, column].squareRoot() }
    }
    let grouped = SubDimensionEnergies(
      root.view, norms: [Float](repeating: 1, count: 16), order: order, count: 4)
    return 1 - grouped.lossOfBest(shared: 0)[1]
  }

  @Test("Every grouping is a permutation", arguments: ConversionRecipe.Grouping.allCases)
  func permutation(kind: ConversionRecipe.Grouping) {
    let order = kind.strategy.order(energies: planted().view, settings: settings)
    #expect(order.sorted() == Array(0..<16))
  }

  @Test("Co-activation finds planted groups, and captures no less than importance")
  func coactivation() {
    let energies = planted()
    let importance = ConversionRecipe.Grouping.importance.strategy.order(
      energies: energies.view, settings: settings)
    let found = ConversionRecipe.Grouping.coactivation.strategy.order(
      energies: energies.view, settings: settings)
    #expect(captured(energies, found) >= captured(energies, importance))
    #expect(captured(energies, found) > 0.85)
  }
}
