import Kernels
import Tensors
import Testing

/// The loops in C against naive twins, in both variants.
@Suite("Inner loops of the statistics")
struct KernelLoopsTests {
  /// Half-integers, so that ties are common; a row of zeros among them.
  private func rows(_ count: Int, _ width: Int) -> Matrix {
    var generator = SeededGenerator(seed: [UInt64(width), UInt64(count)])
    let elements = (0..<count * width).map { place in
      place / width == 2 ? 0 : Float(generator.next(below: 41) - 20) / 2
    }
    return Matrix(rowCount: count, columnCount: width, elements: elements)
  }

  private func plan(_ width: Int) -> OrderPlan {
    OrderPlan(
      curve: Array(1...width), top: [1, (width + 1) / 2, width], energyShares: [0.5, 0.9],
      maximumFractions: [0.5], limits: [Float(1).bitPattern, Float(3.5).bitPattern].map(Int32.init))
  }

  @Test(
    "order, sets, windows and counts are what naive loops give",
    arguments: [1, 2, 7, 8, 9, 31, 33, 63, 64, 65, 130, 200], StatisticsVariant.available)
  func naive(width: Int, variant: StatisticsVariant) throws {
    let count = 21
    let matrix = rows(count, width)
    let x = matrix.view
    var order = TokenOrder(plan: plan(width), width: width)
    order.accumulate(x, variant: variant)
    var bits = MemberBits(width: width)
    bits.fill(x, thresholds: order.thresholds, ties: order.ties, variant: variant)

    var squared = [Double](repeating: 0, count: width)
    var below = [Int64](repeating: 0, count: 2)
    var members: [[Set<Int>]] = []
    for token in 0..<count {
      let row = (0..<width).map { Double(abs(x[token, $0])) }
      let ranked = row.indices.sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] > row[$1] }
      var prefix = [0.0]
      for dimension in ranked {
        prefix.append(prefix[prefix.count - 1] + row[dimension] * row[dimension])
      }
      let total = prefix[width]
      if total > 0 { for k in 0..<width { squared[k] += prefix[k + 1] / total } }
      for value in row {
        if value < 1 { below[0] += 1 }
        if value < 3.5 { below[1] += 1 }
      }
      var own = [1, (width + 1) / 2, width].map { Set(ranked.prefix($0)) }
      for share in [0.5, 0.9] {
        let size = total > 0 ? (1...width).first { prefix[$0] >= share * total } ?? width : 0
        own.append(Set(ranked.prefix(size)))
      }
      let most = row.max() ?? 0
      own.append(Set(row.indices.filter { row[$0] >= 0.5 * most }))
      members.append(own)
    }
    #expect(order.below == below)
    #expect(order.zeroTokenCount == 1)
    for k in 0..<width { #expect(abs(order.squared[k] - squared[k]) < 1e-12 * Double(count)) }
    for set in 0..<6 {
      var windows = [Int64](repeating: 0, count: 7)
      var dimensions = [Int64](repeating: 0, count: bits.wordCount * 64)
      var fives = [Int64](repeating: 0, count: 6)
      bits.addWindows(set: set, into: &windows, variant: variant)
      bits.addDimensionCounts(set: set, into: &dimensions, variant: variant)
      bits.addFives(set: set, into: &fives, variant: variant)
      for token in 0..<count {
        for dimension in 0..<width {
          #expect(
            bits.contains(set: set, token: token, dimension: dimension)
              == members[token][set].contains(dimension))
        }
      }
      for length in 1...6 {
        var expected = 0
        for start in 0...count - length {
          var inside = members[start][set]
          for step in 1..<length { inside.formIntersection(members[start + step][set]) }
          expected += inside.count
        }
        #expect(windows[length] == Int64(expected))
      }
      for dimension in 0..<width {
        #expect(dimensions[dimension] == Int64(members.count { $0[set].contains(dimension) }))
      }
      var expected = [Int64](repeating: 0, count: 6)
      for start in 0...count - 5 {
        for dimension in 0..<width {
          expected[(0..<5).count { members[start + $0][set].contains(dimension) }] += 1
        }
      }
      #expect(Array(fives.dropFirst()) == Array(expected.dropFirst()))
    }
  }

  @Test("moments and histograms are what naive loops give", arguments: [1, 5, 16, 37, 100])
  func moments(width: Int) {
    let matrix = rows(13, width)
    let x = matrix.view
    let values = x.elements().map(Double.init)
    for variant in StatisticsVariant.available {
      var moments = RowMoments(width: width)
      moments.accumulate(x, variant: variant)
      // Half-integers: every order of summation is exact.
      for dimension in 0..<width {
        let column = stride(from: dimension, to: values.count, by: width).map { values[$0] }
        #expect(moments.sums[dimension] == column.reduce(0, +))
        #expect(moments.magnitudes[dimension] == column.reduce(0) { $0 + abs($1) })
        #expect(moments.squares[dimension] == column.reduce(0) { $0 + $1 * $1 })
      }
      #expect(moments.powers[0] == values.reduce(0) { $0 + $1 * $1 * $1 })
      #expect(moments.powers[1] == values.reduce(0) { $0 + $1 * $1 * $1 * $1 })

      var histogram = MagnitudeHistogram()
      histogram.accumulate(x, variant: variant)
      let sorted = values.map(abs).sorted()
      let starts = sorted.enumerated().map { place, value in
        let grain = MagnitudeBrackets.grain
        let start = Int32(Float(value).bitPattern) / grain * grain
        return place % 2 == 0 || start == 0 ? start : start - grain
      }
      let limit = Int32(Float(2).bitPattern)
      var brackets = MagnitudeBrackets(
        starts: starts, limits: [limit], histogram: histogram)
      brackets.accumulate(x, variant: variant)
      var bins = MagnitudeBins(sorted.map { (Int16(Float($0).bitPattern >> 16), 0) })
      bins.accumulate(x, variant: variant)
      for (rank, value) in sorted.enumerated() {
        let pattern = Int32(Float(value).bitPattern)
        #expect(brackets.magnitude(rank: UInt64(rank), bracket: rank) == pattern)
        let upper = histogram.upper(rank: UInt64(rank))
        #expect(upper?.upper == pattern >> 16)
        let place = bins.places.firstIndex { Int32($0.upper) == pattern >> 16 } ?? -1
        let found = bins.magnitude(rank: UInt64(rank) - (upper?.before ?? 0), place: place)
        #expect(found?.found == pattern)
      }
      #expect(brackets.countBelow(limit: 0) == UInt64(sorted.count { $0 < 2 }))
    }
  }

  @Test("the search for quantiles widens until it finds them")
  func widening() {
    // Two values in one step of 32 bit patterns, far from where interpolation looks.
    let first = Float(bitPattern: 0x3f80_8001)
    let second = Float(bitPattern: 0x3f80_8003)
    let matrix = Matrix(
      rowCount: 1, columnCount: 40, elements: (0..<40).map { $0 < 10 ? first : -second })
    for variant in StatisticsVariant.available {
      var bins = MagnitudeBins([(0x3f80, 0)])
      bins.accumulate(matrix.view, variant: variant)
      let miss = bins.magnitude(rank: 9, place: 0)
      #expect(miss?.found == nil && miss?.start == 0x8000)
      bins = MagnitudeBins([(0x3f80, 0x8000)])
      bins.accumulate(matrix.view, variant: variant)
      #expect(bins.magnitude(rank: 9, place: 0)?.found == 0x3f80_8001)
      #expect(bins.magnitude(rank: 10, place: 0)?.found == 0x3f80_8003)
      #expect(bins.magnitude(rank: 40, place: 0) == nil)
    }
  }

  @Test("a random basis is orthonormal, and an eigenbasis turns its moments diagonal")
  func bases() {
    let basis = randomBasis(width: 24, seed: [5])
    for a in 0..<24 {
      for b in 0..<24 {
        let dot = (0..<24).reduce(0.0) {
          $0 + Double(basis.view[$1, a]) * Double(basis.view[$1, b])
        }
        #expect(abs(dot - (a == b ? 1 : 0)) < 1e-6)
      }
    }
    let matrix = rows(60, 12)
    var moments = SecondMoments(width: 12)
    moments.accumulate(matrix.view)
    guard let vectors = moments.eigenbasis() else {
      Issue.record("the solver must converge")
      return
    }
    let turned = Matrix(rowCount: 60, columnCount: 12)
    multiply(matrix.view, vectors.view, into: turned.view)
    for a in 0..<12 {
      for b in 0..<a {
        let dot = (0..<60).reduce(0.0) {
          $0 + Double(turned.view[$1, a]) * Double(turned.view[$1, b])
        }
        #expect(abs(dot) < 1e-3)
      }
    }
  }
}
