import Checkpoints
import Kernels
import Models
import Tensors

/// AdamW over all parameters, with the gradient's norm cut off first.
public final class Optimizer {
  public let settings: AdamSettings
  /// Exponential means of the gradient and of its square, in the weights' places.
  public let firstMoment: ModelTensors
  public let secondMoment: ModelTensors
  private let pool: WorkerPool
  private let pieces: [Piece]
  private let squares: Matrix  // [1, 2 · pieces]: each as two floats

  /// Some elements of one tensor.
  private struct Piece: Sendable {
    let range: Range<Int>
    let decays: Bool
  }

  public init(_ tensors: ModelTensors, settings: AdamSettings, pool: WorkerPool) {
    self.settings = settings
    self.pool = pool
    firstMoment = tensors.zeros()
    secondMoment = tensors.zeros()
    pieces = tensors.entries.flatMap { entry in
      stride(from: entry.range.lowerBound, to: entry.range.upperBound, by: Self.pieceSize).map {
        Piece(
          range: $0..<min($0 + Self.pieceSize, entry.range.upperBound),
          decays: entry.shape.count > 1 && !entry.key.isBias)
      }
    }
    squares = Matrix(rowCount: 1, columnCount: 2 * pieces.count)
  }

  private static let pieceSize = 1 << 15

  /// The Euclidean norm of all gradients, summed in double precision in a fixed order.
  public func norm(of gradients: ModelTensors) -> Double {
    let (pieces, squares) = (pieces, squares.view)
    pool.forEach(pieces.count) { index, _ in
      let sum = GradientKernels.fastest.sumOfSquares(
        gradients.storage.columns(pieces[index].range))
      let high = Float(sum)
      squares[0, 2 * index] = high
      squares[0, 2 * index + 1] = Float(sum - Double(high))
    }
    return (0..<2 * pieces.count).reduce(0.0) { $0 + Double(squares[0, $1]) }.squareRoot()
  }

  /// One step.
  ///
  /// - Parameters:
  ///   - step: from 1.
  ///   - clip: the norm that the gradient is cut to; 0: none.
  ///   - norm: the gradient's.
  public func step(
    _ step: Int, _ weights: ModelTensors, _ gradients: ModelTensors, rate: Double, clip: Double,
    norm: Double
  ) {
    let (pieces, settings) = (pieces, settings)
    let (first, second) = (firstMoment.storage, secondMoment.storage)
    let debias = AdamStep(step, settings.kernel)
    // As PyTorch's clip_grad_norm_ has it.
    let factor = clip > 0 ? Float(min(1, clip / (norm + 1e-6))) : 1
    pool.forEach(pieces.count) { index, _ in
      let range = pieces[index].range
      TrainingKernels.fastest.adamW(
        weights.storage.columns(range), firstMoment: first.columns(range),
        secondMoment: second.columns(range), gradient: gradients.storage.columns(range),
        settings: settings.kernel, step: debias, rate: rate,
        decay: pieces[index].decays ? settings.weightDecay : 0, factor: factor)
    }
  }
}

extension TensorKey {
  /// Whether a matrix is one of biases, a row for each sub-dimension.
  fileprivate var isBias: Bool {
    if case .mohd(.inactiveBias, _) = role { return true }
    return false
  }
}
