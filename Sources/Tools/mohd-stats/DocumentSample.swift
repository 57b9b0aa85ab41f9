import Activations
import Files

/// The documents of a report, by the digests of their tokens: all of few, of many the smallest, which
/// are a sample that every report of the same documents draws alike.
struct DocumentSample {
  /// Ten hexadecimal digits each, ascending.
  private let digests: [String]

  /// Digests that are kept.
  static let limit = 32

  /// - Parameter batches: all tokens of a report, in corpus order.
  init(_ batches: [TokenBatch]) {
    var digests: Set<String> = []
    var current: Int?
    var bytes: [UInt8] = []
    func end() {
      if !bytes.isEmpty { digests.insert(String(SHA256.hash(bytes).prefix(10))) }
      bytes = []
    }
    for batch in batches {
      for sequence in batch.sequences {
        if sequence.document != current { end() }
        current = sequence.document
        for id in batch.tokenIDs[sequence.rows] {
          for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: id >> shift)) }
        }
      }
    }
    end()
    self.digests = Array(digests.sorted().prefix(Self.limit))
  }

  /// As `text` writes it.
  init(_ text: String) { digests = text.split(separator: " ").map(String.init).sorted() }

  /// The sample of two reports' documents together.
  init(_ one: DocumentSample, _ other: DocumentSample) {
    digests = Array(Set(one.digests + other.digests).sorted().prefix(Self.limit))
  }

  var text: String { digests.joined(separator: " ") }

  /// The share of the smaller report's documents that are in the other one too, as far as both
  /// samples reach.
  func overlap(with other: DocumentSample) -> Double {
    func reach(_ sample: DocumentSample) -> String? {
      sample.digests.count < Self.limit ? nil : sample.digests.last
    }
    let end = [reach(self), reach(other)].compactMap { $0 }.min()
    let (own, others) = (
      Set(digests.filter { $0 <= end ?? $0 }), Set(other.digests.filter { $0 <= end ?? $0 })
    )
    let least = min(own.count, others.count)
    return least == 0 ? 0 : Double(own.intersection(others).count) / Double(least)
  }
}
