import Foundation

/// Hashes of a text's passages, by which another text is told to share some of them, as corpora are
/// decontaminated: runs of 13 words, in which only letters and digits count and capitals do not.
///
/// A text that was cut, wrapped otherwise or added to keeps most of its passages. Of many passages a
/// sample is kept, decided by the hash alone: the same ones of every text, so that shares stay right.
/// Source: Brown et al., "Language Models are Few-Shot Learners", appendix C.
public struct TextFingerprint: Sendable, Equatable {
  /// Words of a passage. A text with fewer is one passage, if it has `leastWordCount`.
  public static let wordCount = 13
  /// Shorter texts say nothing.
  public static let leastWordCount = 3
  /// Most hashes that are kept.
  public static let limit = 1 << 14

  /// Hashes are kept whose last bits, so many, are zero.
  public private(set) var sampleBits = 0
  private var hashes: Set<UInt64> = []

  /// - Parameter texts: UTF-8; no passage reaches from one into the next.
  public init(_ texts: some Sequence<[UInt8]>, limit: Int = limit) {
    for text in texts {
      for hash in Self.passages(text) where isSampled(hash) {
        hashes.insert(hash)
        while hashes.count > limit {
          sampleBits += 1
          hashes = hashes.filter(isSampled)
        }
      }
    }
  }

  /// Passages of `text` that are in the sample, and how many of them were met before.
  public func passages(of text: [UInt8]) -> (known: Int, all: Int) {
    var (known, all) = (0, 0)
    for hash in Self.passages(text) where isSampled(hash) {
      all += 1
      if hashes.contains(hash) { known += 1 }
    }
    return (known, all)
  }

  // MARK: - Private

  private func isSampled(_ hash: UInt64) -> Bool { hash & (1 << UInt64(sampleBits) - 1) == 0 }

  /// The hash of every run of words, in order:
  ///
  ///     mix(Σ_i w_i·B^(12 − i)),   w_i the FNV-1a hash of word i
  private static func passages(_ text: [UInt8]) -> [UInt64] {
    let words = words(text)
    guard words.count >= leastWordCount else { return [] }
    let length = min(wordCount, words.count)
    var highest: UInt64 = 1
    for _ in 0..<length { highest &*= base }
    var (sum, result): (UInt64, [UInt64]) = (0, [])
    for (index, word) in words.enumerated() {
      sum = sum &* base &+ word
      if index >= length { sum &-= words[index - length] &* highest }
      if index >= length - 1 { result.append(mix(sum)) }
    }
    return result
  }

  private static func words(_ text: [UInt8]) -> [UInt64] {
    var words: [UInt64] = []
    var hash = offset
    var isInside = false
    func end() {
      if isInside { words.append(hash) }
      (hash, isInside) = (offset, false)
    }
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      let value = scalar.value
      if value < 0x80 {
        let isLetter = (0x61...0x7a).contains(value | 0x20) || (0x30...0x39).contains(value)
        guard isLetter else {
          end()
          continue
        }
        hash = (hash ^ UInt64(value > 0x39 ? value | 0x20 : value)) &* prime
        isInside = true
        continue
      }
      let properties = scalar.properties
      guard properties.isAlphabetic || properties.numericType != nil else {
        end()
        continue
      }
      // Scripts without spaces: a character is a word.
      if properties.isIdeographic { end() }
      for lower in properties.lowercaseMapping.unicodeScalars {
        hash = (hash ^ UInt64(lower.value)) &* prime
      }
      isInside = true
      if properties.isIdeographic { end() }
    }
    end()
    return words
  }

  private static let base: UInt64 = 0x9e37_79b9_7f4a_7c15
  private static let offset: UInt64 = 0xcbf2_9ce4_8422_2325
  private static let prime: UInt64 = 0x0000_0100_0000_01b3

  /// The finaliser of SplitMix64: without it the last bits would be those of the last word.
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}

extension TextFingerprint: Codable {
  private enum CodingKeys: String, CodingKey {
    case words, hashes
    case sampleBits = "sample_bits"
  }

  /// Hashes are written as base64 of their bytes, little-endian and ascending.
  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(Self.wordCount, forKey: .words)
    try box.encode(sampleBits, forKey: .sampleBits)
    let bytes = hashes.sorted().flatMap { hash in
      (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) }
    }
    try box.encode(Data(bytes).base64EncodedString(), forKey: .hashes)
  }

  public init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    sampleBits = try box.decode(Int.self, forKey: .sampleBits)
    let words = try box.decode(Int.self, forKey: .words)
    guard words == Self.wordCount, (0..<64).contains(sampleBits),
      let data = Data(base64Encoded: try box.decode(String.self, forKey: .hashes)),
      data.count % 8 == 0
    else {
      throw DecodingError.dataCorruptedError(
        forKey: .hashes, in: box,
        debugDescription: "expected hashes of runs of \(Self.wordCount) words in base64")
    }
    let bytes = [UInt8](data)
    hashes = Set(
      stride(from: 0, to: bytes.count, by: 8).map { start in
        (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
      })
  }
}
