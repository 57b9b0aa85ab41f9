import Activations
import Files
import Foundation
import Statistics

extension StatisticsResult {
  /// Larger files than this are no statistics of ours: 128 layers with all hook points have less.
  private static let byteLimit = 2 << 30

  /// Reads `statistics.json` of a report folder.
  ///
  /// - Throws: `FileError`, `JSONError`, `FindingsError.foreignSchema`.
  public init(reportAt folder: String) throws {
    let path = folder + "/statistics.json"
    if Folder.kind(of: folder) == .missing { throw FileError.missing(path: folder) }
    guard Folder.kind(of: path) == .file else { throw FileError.missing(path: path) }
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    self = try JSONText.decode(StatisticsResult.self, from: bytes, path: path)
    guard schema == Self.schemaName else {
      throw FindingsError.foreignSchema(path: path, found: schema, expected: Self.schemaName)
    }
  }

  /// The bytes of `statistics.json`: sorted keys, one line.
  public func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return [UInt8](try encoder.encode(condensed())) + [UInt8(ascii: "\n")]
  }

  /// The same with less about domains: the inputs and outputs, at the parameters of the verdicts.
  ///
  /// Everything of five domains would be five times everything.
  func condensed() -> StatisticsResult {
    var result = self
    let standard = Set(HookPoint.standard.map(\.rawValue))
    for domain in result.domains.indices {
      for layer in result.domains[domain].layers.indices {
        var points = result.domains[domain].layers[layer].hookPoints
        let kept = points.filter { standard.contains($0.key) }
        if !kept.isEmpty { points = kept }
        for name in points.keys {
          points[name]?.shared.removeAll {
            !["above_quantile", "token_top_fraction"].contains($0.definition)
              || $0.parameter != SharedFindings.parameter
          }
          points[name]?.fiveTokens.removeAll { $0.parameter != FiveTokensFindings.parameter }
        }
        result.domains[domain].layers[layer].hookPoints = points
      }
    }
    return result
  }
}

/// One case for each way in which a report folder can be wrong.
public enum FindingsError: ReportableError, Equatable {
  case foreignSchema(path: String, found: String, expected: String)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .foreignSchema(let path, let found, let expected):
      "\(path): expected the schema \(expected), found \(found); make the report again"
    }
  }
}
