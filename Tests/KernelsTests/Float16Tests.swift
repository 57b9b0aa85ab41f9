import Kernels
import Testing

@Suite("Half precision")
struct Float16Tests {
  /// All halves, and what surrounds the borders: ties, subnormals, the largest, infinities.
  static let singles: [Float] =
    (0...0xffff).map { Float(Float16(bitPattern: UInt16($0))) }
    + (0..<200_000).map { Float(bitPattern: UInt32($0) &* 21473 &+ 12345) }
    + [65504, 65519.996, 65520, 65536, 1e30, 5.9604645e-8, 2.9802322e-8, 2.9802326e-8, -0.0]

  @Test("Both variants round as the language does", arguments: [true, false])
  func rounding(fastest: Bool) {
    let kernels = fastest ? Elementwise.fastest : Elementwise.baseline
    let (halves, notFinite) = kernels.float16Bits(Self.singles)
    var expectedNotFinite = 0
    for (single, half) in zip(Self.singles, halves) {
      let expected = Float16(single)
      if !expected.isFinite { expectedNotFinite += 1 }
      let same =
        expected.isNaN ? Float16(bitPattern: half).isNaN : expected.bitPattern == half
      if !same {
        Issue.record("\(single): expected \(expected.bitPattern), found \(half)")
        return
      }
    }
    #expect(notFinite == expectedNotFinite)
  }

  @Test("Widening is exact", arguments: [true, false])
  func widening(fastest: Bool) {
    let kernels = fastest ? Elementwise.fastest : Elementwise.baseline
    let halves = (0...0xffff).map { UInt16($0) }
    let singles = kernels.singles(halves)
    for (half, single) in zip(halves, singles) {
      let expected = Float(Float16(bitPattern: half))
      let same = expected.isNaN ? single.isNaN : expected.bitPattern == single.bitPattern
      if !same {
        Issue.record("\(half): expected \(expected), found \(single)")
        return
      }
    }
  }

  @Test("Counting sees infinities and numbers that are none")
  func counting() {
    let values: [Float] = [0, .infinity, 1, .nan, -.infinity, .greatestFiniteMagnitude, 2, 3, .nan]
    #expect(Elementwise.fastest.countNonFinite(values.span) == 4)
    #expect(Elementwise.baseline.countNonFinite(values.span) == 4)
  }
}
