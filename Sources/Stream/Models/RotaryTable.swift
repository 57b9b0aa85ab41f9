import Checkpoints
import Foundation
import Kernels
import Tensors

/// Cosines and sines of the rotary position embedding, for all positions of the longest sequence.
///
///     angle(p, i) = p · f_i        f_i = θ^(−2i / d_h), scaled as the configuration says
///
/// Computed in Float32 in the order of Hugging Face's implementation, so that angles at distant
/// positions round alike. Source: RoFormer (arXiv 2104.09864), Section 3.2.2; LLaMA-3's scaling as
/// in its released configuration (`rope_type: llama3`).
final class RotaryTable: Sendable {
  private let cosineStorage: Matrix  // [positions, head size / 2]
  private let sineStorage: Matrix  // [positions, head size / 2]

  /// - Parameter isInverse: turn back instead, as gradients have to.
  init(_ configuration: ModelConfiguration, positionCount: Int, isInverse: Bool = false) {
    let frequencies = Self.frequencies(configuration)
    let half = frequencies.count
    let cosine = Matrix(rowCount: positionCount, columnCount: half)
    let sine = Matrix(rowCount: positionCount, columnCount: half)
    for position in 0..<positionCount {
      for (i, frequency) in frequencies.enumerated() {
        let angle = Float(position) * frequency
        cosine.view[position, i] = cosf(angle)
        sine.view[position, i] = isInverse ? -sinf(angle) : sinf(angle)
      }
    }
    cosineStorage = cosine
    sineStorage = sine
  }

  /// Rotates one head, [tokens, head size], whose first token stands at `position`.
  func apply(to head: MatrixView, from position: Int, kernels: Elementwise) {
    let rows = position..<position + head.rowCount
    kernels.rotary(
      head, cosine: cosineStorage.rows(rows), sine: sineStorage.rows(rows), into: head)
  }

  /// f_i for i in 0..<(head size / 2), in radians per position.
  static func frequencies(_ configuration: ModelConfiguration) -> [Float] {
    let size = configuration.headSize
    let base = Float(configuration.ropeTheta)
    let plain = (0..<size / 2).map { i in 1 / powf(base, Float(2 * i) / Float(size)) }
    switch configuration.ropeScaling {
    case .none:
      return plain
    case .linear(let factor):
      return plain.map { $0 / Float(factor) }
    case .llama3(let factor, let lowFactor, let highFactor, let originalLength):
      return plain.map {
        llama3(
          $0, factor: Float(factor), low: Float(lowFactor), high: Float(highFactor),
          length: Float(originalLength))
      }
    case .frequencyFactors(let factors):
      return zip(plain, factors).map { $0 / $1 }
    }
  }

  /// Slow rotations are slowed by `factor`, fast ones are kept, those between are blended.
  private static func llama3(
    _ frequency: Float, factor: Float, low: Float, high: Float, length: Float
  ) -> Float {
    let wavelength = 2 * Float.pi / frequency
    if wavelength < length / high { return frequency }
    if wavelength > length / low { return frequency / factor }
    let smooth = (length / wavelength - low) / (high - low)
    return (1 - smooth) * frequency / factor + smooth * frequency
  }
}
