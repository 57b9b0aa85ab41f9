import Activations
import Kernels
import Tensors

/// Random numbers that belong to tokens: those of a token derive from the seed, what they are for,
/// and its place in the corpus, so that neither batches nor threads change them.
package struct TokenDraws: Sendable {
  let seed: UInt64
  /// What the numbers are for: layer, component or hook point.
  let words: [UInt64]

  package init(seed: UInt64, words: [UInt64]) {
    self.seed = seed
    self.words = words
  }

  /// `count` numbers in 0..<1 for each token, multiples of 2⁻²⁴: [tokens, count].
  ///
  ///     u = (upper 24 bits of xoshiro256**) / 2²⁴,   seeded by
  ///     (seed, words…, document, sequence, position) as `SeededGenerator` says
  package func uniform(_ tokens: [TokenPlace], count: Int) -> MatrixView {
    let draws = Matrix(rowCount: tokens.count, columnCount: count).view
    for (row, token) in tokens.enumerated() {
      let place = [token.document, token.sequence, token.position].map { UInt64($0) }
      var generator = SeededGenerator(seed: [seed] + words + place)
      for column in 0..<count {
        draws[row, column] = Float(generator.next() >> 40) * 0x1p-24
      }
    }
    return draws
  }
}
