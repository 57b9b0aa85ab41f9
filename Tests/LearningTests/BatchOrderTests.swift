import Learning
import Testing

@Suite("The order of batches")
struct BatchOrderTests {
  private let domains = [
    BatchOrder.Domain(name: "cc", weight: 0.67, sequenceCount: 400),
    .init(name: "code", weight: 0.25, sequenceCount: 37),
    .init(name: "none", weight: 0, sequenceCount: 0),
    .init(name: "book", weight: 0.08, sequenceCount: 9),
  ]

  @Test("A step is a function of seed and step alone")
  func pure() {
    var forward = BatchOrder(domains, seed: 3, sequencesPerStep: 12)
    let steps = (1...30).map { forward.step($0) }
    var fresh = BatchOrder(domains, seed: 3, sequencesPerStep: 12)
    #expect(fresh.step(17) == steps[16])
    #expect(fresh.step(4) == steps[3])
    var other = BatchOrder(domains, seed: 4, sequencesPerStep: 12)
    #expect(other.step(1) != steps[0])
  }

  @Test("The mix is kept to one sequence at every step")
  func mix() {
    var order = BatchOrder(domains, seed: 3, sequencesPerStep: 5)
    var counts = [0, 0, 0, 0]
    for step in 1...200 {
      for choice in order.step(step) { counts[choice.domain] += 1 }
      for (count, domain) in zip(counts, domains) {
        #expect(abs(Double(count) - domain.weight * Double(5 * step)) <= 1)
      }
    }
    #expect(counts[2] == 0)
  }

  @Test("An epoch reads every sequence once, each in an order of its own")
  func epochs() {
    var order = BatchOrder(
      [.init(name: "a", weight: 1, sequenceCount: 37)], seed: 9, sequencesPerStep: 37)
    let (first, second) = (order.step(1), order.step(2))
    #expect(Set(first.map(\.sequence)) == Set(0..<37))
    #expect(Set(second.map(\.sequence)) == Set(0..<37))
    #expect(first.map(\.sequence) != second.map(\.sequence))
    #expect(first.allSatisfy { $0.epoch == 0 } && second.allSatisfy { $0.epoch == 1 })
    #expect(order.epochs(stepCount: 3) == [3])
  }

  @Test("A permutation is one, for any count", arguments: [1, 2, 3, 16, 17, 1000])
  func bijection(count: Int) {
    let permutation = SequencePermutation(count: count, seed: 1, name: "x", epoch: 2)
    #expect(Set((0..<count).map { permutation($0) }) == Set(0..<count))
  }
}
