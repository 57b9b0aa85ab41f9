import Foundation
import Reporting

/// A report with every kind of block, mark and verdict. The numbers are made up by formulae and
/// look like those of a small language model.
enum DemoReport {
  static let hookPoints = ["attention_input", "attention_output", "ffn_input", "ffn_output"]
  static let layers = 30

  static var report: Report {
    Report(
      title: "Is SmolLM2-135M sparse?",
      subtitle:
        "Section 3 of Mixture of Hidden-Dimensions Transformer (arXiv 2412.05644), claim by claim, beside what chance alone would give",
      facts: [
        Fact("Model", "SmolLM2-135M"), Fact("Layers", "30"), Fact("Hidden size", "576"),
        Fact("Tokens", "16 384"), Fact("Domains", "5"),
      ],
      callouts: [
        Callout(
          .warning, title: "A demonstration",
          text: "These numbers come from formulae in a test, `DemoReport.swift`; no model was run.")
      ],
      verdicts: verdicts,
      verdictTerms: VerdictTerms(
        introduction:
          "Each card has the paper's number, this model's, and the number that a model without the claimed structure gives."
      ),
      sections: [longTail, sparsity, persistence, flow, clusters, kinds],
      provenance: [
        Fact("tool", "mohd-stats 0.1"),
        Fact("model SHA-256", String(repeating: "4f1c09ab", count: 8)),
        Fact("tokenizer SHA-256", String(repeating: "77ab02de", count: 8)), Fact("seed", "42"),
        Fact("sequence length", "512"),
      ],
      reproduction: Reproduction(
        text: "From the repository's root, with the model file in place:",
        commands: [
          "mohd-probe capture --model SmolLM2-135M-Instruct.Q4_1.gguf --corpus code=corpus/code.jsonl --max-tokens-per-domain 4096 --output run",
          "mohd-stats report run --output report",
        ]))
  }

  static var verdicts: [Verdict] {
    [
      Verdict(
        claim: "A few dimensions carry most of the activation.",
        source: "Section 3.1, Fig. 3 left",
        measure:
          "energy share of the larger half of each token's dimensions, `attention_input`, layer 16",
        paper: Quantity(0.9254, format: .percent(2)),
        model: Quantity(0.9312, low: 0.9299, high: 0.9325, format: .percent(2)),
        null: Quantity(0.9287, format: .percent(2), note: "Gaussian vector"),
        status: .explainedByChance,
        sentence:
          "The share is real, and a vector of independent Gaussian numbers has it too: this number says nothing about sparsity.",
        details: "long-tail"),
      Verdict(
        claim: "Consecutive tokens share their active dimensions.",
        source: "Section 3.3, Fig. 3 right", measure: "shared by nine consecutive tokens, q = 0.2",
        paper: Quantity(0.164, format: .fixed(3)),
        model: Quantity(0.241, low: 0.236, high: 0.246, format: .fixed(3)),
        null: Quantity(0.178, format: .fixed(3), note: "tokens shuffled"),
        status: .holds,
        sentence:
          "More dimensions stay active than shuffled tokens would show; about a third of the excess is that some dimensions are always larger.",
        details: "persistence"),
      Verdict(
        claim:
          "The sparsity of attention outputs varies over layers, that of FFN outputs does not.",
        source: "Section 3.1, Fig. 3 middle",
        measure: "standard deviation over layers of the fraction with x² < 0.04, attention : FFN",
        paper: .missing("only drawn"), model: Quantity(0.84, format: .significant(2)),
        null: Quantity(1, format: .significant(2)), status: .doesNotHold,
        sentence: "Both vary alike in this model.", details: "sparsity"),
      Verdict(
        claim: "Massive activations are 20,000 times the median & <rare>.", source: "ours",
        paper: .missing(), model: Quantity(24758, format: .integer),
        null: Quantity(0.0000123, format: .significant(3)), status: .holds,
        sentence: "One dimension of the residual stream reaches 24 758.", details: "kinds"),
      Verdict(
        claim: "Attention compresses and the residual add restores.", source: "Section 3.2, Fig. 4",
        paper: Quantity(0.38, format: .percent(0)), model: .missing("query not captured"),
        null: .missing(), status: .notMeasured,
        sentence: "Capture with `--hook-points all` to measure it.", details: "flow"),
    ]
  }

