import Checkpoints
import Kernels
import Tensors

/// How the loss would change if a learned router chose otherwise, though unit gates do not let it
/// through: to turn sub-dimension i on or off changes it by γ_i = Σ_{j in i} z_j ∂L/∂z_j, to first
/// order, and a token that drew its specialised sub-dimension by p = softmax(logits) would expect
///
///     ∂L/∂logit_i = p_i (γ_i − Σ_k p_k γ_k)     over specialised i, k; 0 for the shared.
///
/// Source: ours; the straight-through estimator of a softmax.
package struct RouterGradient {
  /// Its scores are softmax over all N.
  package let routing: Routing
  /// The sub-dimension of each entry of z, [D].
  package let member: IndexList

  package init(routing: Routing, member: IndexList) {
    (self.routing, self.member) = (routing, member)
  }

  /// - Parameters:
  ///   - z, dz: of all sub-dimensions, active or not, [tokens, D].
  ///   - dLogits: overwritten, [tokens, N].
  package func goBack(z: MatrixView, dz: MatrixView, into dLogits: MatrixView) {
    let (shared, count) = (routing.settings.sharedCount, routing.settings.count)
    for token in 0..<z.rowCount {
      var gains = [Float](repeating: 0, count: count)
      z.rows(token..<token + 1).withSpan { z in
        dz.rows(token..<token + 1).withSpan { dz in
          for entry in z.indices { gains[Int(member.indices[entry])] += z[entry] * dz[entry] }
        }
      }
      var (total, mean): (Float, Float) = (0, 0)
      for i in shared..<count {
        total += routing.scores[token, i]
        mean += routing.scores[token, i] * gains[i]
      }
      let inverse = total > 0 ? 1 / total : 0
      for i in 0..<count {
        dLogits[token, i] =
          i < shared ? 0 : routing.scores[token, i] * inverse * (gains[i] - mean * inverse)
      }
    }
  }
}
