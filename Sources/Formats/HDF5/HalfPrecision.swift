/// IEEE 754 binary16, converted by us: HDF5's own conversion is many times slower.
package enum HalfPrecision {
  /// Rounds to nearest, ties to even.
  ///
  /// - Parameters:
  ///   - source: n numbers.
  ///   - target: 2·n bytes, little-endian.
  /// - Returns: how many numbers were finite and beyond ±65504, the largest binary16 number, and how
  ///   many were infinite or not a number.
  package static func encode(
    _ source: Span<Float>, into target: inout MutableRawSpan
  ) -> (overflowCount: Int, nonFiniteCount: Int) {
    precondition(target.byteCount == 2 * source.count, "two bytes for each number")
    var overflowCount = 0
    var nonFiniteCount = 0
    for index in 0..<source.count {
      let number = source[index]
      if !(number.magnitude <= 65504) {
        if number.isFinite { overflowCount += 1 } else { nonFiniteCount += 1 }
      }
      target.storeBytes(
        of: Float16(number).bitPattern.littleEndian, toByteOffset: 2 * index, as: UInt16.self)
    }
    return (overflowCount, nonFiniteCount)
  }

  /// The exact Float32 value of each number.
  ///
  /// - Parameters:
  ///   - source: 2·n bytes, little-endian.
  ///   - target: n numbers.
  package static func decode(_ source: RawSpan, into target: inout MutableSpan<Float>) {
    precondition(source.byteCount == 2 * target.count, "two bytes for each number")
    for index in 0..<target.count {
      let bits = unsafe source.unsafeLoadUnaligned(
        fromByteOffset: 2 * index, as: UInt16.self)
      target[index] = Float(Float16(bitPattern: UInt16(littleEndian: bits)))
    }
  }
}
