import Foundation

extension Report {
  /// The report as JSON with sorted keys; numbers that are not finite become the texts "nan",
  /// "inf" and "-inf".
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return [UInt8](try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// Reads what `encoded()` wrote.
  ///
  /// - Parameter path: names the file in the error.
  /// - Throws: `ReportingError.unreadableReport`.
  public init(decoding bytes: [UInt8], path: String) throws(ReportingError) {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      self = try decoder.decode(Report.self, from: Data(bytes))
    } catch {
      throw .unreadableReport(path: path, reason: "\(error)")
    }
  }
}
