import Foundation

/// A conversion on the plane of speed and loss.
public struct TradeOff: Codable, Sendable, Equatable {
  /// Times as fast as the dense model: the more the better.
  public var speed: Double
  /// Perplexity over the dense model's: the less the better.
  public var ratio: Double

  public init(speed: Double, ratio: Double) {
    self.speed = speed
    self.ratio = ratio
  }

  /// The dense model itself.
  public static let dense = TradeOff(speed: 1, ratio: 1)

  /// At least as good in both, and better in one.
  func dominates(_ other: TradeOff) -> Bool {
    speed >= other.speed && ratio <= other.ratio && (speed > other.speed || ratio < other.ratio)
  }
}

/// Those of several trade-offs that no other one beats.
public struct ParetoFront: Sendable, Equatable {
  /// Indices of the points on the front, from the slowest to the fastest; of equal points the first.
  public let indices: [Int]
  /// Index of the point where the front bends most; nil for a front of fewer than three points.
  ///
  /// It is the one farthest below the line between the front's ends, with speed and the logarithm of
  /// the ratio each stretched to 0…1: the knee of Satopää et al. 2011 ("Kneedle").
  public let knee: Int?
  private let points: [TradeOff]

  /// - Parameters:
  ///   - points: finite.
  ///   - candidates: indices of those that count; nil: all.
  public init(_ points: [TradeOff], among candidates: [Int]? = nil) {
    self.points = points
    let candidates = candidates ?? Array(points.indices)
    indices = candidates.filter { index in
      !candidates.contains { points[$0].dominates(points[index]) }
        && candidates.first { points[$0] == points[index] } == index
    }.sorted { points[$0].speed < points[$1].speed }
    knee = Self.knee(points, indices)
  }

  /// The point with the lowest ratio among those that are at least so fast; nil if none is.
  public func lowestRatio(atLeast speed: Double) -> Int? {
    indices.filter { points[$0].speed >= speed }.min { points[$0].ratio < points[$1].ratio }
  }

  /// Where the front would bend had one of its points not been tried, for each but its knee; a front
  /// of three points bends at the middle one whatever it is, and is left out.
  ///
  /// - Parameter candidates: those that the front is of.
  package func knees(
    leavingOut candidates: [Int], of points: [TradeOff]
  ) -> [(without: Int, knee: Int)] {
    indices.filter { $0 != knee }.compactMap { point in
      let front = ParetoFront(points, among: candidates.filter { $0 != point })
      return front.indices.count > 3 ? front.knee.map { (point, $0) } : nil
    }
  }

  private static func knee(_ points: [TradeOff], _ indices: [Int]) -> Int? {
    guard indices.count >= 3, let first = indices.first, let last = indices.last else { return nil }
    let (left, right) = (points[first], points[last])
    let height = log(right.ratio) - log(left.ratio)
    let width = right.speed - left.speed
    guard height > 0, width > 0 else { return nil }
    func depth(_ index: Int) -> Double {
      (points[index].speed - left.speed) / width - (log(points[index].ratio) - log(left.ratio))
        / height
    }
    return indices.dropFirst().dropLast().max { depth($0) < depth($1) }
  }
}