  /// A smooth function with a little deterministic roughness.
  static func wave(_ index: Int, _ phase: Double) -> Double {
    sin(Double(index) * 0.7 + phase) * 0.5 + sin(Double(index) * 2.3 + phase * 3) * 0.25
  }

  static let fractions = (1...32).map { Double($0) / 32 }

  static func energy(_ p: Double, _ exponent: Double) -> Double { 1 - pow(1 - p, exponent) }

  static var longTail: Section {
    let panels = hookPoints.enumerated().map { index, name in
      var series: [Series] = []
      for layer in 0..<layers {
        let exponent = 3.7 + Double(index) * 0.35 + wave(layer, Double(index)) * 0.6
        let y = fractions.map { energy($0, exponent) }
        series.append(
          Series(
            "observed", role: .observed,
            mark: .line(
              x: .numbers(fractions), y: y,
              band: Band(lower: y.map { $0 - 0.012 }, upper: y.map { min(1, $0 + 0.012) })),
            choice: layer))
        series.append(
          Series(
            "column shuffle", role: .null(.shuffled),
            mark: .line(x: .numbers(fractions), y: fractions.map { energy($0, exponent - 0.35) }),
            choice: layer))
      }
      series.append(
        Series(
          "Gaussian vector", role: .null(.gaussian),
          mark: .line(x: .numbers(fractions), y: fractions.map { energy($0, 3.8) })))
      series.append(
        Series(
          "per-dimension Gaussian", role: .null(.perDimensionGaussian),
          mark: .line(x: .numbers(fractions), y: fractions.map { energy($0, 4.1) })))
      if index == 0 {
        series.append(
          Series(
            "paper", role: .paper,
            mark: .scatter(
              x: .numbers([1000.0 / 4096, 0.5]), y: [0.7196, 0.9254],
              labels: ["p = 1000/4096", "p = 0.5"])))
      }
      return Panel(
        title: name, x: Axis("fraction of dimensions", low: 0, high: 1, format: .fixed(2)),
        y: Axis("share of energy", low: 0, high: 1, format: .percent(1)), series: series)
    }
    return Section(
      id: "long-tail", title: "Long tail",
      blocks: [
        .paragraph(
          "The paper sorts each token's squared activations and asks **what share the largest ones hold**. A curve that bends away from the diagonal looks like sparsity; so does the curve of any Gaussian vector, drawn in grey."
        ),
        .figure(
          Figure(
            id: "long-tail-curves", title: "Share of energy in the largest dimensions",
            caption: "Choose a layer. The band is a 95 % bootstrap interval over documents.",
            altText:
              "Four panels of concave curves, one for each hook point. The observed curve lies within two percentage points of the Gaussian null everywhere.",
            panels: panels, columnCount: 2,
            chooser: Chooser("Layer", choices: (0..<layers).map(String.init), initial: 16),
            height: 320)),
        .table(
          Table(
            id: "long-tail-table", title: "Share of energy at two fractions",
            caption: "Layer 16, squared magnitudes.",
            columns: [
              Column("hook point"), Column("p = 1000/4096", unit: "%", format: .fixed(2)),
              Column("p = 0.5", unit: "%", format: .fixed(2)),
              Column("excess over Gaussian", unit: "points", format: .fixed(2)),
              Column("tokens", format: .integer), Column("sparser than chance"),
            ],
            rows: hookPoints.enumerated().map { index, name in
              [
                .text("`\(name)`"), .number(71.9 + wave(index, 1)), .number(92.6 + wave(index, 2)),
                index == 3 ? .missing("not captured") : .number(wave(index, 3)), .integer(16384),
                .truth(index % 2 == 0),
              ]
            })),
      ])
  }

