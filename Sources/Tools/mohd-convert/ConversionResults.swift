import Checkpoints
import Console
import Conversion
import Files
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
        "\n  trained on \(HumanReadable.count(distillation.tokenCount, "token")): KL from the dense "
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
        energy of outputs left out, mean of components  \(percent(loss))\(routers)\(training)

      What to do next:
        mohd-eval perplexity --model \(shellPath(output)) --corpus TEXT
        mohd-eval compare DENSE \(shellPath(output)) --corpus domain=TEXT --output evaluation
        python3 -c 'import sys; from transformers import AutoModelForCausalLM as A; \
      print(A.from_pretrained(sys.argv[1], trust_remote_code=True))' \(shellPath(output))
      """)
  }

  /// What routers choose by, and what that is worth beside the best fixed choice; nothing without.
  private var routers: String {
    let components = plan.components.filter { $0.activeCount < $0.subDimensionCount }
    let fitted = plan.components.compactMap {
      $0.routers[ConversionRecipe.Router.centroid.rawValue]
    }
    let fixed = plan.components.filter { $0.router == .fixed && !$0.routers.isEmpty }
    let chosen = plan.components.filter { $0.compared != nil }
    guard chosen.isEmpty else { return comparison(chosen) }
    let warning =
      fixed.isEmpty
      ? ""
      : "\n  warning: in \(fixed.count) of \(plan.components.count) components no router lost less "
        + "than a fixed choice on held-out tokens; they are written as static"
    guard !fitted.isEmpty else { return warning }
    func mean(_ value: (RouterQuality) -> Double) -> String {
      percent(fitted.reduce(0) { $0 + value($1) } / Double(fitted.count))
    }
    return
      "\n  \(components.count) of \(plan.components.count) components choose by a router; output "
      + "energy kept on held-out tokens: fixed choice \(mean(\.staticEnergy)), centroids "
      + "\(mean(\.capturedEnergy)), best choice \(mean(\.oracleEnergy))" + warning
  }

  /// What `auto` compared, the mean over components, and what it took.
  private func comparison(_ components: [ComponentReport]) -> String {
    let parts = [ConversionRecipe.Router.fixed, .centroid, .energy].compactMap { router in
      let bids = components.compactMap { $0.compared?.first { $0.router == router } }
      guard !bids.isEmpty else { return nil as String? }
      let count = Double(bids.count)
      let error = bids.reduce(0) { $0 + $1.outputError } / count
      let multiplied = bids.reduce(0) { $0 + $1.multiplied } / bids.count
      let taken = components.count { $0.router == router }
      return "\(router.rawValue) \(percent(error)) at \(HumanReadable.count(multiplied)) (taken "
        + "\(taken) times)"
    }
    return
      "\n  auto, held-out output energy left out at so many multiplications per token and "
      + "component: " + parts.joined(separator: ", ")
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
  let calibration: ConversionPlan.Calibration
  /// What each corpus gives, in words: to calibrate on, and to train on.
  let spread: (calibration: String, training: String?)
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
          calibration_tokens: calibration.tokenCount, calibration_corpora: calibration.corpora,
          training_corpora: calibration.trainingCorpora, calibration_seed: calibration.seed,
          passes: passes, distilled_tokens: distilled,
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
      distilled.map {
        "\n  training     \(HumanReadable.count($0, "token")), there and back: "
          + (spread.training ?? "")
      } ?? ""
    Swift.print(
      """
      Nothing was written. This conversion would take
        calibration  \(HumanReadable.count(calibration.tokenCount, "token")), \(passes) \
      \(passes == 1 ? "pass" : "passes"), windows drawn with seed \(calibration.seed ?? 0): \
      \(spread.calibration)\(training)
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
    let calibration_corpora: [ConversionPlan.Calibration.Share]?
    let training_corpora: [ConversionPlan.Calibration.Share]?
    let calibration_seed: UInt64?
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
