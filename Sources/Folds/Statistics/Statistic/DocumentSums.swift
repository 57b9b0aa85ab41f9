import Kernels

/// Σ over each document's tokens of the long-tail curves: what a bootstrap over documents needs.
///
/// Sums are fixed-point integers (units of 2^-32), so that they do not depend on order; they serve
/// intervals only. Beyond `limit` documents, documents share 256 groups by the first byte of their
/// key, so that memory stays bounded; a bootstrap then resamples groups.
struct DocumentSums: Sendable, Equatable {
  /// Numbers for each document.
  let valueCount: Int
  /// Key of a document, or of a group: ascending in `sortedKeys`.
  private(set) var rows: [UInt64: [Int64]] = [:]
  private(set) var isGrouped = false

  static let limit = 256
  private static let unit = 4_294_967_296.0

  init(valueCount: Int) { self.valueCount = valueCount }

  /// Adds sums of `tokenCount` tokens of the document `key`.
  mutating func add(_ values: [Double], tokenCount: Int, document key: UInt64) {
    var row = [Int64(tokenCount)]
    row.reserveCapacity(valueCount + 1)
    for value in values { row.append(Int64((value * Self.unit).rounded())) }
    add(row, key: isGrouped ? Self.group(key) : key)
    groupIfNeeded()
  }

  mutating func merge(_ other: DocumentSums) {
    if other.isGrouped && !isGrouped { group() }
    for (key, row) in other.rows {
      add(row, key: isGrouped && !other.isGrouped ? Self.group(key) : key)
    }
    groupIfNeeded()
  }

  /// 95 % intervals of the means, by resampling documents with replacement; nil with fewer than two
  /// documents. The quantiles are NumPy's linear ones.
  ///
  /// - Returns: low and high of each value.
  func intervals(resampleCount: Int, seed: UInt64) -> (low: [Double], high: [Double])? {
    let keys = rows.keys.sorted()
    guard keys.count >= 2, resampleCount >= 2 else { return nil }
    var generator = SeededGenerator(seed: [seed, 0x626f_6f74, UInt64(keys.count)])
    var weights = [Double](repeating: 0, count: resampleCount * keys.count)
    for resample in 0..<resampleCount {
      for _ in keys { weights[resample * keys.count + generator.next(below: keys.count)] += 1 }
    }
    var sums: [Double] = []
    for key in keys {
      guard let row = rows[key] else { continue }
      sums.append(Double(row[0]))
      for value in row.dropFirst() { sums.append(Double(value) / Self.unit) }
    }
    let columns = valueCount + 1
    let totals = product(
      weights, sums, rows: resampleCount, inner: keys.count, columns: columns)
    var low: [Double] = []
    var high: [Double] = []
    for value in 1..<columns {
      var means: [Double] = []
      for resample in 0..<resampleCount where totals[resample * columns] > 0 {
        means.append(totals[resample * columns + value] / totals[resample * columns])
      }
      guard means.count >= 2 else { return nil }
      means.sort()
      low.append(Quantile.linear(0.025, ofSorted: means))
      high.append(Quantile.linear(0.975, ofSorted: means))
    }
    return (low, high)
  }

  private mutating func add(_ row: [Int64], key: UInt64) {
    guard var sums = rows[key] else {
      rows[key] = row
      return
    }
    for index in row.indices { sums[index] &+= row[index] }
    rows[key] = sums
  }

  private mutating func groupIfNeeded() {
    if !isGrouped && rows.count > Self.limit { group() }
  }

  private mutating func group() {
    isGrouped = true
    let documents = rows
    rows = [:]
    for (key, row) in documents { add(row, key: Self.group(key)) }
  }

  private static func group(_ key: UInt64) -> UInt64 { key >> 56 }
}

// MARK: - Storage

extension DocumentSums {
  /// 1 if grouped, the number of rows, then each row's key, token count and values.
  var stored: [Int64] {
    var result: [Int64] = [isGrouped ? 1 : 0, Int64(rows.count)]
    for key in rows.keys.sorted() {
      result.append(Int64(bitPattern: key))
      result += rows[key] ?? []
    }
    return result
  }

  init?(stored numbers: some RandomAccessCollection<Int64>, valueCount: Int) {
    let numbers = Array(numbers)
    self.init(valueCount: valueCount)
    let width = valueCount + 2
    guard numbers.count >= 2, numbers[0] == 0 || numbers[0] == 1,
      numbers[1] >= 0, numbers[1] <= Self.limit, numbers.count == 2 + Int(numbers[1]) * width
    else { return nil }
    isGrouped = numbers[0] == 1
    for index in 0..<Int(numbers[1]) {
      let start = 2 + index * width
      let key = UInt64(bitPattern: numbers[start])
      guard rows[key] == nil, !isGrouped || key < 256, numbers[start + 1] >= 0 else { return nil }
      rows[key] = Array(numbers[start + 1..<start + width])
    }
  }
}

/// NumPy's linear quantiles.
enum Quantile {
  /// - Precondition: `values` ascend and are not empty.
  static func linear(_ q: Double, ofSorted values: [Double]) -> Double {
    let place = q * Double(values.count - 1)
    let below = Int(place.rounded(.down))
    let above = min(below + 1, values.count - 1)
    return values[below] + (place - Double(below)) * (values[above] - values[below])
  }

  /// The 0-based rank at or below the quantile, and how far it lies towards the next.
  static func rank(_ q: Double, count: UInt64) -> (rank: UInt64, fraction: Double) {
    let place = q * Double(count - 1)
    let below = place.rounded(.down)
    return (UInt64(below), place - below)
  }
}
