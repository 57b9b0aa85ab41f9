import Foundation

/// Adam's moments (Kingma and Ba 2015), for a matrix and a bias.
struct AdamState {
  private var first: [Double]
  private var second: [Double]
  private var stepIndex = 0

  init(count: Int) {
    first = [Double](repeating: 0, count: count)
    second = first
  }

  mutating func step(
    _ weight: inout [Double], _ bias: inout [Double], _ gradient: [Double],
    _ biasGradient: [Double],
    rate: Double
  ) {
    stepIndex += 1
    let (a, b) = (1 - pow(0.9, Double(stepIndex)), 1 - pow(0.999, Double(stepIndex)))
    func change(_ index: Int, _ g: Double) -> Double {
      first[index] = 0.9 * first[index] + 0.1 * g
      second[index] = 0.999 * second[index] + 0.001 * g * g
      return rate * (first[index] / a) / ((second[index] / b).squareRoot() + 1e-8)
    }
    for index in weight.indices { weight[index] -= change(index, gradient[index]) }
    for index in bias.indices { bias[index] -= change(weight.count + index, biasGradient[index]) }
  }
}
