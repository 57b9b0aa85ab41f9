import Learning
import Reporting

extension TrainingReport {
  /// Points of a curve at most: means of equal parts of the run.
  private static let pointCount = 400

  /// A value of each step, as means over equal parts; x at each part's last step.
  func curve(
    _ run: ReportedRun, x: (Int) -> Double?, _ value: (StepRecord) -> Double?
  ) -> (x: [Double], y: [Double]) {
    let size = max(1, (run.steps.count + Self.pointCount - 1) / Self.pointCount)
    var (xs, ys): ([Double], [Double]) = ([], [])
    for start in stride(from: 0, to: run.steps.count, by: size) {
      let part = run.steps[start..<min(start + size, run.steps.count)]
      let values = part.compactMap(value)
      guard let last = part.last, let place = x(last.step), !values.isEmpty else { continue }
      xs.append(place)
      ys.append(values.reduce(0, +) / Double(values.count))
    }
    return (xs, ys)
  }

  private func lines(
    x: (ReportedRun, Int) -> Double?, _ value: (StepRecord) -> Double?
  ) -> [Series] {
    runs.enumerated().compactMap { index, run in
      let points = curve(run, x: { x(run, $0) }, value)
      guard !points.x.isEmpty else { return nil }
      return Series(run.name, role: role(index), mark: .line(x: .numbers(points.x), y: points.y))
    }
  }

  /// Cross entropy by what it cost, gradients and rates.
  var losses: Section {
    let loss = Axis("cross entropy", unit: "nats a token")
    let tokens = Axis("tokens")
    var panels = [
      Panel(
        title: "By tokens", x: tokens, y: loss,
        series: lines(x: { $0.tokens(step: $1) }, { $0.crossEntropy })),
      Panel(
        title: "By multiply-adds", x: Axis("multiply-adds"), y: loss,
        series: lines(x: { $0.multiplyAdds(step: $1) }, { $0.crossEntropy })),
    ]
    let timed = lines(x: { $0.seconds(step: $1).map { $0 / 60 } }, { $0.crossEntropy })
    if !timed.isEmpty {
      panels.append(
        Panel(title: "By time", x: Axis("time", unit: "minutes"), y: loss, series: timed))
    }
    let byTokens: (ReportedRun, Int) -> Double? = { $0.tokens(step: $1) }
    return Section(
      id: "losses", title: "Losses",
      blocks: [
        .paragraph(
          "The loss of each step's own text before the step learns from it, as means over parts of a "
            + "run. Balance loss and z-loss are not in it."),
        .figure(
          Figure(
            id: "loss", title: "Cross entropy by tokens, by work and by time",
            caption:
              "Multiply-adds are those of what is active, with attention's scores, three times "
              + "the forward pass. Time is that of the machine it ran on, pauses left out.",
            altText: "Cross entropy in nats a token over each run.", panels: panels)),
        .figure(
          Figure(
            id: "gradients", title: "Gradients and rates",
            caption: "The norm of all gradients, before it is cut, and the learning rate.",
            altText: "Gradient norm and learning rate over each run.",
            panels: [
              Panel(
                title: "Gradient norm", x: tokens, y: Axis("norm", scale: .logarithmic),
                series: lines(x: byTokens, { $0.gradientNorm > 0 ? $0.gradientNorm : nil })),
              Panel(
                title: "Rate", x: tokens, y: Axis("learning rate"),
                series: lines(x: byTokens, { $0.learningRate })),
            ])),
      ])
  }

  /// Held-out text, domain by domain; nil where none was evaluated.
  var heldOut: Section? {
    let panels = domainNames.compactMap { name -> Panel? in
      let series = runs.enumerated().compactMap { index, run -> Series? in
        let points = run.evaluations.compactMap { evaluation in
          evaluation.domains[name].map { (run.tokens(step: evaluation.step), $0.bitsPerByte) }
        }
        guard !points.isEmpty else { return nil }
        return Series(
          run.name, role: role(index),
          mark: .line(x: .numbers(points.map(\.0)), y: points.map(\.1), showsPoints: true))
      }
      guard !series.isEmpty else { return nil }
      return Panel(
        title: name, x: Axis("tokens"), y: Axis("held-out text", unit: "bits a byte"),
        series: series)
    }
    guard !panels.isEmpty else { return nil }
    return Section(
      id: "held-out", title: "Held-out text",
      blocks: [
        .figure(
          Figure(
            id: "domains", title: "Each domain's held-out text",
            caption: "Text that is never trained on, the same in every run of the same text.",
            altText: "Bits a byte of held-out text over each run, by domain.", panels: panels,
            columnCount: 2, height: 320))
      ])
  }
}
