import Checkpoints
import Conversion
import Kernels
import Tensors
import Testing

/// Tokens with planted directions: all of them in the first entries, whose mean tells the kinds
/// apart, and each kind in entries of its own.
private struct Planted {
  static let width = 32
  static let size = 4
  static let tokenCount = 1536
  let kinds: [Int]
  let x: SharedMatrix
  let heldOut: SharedMatrix
  let heldOutKinds: [Int]

  /// - Parameter perToken: kinds that a token has at once.
  init(kindCount: Int, perToken: Int = 1, seed: UInt64 = 7) {
    var generator = SeededGenerator(seed: [seed])
    func normal() -> Float {
      // Twelve uniform numbers: near enough, and the same everywhere.
      (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &generator) }
    }
    func tokens() -> (SharedMatrix, [Int]) {
      let x = SharedMatrix(rowCount: Self.tokenCount, columnCount: Self.width)
      var kinds: [Int] = []
      for token in 0..<Self.tokenCount {
        for column in 0..<Self.size { x.view[token, column] = 2 * normal() }
        for column in Self.size..<Self.width { x.view[token, column] = 0.1 * normal() }
        let first = Int.random(in: 0..<kindCount, using: &generator)
        kinds.append(first)
        x.view[token, first % Self.size] += first < Self.size ? 9 : -9
        for place in 0..<perToken {
          let kind = (first + place) % kindCount
          for entry in 0..<Self.size {
            x.view[token, Self.size + kind * Self.size + entry] = normal()
          }
        }
      }
      return (x, kinds)
    }
    (x, kinds) = tokens()
    (heldOut, heldOutKinds) = tokens()
  }
}

@Suite("Local subspaces")
struct LocalSubspacesTests {
  private func counts(_ n: Int, _ s: Int, _ k: Int) -> ConversionRecipe.Component {
    .init(subDimensionCount: n, sharedCount: s, activeCount: k)
  }

