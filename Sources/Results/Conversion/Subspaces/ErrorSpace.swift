import Kernels
import Tensors

/// Coordinates in which the squared distance of two inputs is what their difference costs the outputs:
/// x_j = σ_j z_{o_j}, z the input in the output-aware basis, σ_j the length of the weights that read
/// entry o_j, errors of each output as heavy as the recipe counts them.
///
/// Source: ours. In that basis the weighed weights of different entries are orthogonal, so that
/// Σ_outputs h (W a − W a')² = ‖x − x'‖². Entries are in the order of their energy.
struct ErrorSpace: Sendable {
  private let survey: ComponentSurvey
  /// σ, [d].
  private let lengths: [Float]

  /// Entries whose weights are shorter than this share of the longest are taken to be as long: they
  /// cost next to nothing, and their inverse must stay finite.
  static let shortest = 1e-5

  init(_ survey: ComponentSurvey) {
    self.survey = survey
    let ordered = survey.order.map { survey.lengths[$0] }
    let longest = ordered.max() ?? 0
    // Where no output counts, every distance is as good.
    lengths = ordered.map { longest > 0 ? Float(max($0, Self.shortest * longest)) : 1 }
  }

  /// x of each row.
  ///
  /// - Parameter z: inputs in the survey's basis, [tokens, d].
  func coordinates(_ z: MatrixView) -> SharedMatrix {
    let result = SharedMatrix(rowCount: z.rowCount, columnCount: z.columnCount)
    for row in 0..<z.rowCount {
      z.rows(row..<row + 1).withSpan { z in
        result.view.rows(row..<row + 1).withMutableSpan { x in
          for index in x.indices { x[index] = z[survey.order[index]] * lengths[index] }
        }
      }
    }
    return result
  }

  /// R composed with the way from a to x: what reads the component's own input.
  ///
  /// - Parameter directions: [rows, d], over x.
  /// - Returns: [rows, d], over a.
  func overInput(_ directions: MatrixView) -> SharedMatrix {
    guard let basis = survey.basis else {
      preconditionFailure("an error space has a basis of its own")
    }
    let rows = SharedMatrix(rowCount: lengths.count, columnCount: lengths.count)
    for (index, entry) in survey.order.enumerated() {
      basis.view.rows(entry..<entry + 1).withSpan { source in
        rows.view.rows(index..<index + 1).withMutableSpan { target in
          for column in target.indices { target[column] = source[column] * lengths[index] }
        }
      }
    }
    let result = SharedMatrix(rowCount: directions.rowCount, columnCount: lengths.count)
    multiply(directions, rows.view, into: result.view)
    return result
  }

  /// The joined projections of what is given back to x: W x for each row x.
  ///
  /// - Parameter rows: [count, d], over x.
  /// - Returns: [m, count].
  func projected(_ rows: MatrixView) -> SharedMatrix {
    let weights = survey.weights.view
    let overX = SharedMatrix(rowCount: weights.rowCount, columnCount: weights.columnCount)
    for row in 0..<weights.rowCount {
      weights.rows(row..<row + 1).withSpan { source in
        overX.view.rows(row..<row + 1).withMutableSpan { target in
          for index in target.indices {
            target[index] = source[survey.order[index]] / lengths[index]
          }
        }
      }
    }
    let result = SharedMatrix(rowCount: weights.rowCount, columnCount: rows.rowCount)
    multiply(overX.view, transposed: rows, into: result.view)
    return result
  }
}
