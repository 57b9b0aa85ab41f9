import Activations
import Foundation
import Reporting
import Statistics

/// One run in a report, alone or beside another.
struct Run: Sendable {
  let index: Int
  let name: String
  let result: StatisticsResult
  /// Whether the report is about this run only.
  let isAlone: Bool

  /// All runs of a report; names are made unique.
  static func all(_ results: [StatisticsResult]) -> [Run] {
    var names = results.map(title)
    if Set(names).count < names.count {
      names = names.enumerated().map { "\($0.element) (\(["A", "B", "C", "D"][$0.offset % 4]))" }
    }
    return results.enumerated().map { index, result in
      Run(index: index, name: names[index], result: result, isAlone: results.count == 1)
    }
  }

  /// What the user called the model, or what it is.
  private static func title(_ result: StatisticsResult) -> String {
    if let name = result.provenance["name"] { return name }
    let architecture = result.provenance["architecture"] ?? "model"
    let sizes = [
      result.provenance["num_hidden_layers"].map { "\($0) layers" },
      result.provenance["hidden_size"].map { "hidden size \($0)" },
    ].compactMap { $0 }
    return ([architecture] + sizes).joined(separator: ", ")
  }

  var layers: [LayerResult] { result.layers }

  /// The paper shows layer 16 of 32: the middle one here; nil without layers.
  var middle: LayerResult? { layers.isEmpty ? nil : layers[layers.count / 2] }

  /// The hook points that were measured, in the order of a block.
  var points: [String] {
    HookPoint.allCases.map(\.rawValue).filter { middle?.hookPoints[$0] != nil }
  }

  /// Those of the four inputs and outputs that were measured; the first four if none was.
  var panelPoints: [String] {
    let standard = HookPoint.standard.map(\.rawValue).filter { points.contains($0) }
    return standard.isEmpty ? Array(points.prefix(4)) : standard
  }

  /// One number for each layer; NaN where there is none.
  func overLayers(_ point: HookPoint, _ value: (HookPointResult) -> Double?) -> [Double] {
    overLayers(point.rawValue, value)
  }

  func overLayers(_ point: String, _ value: (HookPointResult) -> Double?) -> [Double] {
    layers.map { $0.hookPoints[point].flatMap(value) ?? .nan }
  }

  var layerNumbers: Coordinates { .numbers(layers.map { Double($0.layer) }) }
  var layerNames: [String] { layers.map { String($0.layer) } }

  // MARK: How it is drawn

  var role: SeriesRole { isAlone ? .observed : .category(index) }

  func nullRole(_ kind: NullKind) -> SeriesRole {
    isAlone ? .null(kind) : .nullOfCategory(index)
  }

  func label(_ text: String) -> String { isAlone ? text : "\(name): \(text)" }

  /// An identifier's ending that tells runs apart.
  var suffix: String { isAlone ? "" : "-\(index + 1)" }
}

/// A hook point as people read it.
func readable(_ point: String) -> String {
  point.replacing("ffn_", with: "FFN ").replacing("_", with: " ")
}

/// "layer 15"
func layerTitle(_ layer: LayerResult?) -> String { layer.map { "layer \($0.layer)" } ?? "no layer" }

extension Axis {
  /// The layers of a model.
  static func layers(_ runs: [Run]) -> Axis {
    let numbers = runs.flatMap { $0.layers.map { Double($0.layer) } }
    return Axis(
      "layer", low: (numbers.min() ?? 0) - 0.5, high: (numbers.max() ?? 0) + 0.5, format: .integer)
  }
}

extension [Double] {
  /// Four decimals of a share: more than any screen shows, and a third of the page's size. Tables
  /// and `statistics.json` have more digits.
  var drawn: [Double] { map { ($0 * 1e4).rounded() / 1e4 } }
}

extension Double {
  /// Rounded to so many significant digits.
  func digits(_ count: Int) -> Double {
    guard isFinite, self != 0 else { return self }
    return Double(String(format: "%.\(count - 1)e", self)) ?? self
  }
}
