import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

@Suite("What a learned router would gain by choosing otherwise")
struct RouterGradientTests {
  @Test("It is the derivative of what a token that drew its choice by the scores would expect")
  func expectation() {
    let settings = SubDimensions(
      count: 5, sharedCount: 2, activeCount: 3, router: .centroid, gate: .unit)
    let logits = [0.3, -1, 0.5, 0.2, -0.7]
    let scores = softmax(logits).map { Float($0) }
    let member = IndexList([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    let (z, dz, found) = (row(10), row(10), row(5))
    for entry in 0..<10 {
      z[0, entry] = Float(entry) - 4
      dz[0, entry] = Float((entry * 7) % 5) - 1.5
    }
    RouterGradient(routing: Routing(settings: settings, scores: scores), member: member)
      .goBack(z: z, dz: dz, into: found)

    let gains = (0..<5).map { i in
      (0..<10).reduce(0.0) {
        $0 + (Int(member.indices[$1]) == i ? Double(z[0, $1] * dz[0, $1]) : 0)
      }
    }
    /// Σ p_i γ_i over the specialised.
    func expected(_ logits: [Double]) -> Double {
      let p = softmax(Array(logits[2...]))
      return zip(p, gains[2...]).reduce(0) { $0 + $1.0 * $1.1 }
    }
    for i in 0..<5 {
      var (up, down) = (logits, logits)
      up[i] += 1e-5
      down[i] -= 1e-5
      let slope = (expected(up) - expected(down)) / 2e-5
      #expect(abs(Double(found[0, i]) - slope) < 1e-4, "\(i)")
    }
    #expect(found[0, 0] == 0 && found[0, 2] != 0)
  }

  private func row(_ width: Int) -> MatrixView { Matrix(rowCount: 1, columnCount: width).view }

  private func softmax(_ logits: [Double]) -> [Double] {
    let total = logits.reduce(0) { $0 + exp($1) }
    return logits.map { exp($0) / total }
  }
}
