import HDF5
import Tensors
import Testing

@Suite struct HalfPrecisionTests {
  @Test("all 65,536 bit patterns survive decoding and encoding")
  func allPatterns() {
    let buffer = StagingBuffer(byteCount: 2 << 16)
    buffer.withMutableBytes(0..<2 << 16) { bytes in
      for pattern in 0..<1 << 16 {
        bytes.storeBytes(of: UInt16(pattern), toByteOffset: 2 * pattern, as: UInt16.self)
      }
    }
    var numbers = [Float](repeating: 0, count: 1 << 16)
    buffer.withBytes(0..<2 << 16) { bytes in
      var span = numbers.mutableSpan
      HalfPrecision.decode(bytes, into: &span)
    }
    #expect(numbers[0x3c00] == 1)
    #expect(numbers[0x7bff] == 65504)
    #expect(numbers[0xfc00] == -.infinity)
    let again = StagingBuffer(byteCount: 2 << 16)
    let counts = again.withMutableBytes(0..<2 << 16) { bytes in
      HalfPrecision.encode(numbers.span, into: &bytes)
    }
    #expect(counts.overflowCount == 0)
    // Two signs, one exponent of 1024 fractions: infinities and NaNs.
    #expect(counts.nonFiniteCount == 2048)
    let equal = buffer.withBytes(0..<2 << 16) { old in
      again.withBytes(0..<2 << 16) { new in
        (0..<1 << 16).allSatisfy { pattern in
          let isNotANumber = pattern & 0x7c00 == 0x7c00 && pattern & 0x3ff != 0
          let low = old.byteOffsets(pattern), found = new.byteOffsets(pattern)
          return isNotANumber || low == found
        }
      }
    }
    #expect(equal)
  }

  @Test("numbers beyond 65504 are counted")
  func overflow() {
    let numbers: [Float] = [65504, 65504.004, -70000, 1e30, .infinity, .nan, 1e-30]
    let buffer = StagingBuffer(byteCount: 2 * numbers.count)
    let counts = buffer.withMutableBytes(0..<2 * numbers.count) { bytes in
      HalfPrecision.encode(numbers.span, into: &bytes)
    }
    #expect(counts.overflowCount == 3)
    #expect(counts.nonFiniteCount == 2)
  }
}

extension RawSpan {
  /// Both bytes of one number.
  fileprivate func byteOffsets(_ index: Int) -> UInt16 {
    unsafe unsafeLoadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
  }
}
