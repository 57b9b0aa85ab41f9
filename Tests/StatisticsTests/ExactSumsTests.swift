import Kernels
import Statistics
import Testing

@Suite("Exact sums")
struct ExactSumsTests {
  private func numbers(_ count: Int, seed: UInt64) -> [Double] {
    var generator = SeededGenerator(seed: [seed])
    return (0..<count).map { _ in
      let exponent = Double(generator.next(below: 120)) - 60
      let sign = generator.next(below: 2) == 0 ? 1.0 : -1
      var power = 1.0
      for _ in 0..<Int(abs(exponent)) { power *= exponent < 0 ? 0.5 : 2 }
      return sign * power * (1 + Double(generator.next() >> 12) * 0x1p-52)
    }
  }

  @Test("any order and any cut gives the same digits")
  func order() {
    let values = numbers(600, seed: 1)
    var forward = ExactSums(count: 3)
    for row in stride(from: 0, to: 600, by: 3) { forward.add(Array(values[row..<row + 3])) }
    var backward = ExactSums(count: 3)
    var rest = ExactSums(count: 3)
    for row in stride(from: 597, through: 0, by: -3) {
      if row % 2 == 0 {
        backward.add(Array(values[row..<row + 3]))
      } else {
        rest.add(Array(values[row..<row + 3]))
      }
    }
    rest.merge(backward)
    #expect(rest.stored == forward.stored)
    #expect(rest.values == forward.values)
  }

  @Test("what is subtracted again leaves nothing")
  func cancellation() {
    let values = numbers(500, seed: 2)
    var sums = ExactSums(count: 1)
    for value in values { sums.add([value]) }
    sums.add([1e-300])
    sums.add([-0.0])
    for value in values.reversed() { sums.add([-value]) }
    #expect(sums.values == [1e-300])
    sums.add([-1e-300])
    #expect(sums.values == [0])
    #expect(sums.stored == ExactSums(count: 1).stored)
  }

  @Test(
    "extremes are held exactly",
    arguments: [
      Double.leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, 1, -1,
      -Double.leastNonzeroMagnitude, -.greatestFiniteMagnitude, 4_294_967_296, -2_147_483_648,
    ])
  func extremes(value: Double) throws {
    var sums = ExactSums(count: 2)
    sums.add([0, value])
    #expect(sums.values == [0, value])
    let again = try #require(ExactSums(stored: sums.stored, count: 2))
    #expect(again.values == [0, value])
    #expect(again.stored == sums.stored)
  }

  @Test("damaged digits are refused")
  func damaged() {
    var sums = ExactSums(count: 2)
    sums.add([1, 2])
    let stored = sums.stored
    #expect(ExactSums(stored: stored, count: 3) == nil)
    #expect(ExactSums(stored: stored.dropLast(), count: 2) == nil)
    #expect(ExactSums(stored: [], count: 2) == nil)
    var wild = stored
    wild[3] = .max
    #expect(ExactSums(stored: wild, count: 2) == nil)
    wild = stored
    wild[1] = -1
    #expect(ExactSums(stored: wild, count: 2) == nil)
    wild[1] = .max
    #expect(ExactSums(stored: wild, count: 2) == nil)
  }
}
