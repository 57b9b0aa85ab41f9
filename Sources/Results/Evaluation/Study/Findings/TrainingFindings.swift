import Reporting

/// The loss curve of a conversion that was trained.
struct TrainingFindings {
  let training: TrainingRecord

  /// Steps whose mean is drawn: those of one step alone say more about its text.
  private static let window = 8

  var section: Section {
    let format = NumberFormat.significant(3)
    return Section(
      id: "training", title: "Training by the dense model's logits",
      blocks: [
        .paragraph(
          "The conversion went on to train its sparse inputs' weights and bases on "
            + "\(NumberFormat.integer.text(Double(training.tokenCount))) tokens, towards what the "
            + "dense model says about the next one. KL(dense‖converted) of text left out of it went "
            + "from \(format.text(training.lossBefore)) to "
            + "\(training.lossAfter.map { format.text($0) } ?? "more than any bound") nats"
            + (training.isKept ? "." : ", no nearer, so the weights were left as they were.")),
        .figure(curve),
      ])
  }

  private var curve: Figure {
    let steps = training.losses.indices.map { Double($0 + 1) }
    let means = training.losses.indices.map { index in
      let near = training.losses[max(0, index - Self.window + 1)...index]
      return near.reduce(0, +) / Double(near.count)
    }
    return Figure(
      id: "training-loss", title: "The loss of each step",
      caption: "Of a step's own tokens, before it learns from them, and the mean of the last "
        + "\(Self.window) steps. Broken: text left out of the training, before and after.",
      altText: "The loss in nats by step of training, with its running mean.",
      x: Axis("step"), y: Axis("KL(dense‖converted), nats", low: 0),
      series: [
        Series(
          "step", role: .reference, mark: .scatter(x: .numbers(steps), y: training.losses)),
        Series("mean", role: .observed, mark: .line(x: .numbers(steps), y: means)),
      ],
      rules: [Rule(.horizontal, at: training.lossBefore, label: "left out, before")]
        + (training.lossAfter.map { [Rule(.horizontal, at: $0, label: "after")] } ?? []),
      height: 380)
  }
}
