import Activations
import Kernels
import Models
import Tensors

/// Which dimensions of a token are set to zero: a fraction of them, by magnitude.
public struct ZeroedDimensions: Codable, Sendable, Hashable {
  public enum Order: String, Codable, Sendable, CaseIterable {
    /// The largest.
    case top
    /// Drawn evenly for each token.
    case random
    /// The smallest.
    case bottom
  }

  public var order: Order
  /// ⌈fraction · D⌉ of D dimensions are zeroed; in 0…1.
  public var fraction: Double

  public init(order: Order, fraction: Double) {
    self.order = order
    self.fraction = fraction
  }

  /// Dimensions that are zeroed of `width`: ⌈f·D − 1e-9⌉, so that rounding adds none.
  public func count(of width: Int) -> Int {
    min(width, max(0, Int((fraction * Double(width) - 1e-9).rounded(.up))))
  }
}

/// Zeroes a fraction of each token's own dimensions of attention_input and ffn_input.
///
/// Of equal magnitudes the lower index goes first. Position 0 of a sequence is treated like any
/// other.
package struct MagnitudeEdit: ActivationEdit {
  let zeroed: ZeroedDimensions
  /// Of `random`.
  let seed: UInt64

  package init(zeroed: ZeroedDimensions, seed: UInt64) {
    self.zeroed = zeroed
    self.seed = seed
  }

  package func edit(_ values: MatrixView, tokens: [TokenPlace], at site: ActivationSite) {
    let (rowCount, width) = (values.rowCount, values.columnCount)
    let count = zeroed.count(of: width)
    guard count > 0 else { return }
    let scores = scores(values, tokens, at: site)
    let chosen = Matrix(rowCount: rowCount, columnCount: width).view
    SubDimensionKernels.fastest.choose(scores, sharedCount: 0, activeCount: count, into: chosen)
    for row in 0..<rowCount {
      for column in 0..<width where chosen[row, column] != 0 { values[row, column] = 0 }
    }
  }

  /// The larger, the sooner zeroed: [tokens, hidden].
  private func scores(
    _ values: MatrixView, _ tokens: [TokenPlace], at site: ActivationSite
  ) -> MatrixView {
    let sign: Float
    switch zeroed.order {
    case .random:
      return TokenDraws(
        seed: seed, words: [UInt64(site.layer), site.hookPoint == .attentionInput ? 2 : 3]
      ).uniform(tokens, count: values.columnCount)
    case .top: sign = 1
    case .bottom: sign = -1
    }
    let scores = Matrix(rowCount: values.rowCount, columnCount: values.columnCount).view
    for row in 0..<values.rowCount {
      for column in 0..<values.columnCount {
        scores[row, column] = sign * abs(values[row, column])
      }
    }
    return scores
  }
}
