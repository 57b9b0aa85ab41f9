/// Sums of Doubles without rounding: fixed-point numbers of any length, one for each place.
///
/// Adding in any order, on any number of workers and in any number of parts gives the same digits,
/// so a merged report equals a report made in one pass, byte for byte. Only `values` rounds.
///
/// Source: ours, after Kulisch's exact accumulator. Digits are base 2^32; digit j stands for
/// 2^(32 j − 1088), which reaches below the smallest Double.
package struct ExactSums: Equatable, Sendable {
  package let count: Int
  /// Index of the lowest digit that is kept.
  private(set) var lowest = 0
  /// Digits of each sum.
  private(set) var digitCount = 0
  /// [count, digitCount], lowest digit first; signed, so that carries can wait.
  private(set) var digits: [Int64] = []
  /// Numbers added since the carries were last moved on.
  private var pending = 0

  private static let pendingLimit = 1 << 29

  package init(count: Int) { self.count = count }

  /// Adds one finite number.
  package mutating func add(_ value: Double, at index: Int) {
    precondition(value.isFinite, "only finite numbers have a sum")
    guard value != 0 else { return }
    let bits = value.bitPattern
    let field = Int(bits >> 52 & 0x7ff)
    let fraction = bits & 0x000f_ffff_ffff_ffff
    let mantissa = field == 0 ? fraction : fraction | 1 << 52
    let position = max(field, 1) - 1075 + 1088
    let digit = position >> 5
    let shift = UInt64(position & 31)
    if digit < lowest || digit + 2 >= lowest + digitCount { reach(digit, digit + 2) }
    // 53 bits moved up by at most 31 lie in three digits.
    let low = mantissa << shift
    let high = shift == 0 ? 0 : mantissa >> (64 - shift)
    let place = index * digitCount + digit - lowest
    let sign: Int64 = value < 0 ? -1 : 1
    digits[place] += sign * Int64(low & 0xffff_ffff)
    digits[place + 1] += sign * Int64(low >> 32)
    digits[place + 2] += sign * Int64(high)
  }

  /// Adds one number to each sum.
  package mutating func add(_ values: [Double]) {
    precondition(values.count == count, "one number for each sum")
    for (index, value) in values.enumerated() { add(value, at: index) }
    pending += 1
    if pending >= Self.pendingLimit { normalize() }
  }

  /// Adds other sums, place by place.
  package mutating func merge(_ other: ExactSums) {
    precondition(other.count == count, "sums of the same places")
    var other = other
    other.normalize()
    normalize()
    guard other.digitCount > 0 else { return }
    reach(other.lowest, other.lowest + other.digitCount - 1)
    for index in 0..<count {
      let target = index * digitCount + other.lowest - lowest
      for digit in 0..<other.digitCount {
        digits[target + digit] += other.digits[index * other.digitCount + digit]
      }
    }
    normalize()
  }

  /// Moves carries on and drops digits that no sum needs: equal sums then have equal digits.
  package mutating func normalize() {
    pending = 0
    guard digitCount > 0 else { return }
    reach(lowest, lowest + digitCount)
    for index in 0..<count {
      let base = index * digitCount
      var carry: Int64 = 0
      for digit in 0..<digitCount - 1 {
        let value = digits[base + digit] + carry
        carry = value >> 32
        digits[base + digit] = value & 0xffff_ffff
      }
      digits[base + digitCount - 1] += carry
    }
    trim()
  }

  /// The sums, each rounded from its exact value.
  package var values: [Double] {
    var exact = self
    exact.normalize()
    return (0..<count).map { index in
      var own = (0..<exact.digitCount).map { exact.digits[index * exact.digitCount + $0] }
      let negative = (own.last ?? 0) < 0
      if negative {
        var carry: Int64 = 0
        for digit in own.indices {
          let value = carry - own[digit]
          carry = digit == own.count - 1 ? 0 : value >> 32
          own[digit] = digit == own.count - 1 ? value : value & 0xffff_ffff
        }
      }
      var result = 0.0
      for digit in own.indices.reversed() where own[digit] != 0 {
        let exponent = 32 * (exact.lowest + digit) - 1088
        result += Double(sign: .plus, exponent: exponent, significand: Double(own[digit]))
      }
      return negative ? -result : result
    }
  }

  /// Makes room for digits `first`…`last`.
  private mutating func reach(_ first: Int, _ last: Int) {
    let low = digitCount == 0 ? first : min(lowest, first)
    let high = digitCount == 0 ? last : max(lowest + digitCount - 1, last)
    guard low < lowest || high >= lowest + digitCount || digitCount == 0 else { return }
    move(lowest: low, digitCount: high - low + 1)
  }

  private mutating func move(lowest newLowest: Int, digitCount newCount: Int) {
    var moved = [Int64](repeating: 0, count: count * newCount)
    for index in 0..<count {
      for digit in 0..<digitCount {
        let target = digit + lowest - newLowest
        guard target >= 0, target < newCount else { continue }
        moved[index * newCount + target] = digits[index * digitCount + digit]
      }
    }
    digits = moved
    lowest = newLowest
    digitCount = newCount
  }

  private mutating func trim() {
    // A top digit that only repeats the sign of the one below it says nothing.
    while digitCount > 1 {
      let top = digitCount - 1
      let spare = (0..<count).allSatisfy { index in
        let high = digits[index * digitCount + top]
        let next = digits[index * digitCount + top - 1]
        return high == 0 && next < 1 << 31 || high == -1 && next >= 1 << 31
      }
      guard spare else { break }
      for index in 0..<count where digits[index * digitCount + top] == -1 {
        digits[index * digitCount + top - 1] -= 1 << 32
      }
      move(lowest: lowest, digitCount: top)
    }
    var zeros = 0
    while zeros < digitCount,
      (0..<count).allSatisfy({ digits[$0 * digitCount + zeros] == 0 })
    {
      zeros += 1
    }
    if zeros == digitCount {
      digits = []
      digitCount = 0
      lowest = 0
    } else if zeros > 0 {
      let first = lowest + zeros
      let kept = digitCount - zeros
      move(lowest: first, digitCount: kept)
    }
  }
}

// MARK: - Storage

extension ExactSums {
  /// The normal form as integers: count, lowest digit, digits of each sum, then the digits.
  package var stored: [Int64] {
    var exact = self
    exact.normalize()
    return [Int64(count), Int64(exact.lowest), Int64(exact.digitCount)] + exact.digits
  }

  /// - Returns: nil when the integers are not what `stored` writes.
  package init?(stored: some Collection<Int64>, count expected: Int) {
    let numbers = Array(stored)
    guard numbers.count >= 3, numbers[0] == expected, (0...72).contains(numbers[1]),
      (0...72).contains(numbers[2]),
      numbers.count == 3 + expected * Int(numbers[2])
    else { return nil }
    self.init(count: expected)
    lowest = Int(numbers[1])
    digitCount = Int(numbers[2])
    digits = Array(numbers[3...])
    guard digits.allSatisfy({ $0 > -(1 << 33) && $0 < 1 << 33 }) else { return nil }
    normalize()
  }
}
