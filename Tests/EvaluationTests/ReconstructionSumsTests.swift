import Evaluation
import Testing

/// Sums of a few Doubles.
private let tolerance = 1e-12

@Suite("Reconstruction of one hook point")
struct ReconstructionSumsTests {
  private func sums(_ a: [Float], _ b: [Float], width: Int = 2) -> ReconstructionSums {
    var sums = ReconstructionSums(width: width)
    for row in 0..<a.count / width { sums.add(a.span, b.span, row: row, width: width) }
    return sums
  }

  @Test("Equal values are perfect")
  func equal() {
    let same = sums([1, 2, 3, -4], [1, 2, 3, -4])
    #expect(same.determination == 1 && same.magnitudeRatio == 1)
    #expect(abs(same.cosine - 1) < tolerance)
  }

  @Test("The mean explains nothing, half the values have half the magnitude")
  func mean() {
    let mean = sums([1, 2, 3, -4], [2, -1, 2, -1])
    #expect(abs(mean.determination) < tolerance)
    let half = sums([1, 2, 3, -4], [0.5, 1, 1.5, -2])
    #expect(abs(half.magnitudeRatio - 0.5) < tolerance && abs(half.cosine - 1) < tolerance)
    // Σ‖a − ā‖² = 2 + 18, Σ‖a/2‖² = 7.5.
    #expect(abs(half.determination - (1 - 7.5 / 20)) < tolerance)
  }

  @Test("Parts add up, and a token of zeros has no cosine")
  func parts() {
    var first = sums([1, 2], [2, 2])
    first.add(sums([3, -4], [3, 0]))
    #expect(first == sums([1, 2, 3, -4], [2, 2, 3, 0]))
    #expect(sums([0, 0], [1, 1]).cosine == 0)
  }
}
