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
    #expect(ratio.estimate == Estimate(1.5, standardError: 0, degreesOfFreedom: 1))
  }

  @Test(
    "Quantiles of Student's t are those of tables",
    arguments: [
      (1.0, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (5, 2.57058), (10, 2.22814),
      (30, 2.04227), (100, 1.98397), (.infinity, 1.95996),
    ])
  func student(degrees: Double, expected: Double) {
    // The tables' own rounding.
    #expect(abs(StudentT.quantile975(degreesOfFreedom: degrees) - expected) < 1e-5)
  }

  @Test("An interval knows from how few documents its error comes")
  func interval() throws {
    let few = try #require(Estimate(1, standardError: 1, degreesOfFreedom: 2).interval)
    let many = try #require(Estimate(1, standardError: 1).interval)
    #expect(abs(few.high - 5.30265) < 1e-4 && abs(few.low + 3.30265) < 1e-4)
    #expect(abs(many.high - 2.95996) < 1e-4)
    #expect(Estimate(1).interval == nil)
    #expect(Estimate(2, standardError: 0.6, degreesOfFreedom: 2).isOneWithinError)
    #expect(!Estimate(2, standardError: 0.6).isOneWithinError)
  }

  @Test("A mean of independent numbers has the degrees of Welch and Satterthwaite")
  func independent() throws {
    let mean = try #require(
      Estimate.mean([
        Estimate(1, standardError: 3, degreesOfFreedom: 2),
        Estimate(3, standardError: 4, degreesOfFreedom: 4),
      ]))
    #expect(mean.value == 2 && mean.standardError == 2.5)
    // 25² / (81 / 2 + 256 / 4)
    #expect(abs(try #require(mean.degreesOfFreedom) - 625 / 104.5) < tolerance)
    #expect(Estimate.mean([Estimate(1), Estimate(3, standardError: 4)]) == Estimate(2))
    #expect(Estimate.mean([]) == nil)
  }

  @Test("An exponential multiplies the error, a logarithm divides it")
  func deltaMethod() {
    let one = Estimate(0, standardError: 0.5).exponential
    #expect(one == Estimate(1, standardError: 0.5))
    #expect(Estimate(2, standardError: 0.5).logarithm.standardError == 0.25)
  }
}
