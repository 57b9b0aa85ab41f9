import Checkpoints
import Foundation

/// README.md of a converted model: what it is, what it lost, how to use it.
struct ModelCard {
  let plan: ConversionPlan
  let name: String

  var text: String {
    let active = plan.activeParameters
    let ratio = Double(active.all) / Double(max(active.dense, 1))
    return """
      ---
      library_name: transformers
      tags: [mohd, activation-sparsity]
      ---
      # \(name)

      A dense model turned into a Mixture of Hidden Dimensions (MoHD, arXiv 2412.05644) by
      \(plan.provenance.tool), \(training), from `\(plan.provenance.model)`
      (SHA-256 \(plan.provenance.modelSHA256)).

      | | |
      |---|---|
      | active fraction of hidden dimensions | \(percent(active.fraction)) |
      | active parameters, projections only | \(active.paper) of \(active.dense) |
      | everything multiplied per token, basis included | \(active.all), \(percent(ratio)) of dense |
      | sub-dimensions: attention, FFN | \(plan.recipe.attention.subDimensionCount), \
      \(plan.recipe.ffn.subDimensionCount) |
      | basis, grouping, router, budget | \(plan.recipe.basis.rawValue), \
      \(plan.recipe.grouping.rawValue), \(plan.recipe.router.rawValue), \
      \(plan.recipe.budget.rawValue) |
      | calibration | \(plan.calibration.tokenCount) tokens |

      `conversion.json` lists what each layer keeps and loses. What that costs on text is a matter
      of measurement: `mohd-eval compare DENSE \(name) --corpus domain=path`.

      ```python
      from transformers import AutoModelForCausalLM, AutoTokenizer
      model = AutoModelForCausalLM.from_pretrained("\(name)", trust_remote_code=True)
      tokenizer = AutoTokenizer.from_pretrained("\(name)", trust_remote_code=True)
      ```

      Weights are \((plan.dtype ?? .float32).rawValue). What is the same for every token is left
      out of the file, so a static choice is a smaller model wherever it runs. Of routed ones
      `mohd-eval`, `mohd-probe` and transformers leave the inactive work out where that pays;
      wrapped, quantised or compiled, transformers computes all and multiplies by zero.

      """
  }

  private var training: String {
    guard let distillation = plan.distillation, distillation.isKept else {
      return "without training"
    }
    return "then trained on \(distillation.tokenCount) tokens by the dense model's logits"
  }

  private func percent(_ value: Double) -> String { String(format: "%.1f %%", 100 * value) }
}
