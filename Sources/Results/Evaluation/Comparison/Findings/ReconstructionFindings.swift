import Activations
import Reporting

/// Where it was lost: how well each layer follows the dense model.
struct ReconstructionFindings {
  let result: ModelComparison

  var section: Section {
    Section(
      id: "reconstruction", title: "Where it was lost: layer by layer",
      blocks: [
        .paragraph(
          "Each model reads its own residual stream, so a layer's error holds those of the layers "
            + "before it. R² is 1 − Σ‖converted − dense‖² / Σ‖dense − mean‖²: 1 is perfect, 0 is no "
            + "better than the mean. Position 0 of each sequence, an attention sink, is left out."),
        .figure(figure),
      ])
  }

  private var figure: Figure {
    Figure(
      id: "layers", title: "Reconstruction of the dense model's outputs",
      caption: "R², mean cosine, and root mean square over the dense model's.",
      altText:
        "Lines over layers for the outputs of attention, of the FFN, and the residual stream.",
      panels: [
        panel("R²", 1, \.determination), panel("cosine", 1, \.cosine),
        panel("RMS ratio", 1, \.magnitudeRatio),
      ], columnCount: 3, height: 380)
  }

  private func panel(
    _ title: String, _ perfect: Double, _ value: (LayerReconstruction) -> Double?
  ) -> Panel {
    let last = Double(result.reconstruction.map(\.layer).max() ?? 0)
    return Panel(
      title: title, x: Axis("layer", low: -0.5, high: last + 0.5, format: .integer),
      y: Axis(title, format: .significant(3)),
      series: reconstructedHookPoints.enumerated().map { index, hookPoint in
        let rows = result.reconstruction.filter { $0.hookPoint == hookPoint.rawValue }
        return Series(
          hookPoint.rawValue.replacing("_", with: " ").replacing("ffn", with: "FFN"),
          role: .category(index),
          mark: .line(
            x: .numbers(rows.map { Double($0.layer) }),
            y: rows.map { value($0) ?? .nan }, showsPoints: true))
      }, rules: [Rule(.horizontal, at: perfect, label: "")])
  }
}
