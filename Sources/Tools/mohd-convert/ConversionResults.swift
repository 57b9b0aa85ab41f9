import Checkpoints
import Console
import Conversion
import Foundation

/// What a finished conversion says of itself.
struct ConversionSummary {
  let output: String
  let plan: ConversionPlan
  let seconds: Double
  /// Tokens/s of training, its first step left out; nil without training, or with one step of it.
  let trainingRate: Double?

  func print(json: Bool) throws {
    let active = plan.activeParameters
    let loss =
      plan.components.reduce(0) { $0 + $1.oracleLoss } / Double(max(plan.components.count, 1))
    if json {
      try printJSON(
        Summary(
          output: output, seconds: seconds, calibration_tokens: plan.calibration.tokenCount,
          active_fraction: active.fraction, dtype: (plan.dtype ?? .float32).rawValue,
          active_parameters_paper: active.paper,
          active_parameters_all: active.all, dense_parameters: active.dense,
          all_over_dense: Double(active.all) / Double(active.dense), mean_energy_loss: loss,
          distilled_tokens: plan.distillation?.tokenCount,
          distilled_tokens_per_second: trainingRate,
          loss_before_distillation: plan.distillation?.lossBefore,
          loss_after_distillation: plan.distillation?.lossAfter,
          peak_memory_bytes: peakResidentBytes() ?? 0))
      return
    }
    let training =
      plan.distillation.map { distillation in
        "\n  trained on \(HumanReadable.count(distillation.tokenCount)) tokens: KL from the dense "
          + "model on held-out text \(number(distillation.lossBefore)) before, "
          + (distillation.lossAfter.map { "\(number($0)) after" } ?? "beyond all bounds after")
          + (distillation.isKept ? "" : ", so the weights were left as they were")
      } ?? ""
    Swift.print(
      """
      \(output): \(percent(active.fraction)) of hidden dimensions active, in \
      \(HumanReadable.duration(seconds)), peak memory \
      \(HumanReadable.bytes(peakResidentBytes() ?? 0))
        active parameters, projections only        \(HumanReadable.count(active.paper)) of \
      \(HumanReadable.count(active.dense))
        everything multiplied per token            \(HumanReadable.count(active.all)), \
      \(percent(Double(active.all) / Double(active.dense))) of dense
        energy of outputs left out, mean of components  \(percent(loss))\(training)

      What to do next:
        mohd-eval perplexity --model \(output) --corpus TEXT
        mohd-eval compare DENSE \(output) --corpus domain=TEXT --output evaluation
        python3 -c 'from transformers import AutoModelForCausalLM as A; \
      print(A.from_pretrained("\(output)", trust_remote_code=True))'
      """)
  }

  private struct Summary: Encodable {
    let output: String
    let seconds: Double
    let calibration_tokens: Int
    let active_fraction: Double
    let dtype: String
    let active_parameters_paper: Int
    let active_parameters_all: Int
    let dense_parameters: Int
    let all_over_dense: Double
    let mean_energy_loss: Double
    /// Only of a conversion that trains; losses are mean KL of held-out tokens in nats.
    let distilled_tokens: Int?
    let distilled_tokens_per_second: Double?
    let loss_before_distillation: Double?
    let loss_after_distillation: Double?
    let peak_memory_bytes: Int
  }
}

/// What a conversion would take.
struct ConversionEstimate {
  let active: ConversionPlan.Active
  let tokens: Int
  let passes: Int
  /// Tokens to train on.
  let distilled: Int?
  let parameters: Int
  let outputByteCount: Int
  /// Beside the output, while it runs.
  let scratchByteCount: Int
  let dtype: FloatingType
  let memoryByteCount: Int
  let seconds: Double

  func print(json: Bool) throws {
    let flops = 2 * active.all
    if json {
      try printJSON(
        Estimate(
          calibration_tokens: tokens, passes: passes, distilled_tokens: distilled,
          parameters: parameters,
          active_fraction: active.fraction, active_parameters_paper: active.paper,
          active_parameters_all: active.all, dense_parameters: active.dense,
          flops_per_token: flops, dense_flops_per_token: 2 * active.dense,
          bytes: outputByteCount, scratch_bytes: scratchByteCount, dtype: dtype.rawValue,
          peak_memory_bytes: memoryByteCount,
          seconds: seconds))
      return
    }
    let training =
      distilled.map { "\n  training     \(HumanReadable.count($0)) tokens, there and back" } ?? ""
    Swift.print(
      """
      Nothing was written. This conversion would take
        calibration  \(HumanReadable.count(tokens)) tokens, \(passes) \
      \(passes == 1 ? "pass" : "passes")\(training)
        disk         \(HumanReadable.bytes(outputByteCount)) in \(dtype.rawValue), and about \
      \(HumanReadable.bytes(2 * scratchByteCount)) more while it runs
        peak memory  about \(HumanReadable.bytes(memoryByteCount)), besides the mapped model
        time         about \(HumanReadable.roundDuration(seconds)) (measured on one layer, now)
      and give a model of \(HumanReadable.count(parameters)) parameters and its bases, with
        \(percent(active.fraction)) of hidden dimensions active
        \(HumanReadable.count(active.paper)) of \(HumanReadable.count(active.dense)) active \
      parameters (projections only)
        \(HumanReadable.count(flops)) FLOPs per token for everything that is multiplied, \
      \(percent(Double(active.all) / Double(active.dense))) of dense
      """)
  }

  private struct Estimate: Encodable {
    let calibration_tokens: Int
    let passes: Int
    let distilled_tokens: Int?
    let parameters: Int
    let active_fraction: Double
    let active_parameters_paper: Int
    let active_parameters_all: Int
    let dense_parameters: Int
    let flops_per_token: Int
    let dense_flops_per_token: Int
    let bytes: Int
    let scratch_bytes: Int
    let dtype: String
    let peak_memory_bytes: Int
    let seconds: Double
  }
}

private func number(_ value: Double) -> String { String(format: "%.4f", value) }

private func percent(_ value: Double) -> String { String(format: "%.1f %%", 100 * value) }