  private func fit(
    _ data: Planted, _ counts: ConversionRecipe.Component, seed: UInt64 = 0
  ) throws -> SubspaceFit.Outcome {
    try #require(
      SubspaceFit(counts: counts, size: Planted.size, seed: seed)
        .fit(data.x.view, heldOut: data.heldOut.view))
  }

  @Test("Planted clusters, their directions and a router to them are found", arguments: [2, 4, 6])
  func planted(kindCount: Int) throws {
    let data = Planted(kindCount: kindCount)
    let counts = counts(kindCount + 1, 1, 2)
    let outcome = try fit(data, counts)
    let fixed = SubspaceFit.staticError(data.heldOut.view, width: 2 * Planted.size)
    // What is left is noise of variance 0.01 in the entries of other kinds.
    #expect(outcome.oracleError < 0.02)
    #expect(outcome.routedError < 0.25 * fixed, "\(outcome.routedError) of \(fixed)")
    #expect(outcome.chosen.agreement(with: outcome.best) > 0.9)
    // Each kind has a cluster of its own.
    var clusters = [[Int: Int]](repeating: [:], count: kindCount)
    for (token, kind) in data.heldOutKinds.enumerated() {
      for cluster in outcome.best[token] { clusters[kind][cluster, default: 0] += 1 }
    }
    let owners = clusters.map { $0.max { $0.value < $1.value }?.key ?? -1 }
    #expect(Set(owners).count == kindCount, "\(clusters)")
  }

  @Test("A router that is zeroed or permuted chooses worse")
  func alive() throws {
    let data = Planted(kindCount: 4)
    let outcome = try fit(data, counts(5, 1, 2))
    func error(_ router: SubspaceRouter) -> Double {
      outcome.subspaces.error(
        data.heldOut.view, choices: router.choices(data.heldOut.view, perToken: 1))
    }
    let own = error(outcome.router)
    var zero = outcome.router
    zero.weight.scale(by: 0)
    var permuted = outcome.router
    permuted.weight = outcome.router.weight.rows([1, 2, 3, 0])
    #expect(error(zero) > 2 * own)
    #expect(error(permuted) > 2 * own)
  }

  @Test("With two specialised sub-dimensions at once, the second serves what the first leaves")
  func severalAtOnce() throws {
    let data = Planted(kindCount: 5, perToken: 2)
    let outcome = try fit(data, counts(6, 1, 3))
    let fixed = SubspaceFit.staticError(data.heldOut.view, width: 3 * Planted.size)
    #expect(outcome.routedError < 0.5 * fixed, "\(outcome.routedError) of \(fixed)")
    for token in 0..<20 { #expect(Set(outcome.chosen[token]).count == 2) }
  }

  @Test("More clusters leave no more of the fitting tokens")
  func moreClusters() throws {
    let data = Planted(kindCount: 6)
    let errors = try [2, 3, 6].map { clusters in
      let outcome = try fit(data, counts(clusters + 1, 1, 2))
      let best = ClusterChoices(
        scores: outcome.subspaces.gains(data.x.view).view, perToken: 1)
      return outcome.subspaces.error(data.x.view, choices: best)
    }
    #expect(errors[0] > errors[1] && errors[1] > errors[2], "\(errors)")
  }

  @Test("Equal seeds give equal subspaces and routers")
  func seeds() throws {
    let data = Planted(kindCount: 4)
    let (one, other) = (try fit(data, counts(5, 1, 2)), try fit(data, counts(5, 1, 2)))
    #expect(one.subspaces.analysis.view.elements() == other.subspaces.analysis.view.elements())
    #expect(one.router.weight == other.router.weight)
  }

  @Test("Fewer tokens than clusters need are no basis for a fit")
  func tooFew() {
    let data = Planted(kindCount: 4)
    let some = SharedMatrix(data.x.view, rows: Array(0..<60))
    #expect(
      SubspaceFit(counts: counts(5, 1, 2), size: 4, seed: 0)
        .fit(some.view, heldOut: data.heldOut.view) == nil)
  }

  @Test("A refit of what is given back leaves less of the fitting tokens, and R is its limit")
  func refit() throws {
    let data = Planted(kindCount: 5, perToken: 2)
    let found = try #require(
      SubspaceClustering(counts: counts(6, 1, 3), size: 4, seed: 0).fit(data.x.view))
    let choices = ClusterChoices(scores: found.gains(data.x.view).view, perToken: 2)
    let candidates = SubspaceRefit().candidates(found, data.x.view, choices: choices)
    let least = candidates.map { $0.error(data.x.view, choices: choices) }.min()
    #expect(try #require(least) < found.error(data.x.view, choices: choices))
  }

  @Test("What is left out is what the gains do not hold")
  func errorOfGains() throws {
    let data = Planted(kindCount: 4)
    let found = try fit(data, counts(5, 1, 2)).subspaces
    let x = data.heldOut.view
    let fresh = try #require(
      SubspaceClustering(counts: counts(5, 1, 2), size: 4, seed: 0).fit(data.x.view))
    for subspaces in [found, fresh] {
      let gains = subspaces.gains(x)
      let choices = ClusterChoices(scores: gains.view, perToken: 1)
      let (short, whole) = (
        subspaces.error(x, choices: choices, gains: gains.view),
        subspaces.error(x, choices: choices)
      )
      #expect(abs(short - whole) < 1e-3 * whole)
    }
  }

  @Test("K follows from N, the active fraction and the width, S and N from K")
  func countsOfOptions() {
    func found(_ n: Int?, _ s: Int?, _ k: Int?, _ f: Double, _ times: Double) -> [Int] {
      let c = ConversionRecipe.Component.subspaces(
        count: n, sharedCount: s, activeCount: k, fraction: f, times: times)
      return [c.subDimensionCount, c.sharedCount, c.activeCount]
    }
    #expect(found(8, 3, nil, 0.5, 1) == [8, 3, 4])
    #expect(found(16, 3, nil, 0.5, 2) == [16, 3, 4])
    #expect(found(nil, nil, nil, 0.5, 1) == [4, 1, 2])
    #expect(found(nil, nil, nil, 0.5, 4) == [16, 1, 2])
    #expect(found(8, nil, nil, 1, 2) == [8, 7, 8])
  }

  @Test("Leading eigenvectors are those of the whole decomposition, up to their sign")
  func leading() throws {
    let data = Planted(kindCount: 3)
    let moments = crossMoments(data.x.view, data.x.view)
    let (_, all) = try #require(moments.symmetricEigen())
    let some = try #require(moments.leadingEigenvectors(5))
    for index in 0..<5 {
      let product = (0..<Planted.width).reduce(0.0) { $0 + some[index, $1] * all[$1, index] }
      #expect(abs(abs(product) - 1) < 1e-9)
    }
  }
}
