import Checkpoints
import Files

/// What conversion.json says of the routers that were fitted: how well they chose on held-out tokens.
public struct FittedRouters: Sendable {
  /// Of one component's centroids.
  public struct Quality: Codable, Sendable, Equatable {
    /// Share of the best choices that the router makes, and that chance would make.
    public var recall: Double
    public var chanceRecall: Double
    /// Share of the outputs' energy that is kept: by the best fixed choice, the router, and the best
    /// choice for each token.
    public var staticEnergy: Double
    public var capturedEnergy: Double
    public var oracleEnergy: Double

    enum CodingKeys: String, CodingKey {
      case recall
      case chanceRecall = "chance_recall"
      case staticEnergy = "static_energy"
      case capturedEnergy = "captured_energy"
      case oracleEnergy = "oracle_energy"
    }
  }

  /// The part of conversion.json that is read.
  private struct Plan: Decodable {
    struct Component: Decodable {
      let layer: Int
      let component: String
      let router: String?
      let routers: [String: Quality]?
    }
    let components: [Component]?
  }

  private let components: [Plan.Component]

  /// - Returns: nil when there is no such file in `folder`.
  /// - Throws: `FileError`, `JSONError`.
  public init?(conversionFolder folder: String) throws {
    let path = folder + "/conversion.json"
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: CalibrationOverlap.byteLimit).copyBytes()
    components = try JSONText.decode(Plan.self, from: bytes, path: path).components ?? []
  }

  /// Of the router that was taken; nil: none was fitted.
  public func quality(layer: Int, component: String) -> Quality? {
    components.first { $0.layer == layer && $0.component == component }.flatMap { found in
      found.router.flatMap { found.routers?[$0] }
    }
  }
}
