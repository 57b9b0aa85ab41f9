/// The losses of the last steps, and whether the next one stands out of them: above their mean by more
/// than six standard deviations. Spikes themselves do not enter.
public struct SpikeWindow: Sendable, Equatable, Codable {
  public static let count = 128
  static let deviations = 6.0
  public private(set) var losses: [Double]

  public init(_ losses: [Double] = []) { self.losses = losses.suffix(Self.count) }

  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode([Double].self))
  }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.singleValueContainer()
    try box.encode(losses)
  }

  /// Takes a step's loss in, unless it is a spike; before the window is full none is.
  @discardableResult
  public mutating func take(_ loss: Double) -> Bool {
    if losses.count == Self.count {
      let mean = losses.reduce(0, +) / Double(losses.count)
      let variance =
        losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(losses.count - 1)
      if loss > mean + Self.deviations * variance.squareRoot() { return true }
      losses.removeFirst()
    }
    losses.append(loss)
    return false
  }
}
