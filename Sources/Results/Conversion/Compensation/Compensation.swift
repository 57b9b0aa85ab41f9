import Kernels
import Tensors

/// What a component computes after its inactive sub-dimensions are left out, and what makes up for
/// them: z ↦ W̃ D z̃ + Σ_inactive β_i + b (a z_r).
package struct CompensatedComponent: Sendable {
  /// W̃, [m, d].
  var weights: SharedMatrix
  /// D, a factor for each sub-dimension; nil: 1.
  var scale: [Double]?
  /// β, [N, m].
  var inactiveBias: SharedMatrix?
  /// a [r, d] and b [m, r].
  var lowRank: (down: SharedMatrix, up: SharedMatrix)?

  package init(weights: SharedMatrix) { self.weights = weights }
}

/// Inputs of a component on some tokens, with what is active of each.
package struct MaskedInputs: Sendable {
  /// z, [tokens, d].
  let z: SharedMatrix
  /// z where active, else 0.
  let kept: SharedMatrix
  /// 1 where a sub-dimension is inactive, [tokens, N].
  let inactive: SharedMatrix

  /// - Parameter active: 1 and 0, [tokens, N].
  package init(_ z: SharedMatrix, order: [Int], active: SharedMatrix) {
    let (width, count) = (z.view.columnCount, active.view.columnCount)
    let size = width / count
    var subDimension = [Int](repeating: 0, count: width)
    for (position, entry) in order.enumerated() { subDimension[entry] = position / size }
    self.z = z
    kept = SharedMatrix(rowCount: z.view.rowCount, columnCount: width)
    inactive = SharedMatrix(rowCount: z.view.rowCount, columnCount: count)
    z.view.withSpan { z in
      active.view.withSpan { active in
        kept.view.withMutableSpan { kept in
          for index in z.indices {
            let (token, entry) = index.quotientAndRemainder(dividingBy: width)
            kept[index] = z[index] * active[token * count + subDimension[entry]]
          }
        }
        inactive.view.withMutableSpan { inactive in
          for index in active.indices { inactive[index] = 1 - active[index] }
        }
      }
    }
  }

  /// z where inactive, else 0.
  var rest: SharedMatrix {
    let result = SharedMatrix(rowCount: z.view.rowCount, columnCount: z.view.columnCount)
    z.view.withSpan { all in
      kept.view.withSpan { kept in
        result.view.withMutableSpan { rest in
          for index in all.indices { rest[index] = all[index] - kept[index] }
        }
      }
    }
    return result
  }

  /// Σ ‖z W − (what the component gives)‖² over tokens and outputs.
  package func error(
    of component: CompensatedComponent, target: MatrixView, size: Int, order: [Int]
  )
    -> Double
  {
    let output = SharedMatrix(rowCount: z.view.rowCount, columnCount: target.rowCount)
    let wanted = SharedMatrix(rowCount: z.view.rowCount, columnCount: target.rowCount)
    multiply(z.view, transposed: target, into: wanted.view)
    var input = kept
    if let scale = component.scale {
      input = SharedMatrix(rowCount: z.view.rowCount, columnCount: z.view.columnCount)
      for (position, entry) in order.enumerated() {
        let factor = Float(scale[position / size])
        for token in 0..<z.view.rowCount {
          input.view[token, entry] = kept.view[token, entry] * factor
        }
      }
    }
    multiply(input.view, transposed: component.weights.view, into: output.view)
    if let bias = component.inactiveBias {
      let part = SharedMatrix(rowCount: z.view.rowCount, columnCount: target.rowCount)
      multiply(inactive.view, bias.view, into: part.view)
      Elementwise.fastest.add(part.view, to: output.view)
    }
    if let (down, up) = component.lowRank {
      let inner = SharedMatrix(rowCount: z.view.rowCount, columnCount: down.view.rowCount)
      let part = SharedMatrix(rowCount: z.view.rowCount, columnCount: target.rowCount)
      multiply(rest.view, transposed: down.view, into: inner.view)
      multiply(inner.view, transposed: up.view, into: part.view)
      Elementwise.fastest.add(part.view, to: output.view)
    }
    return wanted.view.withSpan { wanted in
      output.view.withSpan { output in
        var sum = 0.0
        for index in wanted.indices {
          let difference = Double(wanted[index] - output[index])
          sum += difference * difference
        }
        return sum
      }
    }
  }
}

/// One step that lowers a component's error, on what the steps before it left.
package protocol CompensationStep: Sendable {
  /// Candidates, of which the best on held-out tokens is taken, or none if none helps.
  ///
  /// - Parameters:
  ///   - component: what was done so far.
  ///   - target: the dense joined projections in the component's basis, [m, d].
  func candidates(
    _ component: CompensatedComponent, fitting: MaskedInputs, target: MatrixView, order: [Int]
  ) -> [CompensatedComponent]
}

extension ConversionRecipe.Compensation {
  package func step(rank: Int) -> any CompensationStep {
    switch self {
    case .scale: ScaleStep()
    case .refit: RefitStep()
    case .bias: InactiveBiasStep()
    case .lowRank: LowRankStep(rank: rank)
    }
  }
}
