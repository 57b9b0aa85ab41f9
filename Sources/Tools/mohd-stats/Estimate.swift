import Activations
import Capture
import Console
import Statistics

/// What a report would take.
struct Estimate {
  let tokens: Int
  let layers: Int
  let hookPoints: [String]
  let memoryByteCount: Int?

  init(plan: CapturePlan, hookPoints: [HookPoint], layers: [Int], memoryByteCount: Int) {
    tokens = plan.corpus.tokenCount
    self.layers = layers.count
    self.hookPoints = hookPoints.map(\.rawValue)
    self.memoryByteCount = memoryByteCount
  }

  init(report: StatisticsResult) {
    tokens = report.tokenCount
    layers = report.layers.count
    hookPoints = report.layers.first?.hookPoints.keys.sorted() ?? []
    memoryByteCount = nil
  }

  func print(json: Bool) throws {
    if json {
      try printJSON(
        Line(
          tokens: tokens, layers: layers, hook_points: hookPoints,
          peak_memory_bytes: memoryByteCount))
      return
    }
    Swift.print(
      """
      Nothing was written. This report would be about
        tokens       \(HumanReadable.count(tokens))
        layers       \(layers)
        hook points  \(hookPoints.joined(separator: ", "))
      """)
    if let memoryByteCount {
      Swift.print("  memory       about \(HumanReadable.bytes(memoryByteCount))")
    }
  }

  private struct Line: Encodable {
    let tokens: Int
    let layers: Int
    let hook_points: [String]
    let peak_memory_bytes: Int?
  }
}
