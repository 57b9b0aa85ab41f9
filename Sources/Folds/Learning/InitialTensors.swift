import Checkpoints
import Foundation
import Kernels
import Models
import Tensors

/// Where training begins: every number a function of (seed, the tensor's name, row, column).
///
/// So arms of different width or router share what they have in common: the first rows and columns of
/// a wider model's matrix are the narrower one's, and nothing depends on the order in which tensors
/// are made. Matrices are normal, gains and scales 1, biases 0; bases and fusion change nothing.
public enum InitialTensors {
  /// Overwrites all of `tensors`.
  public static func fill(
    _ tensors: ModelTensors, seed: UInt64, deviation: Double, pool: WorkerPool
  ) {
    pool.forEach(tensors.entries.count) { index, _ in
      let entry = tensors.entries[index]
      let matrix = tensors.matrix(entry)
      switch start(of: entry.key) {
      case .constant(let value): fill(matrix, value)
      case .identity: fillIdentity(matrix, blockSize: entry.shape.last ?? 1)
      case .normal: fillNormal(matrix, seed: seed, name: entry.name, deviation: deviation)
      }
    }
  }

  private enum Start {
    case constant(Float), normal
    /// Square blocks below each other, each the identity.
    case identity
  }

  private static func start(of key: TensorKey) -> Start {
    switch key.role {
    case .llama(let role):
      switch role {
      case .attentionNorm, .ffnNorm, .finalNorm: .constant(1)
      case .queryBias, .keyBias, .valueBias, .attentionOutputBias, .gateBias, .upBias, .downBias:
        .constant(0)
      default: .normal
      }
    case .mohd(let role, _):
      switch role {
      case .routerWeight, .lowRankDown: .normal
      case .scale: .constant(1)
      case .basis, .basisLeft, .basisRight, .fusionLeft, .fusionRight: .identity
      default: .constant(0)
      }
    }
  }

  private static func fill(_ matrix: MatrixView, _ value: Float) {
    for row in 0..<matrix.rowCount {
      for column in 0..<matrix.columnCount { matrix[row, column] = value }
    }
  }

  private static func fillIdentity(_ matrix: MatrixView, blockSize: Int) {
    fill(matrix, 0)
    for row in 0..<matrix.rowCount { matrix[row, row % blockSize] = 1 }
  }

  /// Box and Muller's normal numbers, two uniform ones for each.
  private static func fillNormal(
    _ matrix: MatrixView, seed: UInt64, name: String, deviation: Double
  ) {
    let key = SeededGenerator.mix(seed) ^ nameKey(name)
    for row in 0..<matrix.rowCount {
      let rowKey = SeededGenerator.mix(key ^ SeededGenerator.mix(UInt64(row)))
      for column in 0..<matrix.columnCount {
        let first = SeededGenerator.mix(rowKey ^ SeededGenerator.mix(2 * UInt64(column) + 1))
        let second = SeededGenerator.mix(rowKey ^ SeededGenerator.mix(2 * UInt64(column) + 2))
        let radius = (-2 * log(1 - uniform(first))).squareRoot()
        matrix[row, column] = Float(deviation * radius * cos(2 * Double.pi * uniform(second)))
      }
    }
  }

  /// In 0..<1, of the upper 53 bits.
  private static func uniform(_ bits: UInt64) -> Double { Double(bits >> 11) * 0x1p-53 }

  /// FNV-1a (64 bits) of the name, spread.
  private static func nameKey(_ name: String) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return SeededGenerator.mix(hash)
  }
}
