import Evaluation
import Testing

/// Sums of a few Doubles.
private let tolerance = 1e-12

@Suite("Ratios of sums and their standard errors")
struct RatioEstimateTests {
  @Test("Two documents of equal length give the standard error of their mean")
  func mean() throws {
    var ratio = RatioEstimate()
    ratio.append(2, over: 1)
    ratio.append(4, over: 1)
    let estimate = try #require(ratio.estimate)
    #expect(abs(estimate.value - 3) < tolerance)
    // √2 / √2: the sample deviation over the root of the number.
    #expect(abs(try #require(estimate.standardError) - 1) < tolerance)
  }

  @Test("Documents in proportion have no error; one document's is unknown; none have no ratio")
  func extremes() throws {
    var ratio = RatioEstimate()
    #expect(ratio.estimate == nil)
    ratio.append(0, over: 0)
    #expect(ratio.estimate == nil)
    ratio.append(3, over: 2)
    #expect(ratio.estimate == Estimate(1.5))
    ratio.append(6, over: 4)
    #expect(ratio.estimate == Estimate(1.5, standardError: 0))
  }

  @Test("An exponential multiplies the error, a logarithm divides it")
  func deltaMethod() {
    let one = Estimate(0, standardError: 0.5).exponential
    #expect(one == Estimate(1, standardError: 0.5))
    #expect(Estimate(2, standardError: 0.5).logarithm.standardError == 0.25)
  }
}
