import Checkpoints
import Learning

/// What goes wrong with routers while a model is trained: sub-dimensions that no token chooses, and α
/// that leaves nothing of a component or makes it all.
public struct RouterAlarms {
  /// Steps without a change before anybody is told.
  public static let stepCount = 200
  /// α below this, or above N less this share of N, is at an end of its range.
  static let end = 0.05

  private let settings: [[SubDimensions]]
  /// Steps in a row: [layer][attention, FFN][N].
  private var dead: [[[Int]]]
  private var (low, high): (Int, Int) = (0, 0)

  public init(_ model: ModelConfiguration) {
    settings = (0..<(model.mohd == nil ? 0 : model.layerCount)).map { layer in
      MoHDComponent.allCases.compactMap { model.mohd?[$0][layer] }
    }
    dead = settings.map { $0.map { Array(repeating: 0, count: $0.count) } }
  }

  /// Takes a step in.
  ///
  /// - Returns: what is wrong since exactly `stepCount` steps, in words.
  public mutating func take(_ record: StepRecord) -> [String] {
    var found: [String] = []
    guard let load = record.load, load.count == dead.count else { return [] }
    for layer in dead.indices {
      for (index, component) in MoHDComponent.allCases.enumerated() {
        for i in dead[layer][index].indices {
          // A static choice leaves out the same ones for ever.
          let isDead = load[layer][index][i] == 0 && !settings[layer][index].isStatic
          dead[layer][index][i] = isDead ? dead[layer][index][i] + 1 : 0
          if dead[layer][index][i] == Self.stepCount {
            found.append(
              "sub-dimension \(i) of layer \(layer)'s \(component.rawValue) is chosen by no token "
                + "since \(Self.stepCount) steps")
          }
        }
      }
    }
    let scaled = settings.joined().filter { $0.scaling == .paper && $0.gate == .softmax }
    guard let alpha = record.alpha, let most = scaled.map(\.count).max() else { return found }
    low = alpha.mean < Self.end ? low + 1 : 0
    high = alpha.mean > (1 - Self.end) * Double(most) ? high + 1 : 0
    for (count, name) in [(low, "0"), (high, "N")] where count == Self.stepCount {
      found.append(
        "the mean of α is near \(name) (\(alpha.mean)) since \(Self.stepCount) steps")
    }
    return found
  }
}
