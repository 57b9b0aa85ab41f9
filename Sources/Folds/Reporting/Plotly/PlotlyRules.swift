import Foundation

/// Thin straight lines and their names.
extension PlotlyPanels {
  /// Pixels at the right of the plot for the names of horizontal lines; 0 without any.
  static func labelWidth(_ panels: [Panel]) -> Int {
    let letters =
      panels.flatMap(\.rules).filter { $0.direction == .horizontal }
      .map(\.label.count).max() ?? 0
    return letters == 0 ? 0 : 14 + Int(6.2 * Double(letters))
  }

  private static func position(_ rule: Rule, _ panel: Panel) -> JSONValue {
    let axis = rule.direction == .horizontal ? panel.y : panel.x
    return .number(rule.value).logarithm(when: axis.scale == .logarithmic)
  }

  static func shape(_ rule: Rule, _ suffix: String, _ panel: Panel) -> JSONValue {
    let style = SeriesStyle(rule.role)
    let isHorizontal = rule.direction == .horizontal
    let value = JSONValue.number(rule.value)
    return [
      "type": "line", "layer": "below",
      "xref": .string("x\(suffix)" + (isHorizontal ? " domain" : "")),
      "yref": .string("y\(suffix)" + (isHorizontal ? "" : " domain")),
      "x0": isHorizontal ? 0 : value, "x1": isHorizontal ? 1 : value,
      "y0": isHorizontal ? value : 0, "y1": isHorizontal ? value : 1,
      "line": [
        "color": .string(style.paint.light), "width": 1.25,
        "dash": .string(style.dash == "solid" ? "dash" : style.dash),
      ],
    ]
  }

  /// The names of lines, where they hide no data: those of horizontal ones right of the plot or, where
  /// the next panel is, above it; those of vertical ones at their upper end.
  static func labels(_ panel: Panel, _ suffix: String, isBeside: Bool) -> [JSONValue] {
    let named = panel.rules.filter { !$0.label.isEmpty }
    let across = named.filter { $0.direction == .horizontal }
    func label(_ rule: Rule, _ text: String, _ place: [String: JSONValue]) -> JSONValue {
      .object(
        place.merging([
          "text": .string(PlotlyStyle.markupFree(text)), "showarrow": false,
          "font": ["size": 11, "color": .string(SeriesStyle(rule.role).paint.light)],
        ]) { $1 })
    }
    let above: [String: JSONValue] = [
      "xref": .string("x\(suffix) domain"), "yref": .string("y\(suffix) domain"),
      "x": 1, "y": 1, "xanchor": "right", "yanchor": "bottom", "yshift": 4,
    ]
    let texts = across.map { "\u{2504} " + $0.label }.joined(separator: "  ")
    return named.filter { $0.direction == .vertical }.map { rule in
      label(
        rule, rule.label,
        [
          "xref": .string("x\(suffix)"), "yref": .string("y\(suffix) domain"),
          "x": position(rule, panel), "y": 1, "xanchor": "left", "yanchor": "top", "xshift": 3,
        ])
    }
      + (isBeside
        ? across.map { rule in
          label(
            rule, rule.label,
            [
              "xref": .string("x\(suffix) domain"), "yref": .string("y\(suffix)"),
              "x": 1, "y": position(rule, panel), "xanchor": "left", "yanchor": "middle",
              "xshift": 4,
            ])
        } : across.prefix(1).map { label($0, texts, above) })
  }
}

extension JSONValue {
  /// Annotations on logarithmic axes are placed by the logarithm, shapes by the value.
  fileprivate func logarithm(when isLogarithmic: Bool) -> JSONValue {
    guard isLogarithmic, case .number(let value) = self, value > 0 else { return self }
    return .number(log10(value))
  }
}
