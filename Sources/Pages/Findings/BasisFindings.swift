import Activations
import Reporting
import Statistics

/// Ours: is the tail the model's or the axes'? The same tokens in the model's own basis, in a random
/// one and in the eigenbasis of E[xxᵀ].
struct BasisFindings {
  let runs: [Run]

  var section: Section {
    Section(
      id: "basis", title: "Raw against PCA basis",
      blocks: [
        .paragraph(
          "If the share falls to the Gaussian's in a random basis, the tail **belongs to the axes**; "
            + "if it rises in the PCA basis, there are few directions, though not along the axes."),
        .figure(shares),
      ])
  }

  private var shares: Figure {
    let p = LongTailFindings.paperFraction
    let panels = (runs.first?.panelPoints ?? []).map { point in
      func line(
        _ run: Run, _ name: String, _ role: SeriesRole,
        _ curve: @escaping (LongTailCurve) -> [Double]?
      ) -> Series {
        Series(
          run.label(name), role: role,
          mark: .line(
            x: run.layerNumbers,
            y: run.overLayers(point) { result in
              LongTailFindings.value(
                curve(result.longTail.squared), result.longTail.squared, at: p)
            }.drawn, showsPoints: role == run.role))
      }
      return Panel(
        title: readable(point), x: .layers(runs),
        y: Axis("share of Σx²", high: 1, format: .percent(0)),
        series: runs.flatMap { run in
          [
            line(run, "model's basis", run.role) { $0.perToken },
            line(run, "PCA basis", run.isAlone ? .alternative : run.nullRole(.gaussian)) {
              $0.pcaBasis
            },
          ]
            + (run.isAlone
              ? [line(run, "random basis", .null(.randomBasis)) { $0.randomBasis }] : [])
        })
    }
    return Figure(
      id: "bases", title: "Share of Σx² in the largest quarter of the coordinates",
      caption: "1000/4096 of the coordinates of each token, on the sample of the nulls.",
      altText: "Lines over the layers for the model's own, the PCA and a random basis.",
      panels: panels, columnCount: 2, height: 300)
  }
}