  static var sparsity: Section {
    let x = Coordinates.numbers((0..<layers).map(Double.init))
    let series = hookPoints.enumerated().map { index, name in
      Series(
        name, role: .category(index),
        mark: .line(
          x: x, y: (0..<layers).map { 0.2 + 0.17 * Double(index) + 0.12 * wave($0, Double(index)) },
          showsPoints: true))
    }
    let excess = hookPoints.map { _ in 0 }.enumerated().map { index, _ in
      (0..<layers).map { wave($0, Double(index) * 1.7) * 0.04 }
    }
    return Section(
      id: "sparsity", title: "Sparsity",
      blocks: [
        .paragraph("The fraction of entries with x² < ε, at ε = 0.04, over the layers."),
        .figure(
          Figure(
            id: "sparsity-layers", title: "Fraction of small entries",
            caption: "The dashed line is the paper's average for inputs.",
            altText: "Four lines over thirty layers; none is flat.",
            x: Axis("layer", low: -0.5, high: 29.5, format: .integer),
            y: Axis("fraction with x² < 0.04", low: 0, high: 1, format: .percent(1)),
            series: series,
            rules: [Rule(.horizontal, at: 0.46, label: "paper, inputs", role: .paper)])),
        .figure(
          Figure(
            id: "excess", title: "Excess over the null, layer by layer",
            caption: "Positive: sparser than the column shuffle.",
            altText: "A heat map of four rows and thirty columns around zero, without a pattern.",
            x: Axis("layer", scale: .category), y: Axis("", scale: .category),
            series: [
              Series(
                "excess", role: .observed,
                mark: .heatMap(
                  HeatMap(
                    rows: hookPoints, columns: (0..<layers).map(String.init), values: excess,
                    scale: .diverging(middle: 0), title: "observed − null", format: .fixed(3))))
            ], height: 240)),
      ])
  }

  static var persistence: Section {
    let windows = (2...20).map(Double.init)
    let domains = ["code", "dialogue", "encyclopaedia", "news", "stories"]
    func decay(_ rate: Double, _ floor: Double) -> [Double] {
      windows.map { floor + (1 - floor) * exp(-rate * $0) }
    }
    let lines = [
      Series(
        "observed", role: .observed,
        mark: .line(
          x: .numbers(windows), y: decay(0.16, 0.05),
          band: Band(lower: decay(0.17, 0.04), upper: decay(0.15, 0.06)))),
      Series(
        "tokens shuffled", role: .null(.shuffled),
        mark: .line(x: .numbers(windows), y: decay(0.19, 0.04))),
      Series(
        "static scale", role: .null(.staticScale),
        mark: .line(x: .numbers(windows), y: decay(0.2, 0.03))),
      Series(
        "independent", role: .null(.independent),
        mark: .line(x: .numbers(windows), y: windows.map { pow(0.8, $0) })),
      Series(
        "paper", role: .paper, mark: .scatter(x: .numbers([2, 9]), y: [0.652, 0.164])),
    ]
    return Section(
      id: "persistence", title: "Shared by consecutive tokens",
      blocks: [
        .figure(
          Figure(
            id: "shared-window", title: "Dimensions active in every token of a window",
            caption: "`above_quantile`, q = 0.2, layer 16.",
            altText:
              "Curves that fall with the window's length; the observed one lies above the shuffled one throughout.",
            x: Axis("window", unit: "tokens", format: .integer),
            y: Axis(
              "shared dimensions", scale: .logarithmic, low: 0.01, high: 1, format: .percent(1)),
            series: lines)),
        .figure(
          Figure(
            id: "domains", title: "Domains side by side",
            caption: "Nine tokens; whiskers are 95 % intervals. Hatched bars are nulls.",
            altText: "Grouped bars of five domains; code shares most.",
            x: Axis("", scale: .category, categories: domains),
            y: Axis("shared dimensions", low: 0, format: .percent(1)),
            series: [
              Series(
                "observed", role: .observed,
                mark: .bar(
                  x: .categories(domains), y: [0.31, 0.22, 0.24, 0.23, 0.21],
                  interval: Band(
                    lower: [0.29, 0.2, 0.23, 0.22, 0.2], upper: [0.33, 0.24, 0.25, 0.24, 0.22]))),
              Series(
                "tokens shuffled", role: .null(.shuffled),
                mark: .bar(x: .categories(domains), y: [0.19, 0.17, 0.18, 0.18, 0.17])),
              Series(
                "PCA basis", role: .alternative,
                mark: .bar(x: .categories(domains), y: [0.26, 0.2, 0.21, 0.2, 0.19])),
            ])),
      ])
  }

