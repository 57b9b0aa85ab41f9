import Checkpoints
import Console
import Foundation
import Kernels
import Learning
import Training

/// What a finished run says of itself.
struct TrainingSummary {
  let output: String
  let step: Int
  let last: StepRecord?
  let evaluation: EvaluationRecord?
  /// Trained on in this process.
  let tokens: Int
  let seconds: Double
  let checkpoint: String
  let isMoHD: Bool

  func print(json: Bool) throws {
    if json {
      struct Summary: Encodable {
        let output: String
        let checkpoint: String
        let step: Int
        let cross_entropy: Double?
        let evaluation: EvaluationRecord?
        let tokens: Int
        let seconds: Double
        let peak_memory_bytes: Int
      }
      return try printJSON(
        Summary(
          output: output, checkpoint: checkpoint, step: step, cross_entropy: last?.crossEntropy,
          evaluation: evaluation, tokens: tokens, seconds: seconds,
          peak_memory_bytes: peakResidentBytes() ?? 0))
    }
    guard let last else {
      Swift.print("\(output): complete already, at step \(step); the model is \(checkpoint)")
      return
    }
    let rate = Double(tokens) / max(seconds, 1e-9)
    Swift.print(
      "\(output): step \(step), loss \(String(format: "%.4f", last.crossEntropy)), in "
        + "\(HumanReadable.duration(seconds)) at \(HumanReadable.rate(rate)) tokens/s, peak memory "
        + HumanReadable.bytes(peakResidentBytes() ?? 0))
    for (name, domain) in (evaluation?.domains ?? [:]).sorted(by: { $0.key < $1.key }) {
      Swift.print(
        "  held out, \(name): "
          + String(
            format: "%.4f nats a token, %.3f bits a byte", domain.crossEntropy, domain.bitsPerByte))
    }
    Swift.print(
      """

      What to do next:
        mohd-eval perplexity --model \(checkpoint) --corpus TEXT
        mohd-probe capture --model \(checkpoint) --corpus TEXT --output CAPTURE
        python3 -c 'from transformers import AutoModelForCausalLM as A; \
      print(A.from_pretrained("\(checkpoint)"\(isMoHD ? ", trust_remote_code=True" : "")))'
      """)
  }
}

/// What a run would take.
struct TrainingEstimate: Encodable {
  let steps: Int
  let tokens: Int
  /// All, and outside embedding and head.
  let parameters: Int
  let backbone_parameters: Int
  /// That a token uses, by the paper's count and by everything multiplied.
  let active_parameters_paper: Int
  let active_parameters_all: Int
  /// Forward, the head's included, attention's scores not.
  let multiply_adds_per_token: Int
  let memory_bytes: Int
  let disk_bytes: Int
  /// Of plain products on this machine, now; and the run's time if steps reach the usual share of it.
  let products_per_second: Double
  let seconds: Double

  init(_ plan: TrainingPlan, textByteCount: Int, productRate: Double, pool: WorkerPool) {
    let (model, options) = (plan.model, plan.options)
    let cost = TrainingCost(model)
    steps = options.stepCount
    tokens = options.stepCount * options.batchTokens
    parameters = cost.parameterCount
    backbone_parameters = cost.backboneCount
    active_parameters_paper = model.activeParameters(count: .paper)
    active_parameters_all = model.activeParameters(count: .all)
    multiply_adds_per_token = cost.multiplyAdds
    memory_bytes = cost.memoryByteCount(
      options, textByteCount: textByteCount, workerCount: pool.workerCount)
    products_per_second = productRate
    seconds =
      Double(cost.stepMultiplyAdds(sequenceLength: options.sequenceLength)) * Double(tokens)
      / (productRate * TrainingCost.usualShare)
    disk_bytes = cost.diskByteCount(options)
  }

  func print(json: Bool) throws {
    if json { return try printJSON(self) }
    Swift.print(
      """
      \(HumanReadable.count(steps)) steps, \(HumanReadable.count(tokens)) tokens
        parameters                       \(HumanReadable.count(parameters)), of them outside \
      embedding and head \(HumanReadable.count(backbone_parameters))
        active, projections only         \(HumanReadable.count(active_parameters_paper))
        everything multiplied per token  \(HumanReadable.count(active_parameters_all))
        multiply-adds a token, forward   \(HumanReadable.count(multiply_adds_per_token))
        memory                           \(HumanReadable.bytes(memory_bytes))
        disk                             \(HumanReadable.bytes(disk_bytes))
        time, about                      \(HumanReadable.duration(seconds)), at \
      \(HumanReadable.rate(Double(tokens) / seconds)) tokens/s
      Nothing was written.
      """)
  }
}
