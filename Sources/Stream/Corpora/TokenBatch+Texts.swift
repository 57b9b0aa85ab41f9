import Activations

extension TokenBatch {
  /// The text of each document, as far as the batch holds it.
  ///
  /// - Parameter decode: the text of some tokens.
  public func texts(decode: ([Int32]) -> [UInt8]) -> [[UInt8]] {
    var tokens: [Int: [Int32]] = [:]
    for sequence in sequences { tokens[sequence.document, default: []] += tokenIDs[sequence.rows] }
    return tokens.sorted { $0.key < $1.key }.map { decode($0.value) }
  }
}