  static var flow: Section {
    let values: [String: (Double, Double, Double)] = [
      "residual_pre": (31, 2.1, 420), "attention_input": (1, 1, 1), "query": (1.9, 1.1, 3.4),
      "key": (2.4, 1.3, 4.1), "value": (0.71, 0.4, 1.2), "attention_heads": (0.42, 0.2, 0.8),
      "attention_output": (0.38, 0.11, 0.9), "residual_mid": (31.2, 2.2, 421),
      "ffn_input": (1.12, 0.9, 1.4), "ffn_gate": (1.3, 0.9, 2.1), "ffn_up": (0.8, 0.5, 1.2),
      "ffn_hidden": (0.31, 0.1, 0.6), "ffn_output": (0.52, 0.2, 6.2),
    ]
    let diagram = FlowDiagram.transformerBlock(
      valueTitle: "mean |x| relative to attention_input", rangeTitle: "range over 30 layers"
    ) { name in values[name].map { ($0.0, $0.1, $0.2) } }
    return Section(
      id: "flow", title: "Activation flow through a block",
      blocks: [
        .figure(
          Figure(
            id: "activation-flow", title: "How large activations are on their way through a block",
            caption:
              "The thick line is the residual stream; branches leave it, compress, and are added back (+). Dots are medians over layers, lines their range.",
            altText:
              "A block from top to bottom. Attention's output has 38 % of the size of its input, the FFN's 52 %; the residual stream is about thirty times larger.",
            flow: diagram)),
        .callout(
          Callout(
            .note, title: "residual_post is not in this capture",
            text: "Its row is empty, on purpose: an honest gap.")),
      ])
  }

  static var clusters: Section {
    let tokens = ["the", "cat", "sat", "on", "the"]
    let columns = 120
    let values = tokens.indices.map { row in
      (0..<columns).map { column in
        max(0, 2.4 - Double(column) / 50 + wave(column * 3 + row * 7, Double(row)))
      }
    }
    return Section(
      id: "clusters", title: "Shared and specialised dimensions",
      blocks: [
        .figure(
          Figure(
            id: "clustered-map", title: "Five tokens, dimensions grouped by who activates them",
            caption: "Layer 16, `attention_input`.",
            altText: "A heat map of five tokens; the left third is dark for all of them.",
            panels: [
              Panel(
                title: "in the model's order", x: Axis("dimension", scale: .category),
                y: Axis("", scale: .category),
                series: [
                  Series(
                    "magnitude", role: .observed,
                    mark: .heatMap(
                      HeatMap(
                        rows: tokens, columns: (0..<columns).map(String.init),
                        values: values.map { $0.reversed() }, title: "|x|")))
                ]),
              Panel(
                title: "clustered", x: Axis("dimension", scale: .category),
                y: Axis("", scale: .category),
                series: [
                  Series(
                    "magnitude", role: .observed,
                    mark: .heatMap(
                      HeatMap(
                        rows: tokens, columns: (0..<columns).map(String.init), values: values,
                        title: "|x|")))
                ]),
            ], columnCount: 1, height: 210))
      ])
  }

