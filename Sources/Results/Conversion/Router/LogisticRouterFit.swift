import Foundation
import Kernels
import Tensors

/// Distils the oracle's choice: each specialised sub-dimension learns, by logistic regression on
/// the token's input, whether the oracle takes it.
///
/// Full-batch Adam from the static choice (b the logit of how often each is taken), on at most
/// `tokenLimit` tokens; inputs are scaled to unit variance on average.
struct LogisticRouterFit: RouterFit {
  static let tokenLimit = 4096
  static let stepCount = 60
  static let learningRate = 0.02

  func fit(_ task: RouterTask) -> [(weight: DoubleMatrix, bias: [Double])] {
    let step = max(1, task.energies.tokenCount / Self.tokenLimit)
    let tokens = stride(from: 0, to: task.energies.tokenCount, by: step).map { $0 }
    let (count, width) = (task.count, task.inputs.view.columnCount)
    let picked = SharedMatrix(task.inputs.view, rows: tokens)
    let means = columnMeans(picked.view)
    let inputs = centred(picked.view, means: means)
    let spread = max(crossMoments(inputs.view, inputs.view).meanDiagonal, .leastNormalMagnitude)
    let scale = 1 / (spread / Double(tokens.count)).squareRoot()

    var taken = [Double](repeating: 0, count: count)
    let targets = activeSets(
      scores: SharedMatrix(task.energies.view, rows: tokens).view, shared: task.sharedCount,
      active: task.activeCount)
    for row in tokens.indices {
      for index in 0..<count { taken[index] += Double(targets.view[row, index]) }
    }
    var bias = taken.map { share in
      let p = (share + 0.5) / (Double(tokens.count) + 1)
      return log(p / (1 - p))
    }
    var weight = DoubleMatrix(rowCount: count, columnCount: width)
    var state = AdamState(count: count * (width + 1))
    for _ in 0..<Self.stepCount {
      let scaled = weight.scalingColumns(by: [Double](repeating: scale, count: width))
      let logits = task.scores(inputs.view, weight: scaled, bias: bias)
      // dL/dlogit = σ(logit) − target.
      for row in 0..<tokens.count {
        for index in 0..<count {
          logits.view[row, index] =
            1 / (1 + exp(-logits.view[row, index])) - targets.view[row, index]
        }
      }
      let gradient = crossMoments(logits.view, inputs.view)
      let biasGradient = columnSums(logits.view)
      let factor = scale / Double(tokens.count)
      state.step(
        &weight.elements, &bias, gradient.elements.map { $0 * factor },
        biasGradient.map { $0 / Double(tokens.count) }, rate: Self.learningRate)
    }
    let result = weight.scalingColumns(by: [Double](repeating: scale, count: width))
    let shifted = bias.indices.map { index in
      bias[index] - (0..<width).reduce(0.0) { $0 + result[index, $1] * means[$1] }
    }
    return [(result, shifted)]
  }
}
