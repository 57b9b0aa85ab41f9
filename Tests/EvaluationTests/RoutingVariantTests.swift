import Activations
import Checkpoints
import Evaluation
import Models
import Tensors
import Testing

@Suite("Routing variants")
struct RoutingVariantTests {
  private let places = (0..<40).map {
    TokenPlace(document: 2, sequence: $0 / 16, position: $0 % 16)
  }

  private func settings(_ count: Int, _ shared: Int, _ active: Int) -> SubDimensions {
    SubDimensions(count: count, sharedCount: shared, activeCount: active)
  }

  private func routing(_ settings: SubDimensions, tokens: Int = 40) -> Routing {
    var state: UInt64 = 3
    return Routing(
      settings: settings,
      scores: (0..<tokens * settings.count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / Float(1 << 24)
      })
  }

  private func sets(
    _ override: some RoutingOverride, _ routing: Routing, tokens: [TokenPlace],
    energies: [Float]? = nil
  ) -> [[Int]] {
    let matrix = energies.map {
      Matrix(rowCount: routing.tokenCount, columnCount: routing.settings.count, elements: $0).view
    }
    override.choose(routing, energies: matrix, tokens: tokens, layer: 1, component: .ffn)
    return (0..<routing.tokenCount).map { routing.activeSet(token: $0) }
  }

  @Test("Where all are active every variant but shared and specialised only agrees")
  func allActive() {
    let settings = settings(6, 2, 6)
    for variant in [RoutingVariant.own, .random, .oracle, .all, .fixed] {
      let routing = routing(settings)
      let found = sets(
        VariantRouting(variant, seed: 1), routing, tokens: places,
        energies: routing.scores.elements())
      #expect(found.allSatisfy { $0 == Array(0..<6) }, "\(variant)")
    }
  }

  @Test("Every variant has as many active as it says, shared ones among them but for one")
  func counts() {
    for (count, shared, active) in [(8, 3, 4), (8, 3, 7), (8, 0, 2), (4, 1, 1), (36, 9, 18)] {
      let settings = settings(count, shared, active)
      for (variant, expected) in [
        (RoutingVariant.own, active), (.random, active), (.oracle, active), (.all, count),
        (.sharedOnly, shared), (.specialisedOnly, min(active, count - shared)),
      ] {
        let routing = routing(settings)
        let found = sets(
          VariantRouting(variant, seed: 9), routing, tokens: places,
          energies: routing.scores.elements())
        #expect(found.allSatisfy { $0.count == expected }, "\(variant) of \(settings)")
        let isWithout = variant == .specialisedOnly
        #expect(
          found.allSatisfy { set in (0..<shared).allSatisfy { set.contains($0) != isWithout } })
      }
    }
  }

  @Test("Random sets belong to tokens: panels do not change them, places, layers and seeds do")
  func random() {
    let settings = settings(16, 2, 6)
    let override = VariantRouting(.random, seed: 4)
    let whole = sets(override, routing(settings), tokens: places)
    let part = sets(override, routing(settings, tokens: 10), tokens: Array(places[30...]))
    #expect(Array(whole[30...]) == part)
    #expect(Set(whole).count > 30)
    #expect(sets(VariantRouting(.random, seed: 5), routing(settings), tokens: places) != whole)
    // Even use: 40 · 4 / 14 = 11.4 each, with a standard deviation of 2.9.
    for i in 2..<16 { #expect((2...22).contains(whole.count { $0.contains(i) })) }
  }

  /// By an independent program: see `draws` in Tests/Oracles/compare_ablation.py.
  @Test("A token's numbers are those of the oracle script")
  func draws() {
    let numbers = TokenDraws(seed: 7, words: [5, 1]).uniform(
      [TokenPlace(document: 3, sequence: 0, position: 9)], count: 4)
    #expect(numbers.elements() == [6_301_837, 7_638_358, 813_978, 4_342_592].map { $0 * 0x1p-24 })
  }

  @Test("One that is knocked out is never active, and the others stay as they were")
  func knockOut() {
    let settings = settings(8, 3, 5)
    for index in [0, 4] {
      let own = (0..<40).map { routing(settings).activeSet(token: $0) }
      let place = SubDimensionPlace(layer: 1, component: .ffn, index: index)
      #expect(
        sets(KnockOut(place: place), routing(settings), tokens: places)
          == own.map { $0.filter { $0 != index } })
      let elsewhere = SubDimensionPlace(layer: 0, component: .ffn, index: index)
      #expect(sets(KnockOut(place: elsewhere), routing(settings), tokens: places) == own)
    }
  }
}

@Suite("Zeroing by magnitude")
struct MagnitudeEditTests {
  private let site = ActivationSite(layer: 0, hookPoint: .ffnInput)
  private let token = [TokenPlace(document: 0, sequence: 0, position: 1)]

  private func edited(_ values: [Float], _ order: ZeroedDimensions.Order, _ fraction: Double)
    -> [Float]
  {
    let matrix = Matrix(rowCount: 1, columnCount: values.count, elements: values)
    MagnitudeEdit(zeroed: ZeroedDimensions(order: order, fraction: fraction), seed: 1)
      .edit(matrix.view, tokens: token, at: site)
    return matrix.view.elements()
  }

  @Test("takes the largest or the smallest by magnitude, of equal ones the lower index")
  func orders() {
    let values: [Float] = [1, -4, 2, 0.5, -2, 3]
    #expect(edited(values, .top, 0.5) == [1, 0, 0, 0.5, -2, 0])
    #expect(edited(values, .bottom, 0.5) == [0, -4, 0, 0, -2, 3])
    #expect(edited(values, .random, 0.5).count { $0 == 0 } == 3)
    for order in ZeroedDimensions.Order.allCases {
      #expect(edited(values, order, 0) == values)
      #expect(edited(values, order, 1).allSatisfy { $0 == 0 })
    }
  }

  @Test("counts ⌈fraction · D⌉, without what rounding adds")
  func counts() {
    for (fraction, width, count) in [
      (0.1, 10, 1), (0.1, 576, 58), (0.25, 576, 144), (0.3, 10, 3), (1, 7, 7), (0, 7, 0),
    ] {
      #expect(ZeroedDimensions(order: .top, fraction: fraction).count(of: width) == count)
    }
  }
}
