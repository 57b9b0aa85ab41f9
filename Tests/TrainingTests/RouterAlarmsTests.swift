import Checkpoints
import Foundation
import Learning
import Testing
import Training

@Suite("Alarms of routers")
struct RouterAlarmsTests {
  private func record(
    _ step: Int, load: [Double], alpha: Double, static other: [Double] = [1, 0]
  ) throws -> StepRecord {
    let json = """
      {"step": \(step), "cross_entropy": 1, "balance_loss": 0, "z_loss": 0, "gradient_norm": 1,
       "learning_rate": 1, "batch": "", "tokens": 1, "scored": 1, "load": [[\(load), \(other)]],
       "alpha": {"least": \(alpha), "mean": \(alpha), "greatest": \(alpha)}}
      """
    return try JSONDecoder().decode(StepRecord.self, from: Data(json.utf8))
  }

  private func model() throws -> ModelConfiguration {
    let json = """
      {"model_type": "mohd", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
       "num_attention_heads": 2, "vocab_size": 40, "max_position_embeddings": 64, "mohd": {
       "attention": {"sub_dimensions": 4, "shared": 1, "top_k": 2},
       "ffn": {"sub_dimensions": 2, "shared": 1, "top_k": 1}}}
      """
    return try ModelConfiguration(json: Array(json.utf8), path: "config.json")
  }

  @Test("A sub-dimension that is dead for 200 steps is told once, a static choice never")
  func dead() throws {
    var alarms = RouterAlarms(try model())
    var told: [(Int, String)] = []
    for step in 1...450 {
      // Alive once, at step 230.
      let load = [1, 0.5, step == 230 ? 0.1 : 0, 0.5]
      for alarm in alarms.take(try record(step, load: load, alpha: 1)) {
        told.append((step, alarm))
      }
    }
    #expect(told.map(\.0) == [200, 430])
    #expect(told.allSatisfy { $0.1.contains("sub-dimension 2 of layer 0's attention") })
  }

  @Test("α at an end of its range is told", arguments: [0.01, 3.9])
  func alpha(value: Double) throws {
    var alarms = RouterAlarms(try model())
    var told: [Int] = []
    for step in 1...300 {
      let found = alarms.take(try record(step, load: [1, 0.5, 0.2, 0.3], alpha: value))
      told += found.map { _ in step }
    }
    #expect(told == [200])
  }
}