  static var kinds: Section {
    let groups = ["early layers", "middle layers", "late layers"]
    let boxes = (0..<3).map { index in
      let shift = Double(index) * 0.5
      return FiveNumbers(
        low: 0.4 + shift, lowerQuartile: 1.1 + shift, median: 1.5 + shift,
        upperQuartile: 2.1 + shift, high: 3.6 + shift)
    }
    let steps = (0..<12).map(Double.init)
    return Section(
      id: "kinds", title: "Every other kind of mark",
      blocks: [
        .heading("Distributions"),
        .list(["Boxes are five numbers computed elsewhere.", "Strips show **every** observation."]),
        .figure(
          Figure(
            id: "boxes", title: "Boxes and strips", caption: "", altText: "Three boxes that rise.",
            x: Axis("", scale: .category, categories: groups),
            y: Axis("excess kurtosis", format: .significant(3)),
            series: [
              Series("five numbers", role: .observed, mark: .box(x: groups, values: boxes)),
              Series(
                "layers", role: .category(1),
                mark: .strip(
                  x: (0..<30).map { groups[$0 / 10] },
                  y: (0..<30).map { 1.6 + 0.5 * Double($0 / 10) + wave($0, 0.4) })),
            ])),
        .figure(
          Figure(
            id: "steps", title: "Steps, gaps and depth", caption: "A NaN is a gap.",
            altText: "Step lines with a gap, coloured by depth.",
            panels: [
              Panel(
                title: "steps", x: Axis("threshold"), y: Axis("count", format: .integer),
                series: (0..<5).map { index in
                  Series(
                    "layer \(index * 7)", role: .ordered(Double(index) / 4),
                    mark: .step(
                      x: .numbers(steps),
                      y: steps.map { $0 == 5 ? .nan : 100 - $0 * Double(6 + index) }))
                }),
              Panel(
                title: "speed against loss",
                x: Axis("speed-up", unit: "×", scale: .logarithmic, format: .significant(2)),
                y: Axis("perplexity ratio", scale: .logarithmic, format: .significant(3)),
                series: [
                  Series(
                    "dense", role: .reference, mark: .scatter(x: .numbers([1]), y: [1])),
                  Series(
                    "router", role: .category(2),
                    mark: .line(
                      x: .numbers([1.1, 1.3, 1.7, 2.4]), y: [1.02, 1.08, 1.4, 3.1],
                      showsPoints: true)),
                  Series(
                    "router, shuffled", role: .nullOfCategory(2),
                    mark: .line(x: .numbers([1.1, 1.3, 1.7, 2.4]), y: [1.2, 1.6, 3.4, 9])),
                ], rules: [Rule(.vertical, at: 1.15, label: "1.15 ×")]),
            ], height: 340)),
        .figure(
          Figure(
            id: "ratios", title: "Ratios around one",
            caption: "Whiskers are 95 % intervals; one is unknown.",
            altText: "Points near 1 with whiskers for two variants of three groups.",
            x: Axis("", scale: .category, categories: groups), y: Axis("ratio"),
            series: (0..<2).map { index in
              let y = (0..<3).map { 1.02 + 0.03 * wave($0, Double(index)) }
              return Series(
                "variant \(index)", role: .category(index),
                mark: .scatter(
                  x: .categories(groups), y: y,
                  interval: Band(
                    lower: y.map { $0 - 0.01 }, upper: [y[0] + 0.02, y[1] + 0.01, .nan])))
            }, rules: [Rule(.horizontal, at: 1, label: "no loss")], height: 320)),
        .figure(
          Figure(
            id: "transfer", title: "Calibrate on one domain, evaluate on another", caption: "",
            altText: "A matrix of nine perplexity ratios; the diagonal is lowest.",
            x: Axis("evaluated on", scale: .category), y: Axis("calibrated on", scale: .category),
            series: [
              Series(
                "ratio", role: .observed,
                mark: .heatMap(
                  HeatMap(
                    rows: ["code", "news", "stories"], columns: ["code", "news", "stories"],
                    values: [[1.12, 1.4, 1.5], [1.6, 1.1, .nan], [1.71, 1.22, 1.09]],
                    title: "perplexity ratio", format: .fixed(2), showsValues: true)))
            ], height: 300)),
        .table(
          Table(
            id: "wide-table", title: "A table wider than a phone",
            columns: [Column("layer", format: .integer)]
              + (0..<14).map { Column("sub-dimension \($0)", format: .fixed(3)) },
            rows: (0..<6).map { row in
              [.integer(row)] + (0..<14).map { .number(wave(row * 3 + $0, 0.2)) }
            })),
      ])
  }
}
