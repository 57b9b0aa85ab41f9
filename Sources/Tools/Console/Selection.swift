import Activations
import ArgumentParser

/// Which hook points: names, aliases of TransformerLens, patterns with *, or "all".
public struct HookPointSelection: ExpressibleByArgument {
  /// In the order in which they were named; one may stand twice.
  public let hookPoints: [HookPoint]
  /// Those that were named, not meant by a pattern.
  private let named: [HookPoint]
  /// The layer of each name, as `blocks.3.` says; nil for all layers.
  private let layers: [(name: String, layer: Int?)]

  public init?(argument: String) {
    let pieces = argument.split(separator: ",").map(String.init)
    var found: [HookPoint] = []
    for piece in pieces {
      let matches = Self.matches(piece)
      if matches.isEmpty { return nil }
      found += matches
    }
    guard !found.isEmpty else { return nil }
    hookPoints = found
    layers = pieces.compactMap { piece in Self.place(piece).map { (piece, $0.layer) } }
    named = pieces.filter { !$0.contains("*") && $0 != "all" }.flatMap(Self.matches)
  }

  /// The chosen hook points of a model; the standard ones where nothing was chosen.
  ///
  /// - Parameter available: those that the model has.
  /// - Throws: `ValidationError` when one is named that the model has not.
  public static func hookPoints(
    _ selections: [HookPointSelection], of available: [HookPoint]
  ) throws -> [HookPoint] {
    if let stranger = selections.flatMap(\.named).first(where: { !available.contains($0) }) {
      throw ValidationError(
        "--hook-points: \(stranger.rawValue) is a MoHD router's; this model has none, or layers "
          + "with different numbers of sub-dimensions, whose rows make no dataset")
    }
    let chosen = selections.flatMap(\.hookPoints).filter(available.contains)
    guard selections.isEmpty || !chosen.isEmpty else {
      throw ValidationError(
        "--hook-points: the model has none of those; it has: "
          + available.map(\.rawValue).joined(separator: ", "))
    }
    return selections.isEmpty ? HookPoint.standard : chosen
  }

  /// The layers that names such as `blocks.3.hook_resid_post` choose; nil where none does.
  ///
  /// - Parameters:
  ///   - given: those that `--layers` chose, if it did.
  ///   - layerCount: layers of the model.
  /// - Throws: `ValidationError` when names differ in their layers, since one capture holds the same
  ///   hook points in each of its layers, or when `--layers` says something else.
  public static func layers(
    _ selections: [HookPointSelection], given: [Int]?, of layerCount: Int
  ) throws -> [Int]? {
    var chosen: [HookPoint: Set<Int>] = [:]
    let all = Set(0..<layerCount)
    for (name, layer) in selections.flatMap(\.layers) {
      if let layer, layer >= layerCount {
        throw ValidationError(
          "--hook-points: \(name): the model has layers 0 to \(layerCount - 1), found \(layer)")
      }
      for point in matches(name) { chosen[point, default: []].formUnion(layer.map { [$0] } ?? all) }
    }
    guard let (point, layers) = chosen.min(by: { $0.key.rawValue < $1.key.rawValue }),
      selections.flatMap(\.layers).contains(where: { $0.layer != nil })
    else { return given }
    func numbers(_ layers: Set<Int>) -> String {
      layers.sorted().map(String.init).joined(separator: ",")
    }
    if let (other, others) = chosen.first(where: { $0.value != layers }) {
      throw ValidationError(
        "--hook-points: one capture has the same hook points in each of its layers, found "
          + "\(point.rawValue) for \(numbers(layers)) and \(other.rawValue) for \(numbers(others)); "
          + "make two captures, or name them without a layer and choose with --layers")
    }
    if let given, Set(given) != layers {
      throw ValidationError(
        "--hook-points names layers \(numbers(layers)), --layers \(numbers(Set(given))); "
          + "leave out one of the two")
    }
    return layers.sorted()
  }

  private static func matches(_ name: String) -> [HookPoint] {
    if name == "all" { return HookPoint.allCases }
    if name == "standard" { return HookPoint.standard }
    guard let plain = place(name)?.name else { return [] }
    if let alias = aliases[plain] { return [alias] }
    return HookPoint.allCases.filter { matches($0.rawValue[...], plain[...]) }
  }

  /// `blocks.3.mlp.hook_post` taken apart; without `blocks.`, or with `*` in the number's place, all
  /// layers are meant. nil where something else stands there.
  private static func place(_ name: String) -> (name: String, layer: Int?)? {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count > 2, parts[0] == "blocks" else { return (name, nil) }
    let rest = parts.dropFirst(2).joined(separator: ".")
    if parts[1] == "*" { return (rest, nil) }
    guard let layer = Int(parts[1]), layer >= 0, layer < 1 << 20 else { return nil }
    return (rest, layer)
  }

  /// TransformerLens's names of the same values.
  private static let aliases: [String: HookPoint] = [
    "hook_resid_pre": .residualPre, "attn.hook_q": .query, "attn.hook_k": .key,
    "attn.hook_v": .value, "attn.hook_z": .attentionHeads, "hook_attn_out": .attentionOutput,
    "hook_resid_mid": .residualMid, "mlp.hook_pre": .ffnGate, "mlp.hook_pre_linear": .ffnUp,
    "mlp.hook_post": .ffnHidden, "hook_mlp_out": .ffnOutput, "hook_resid_post": .residualPost,
  ]

  /// Whether `text` matches a pattern in which * stands for anything.
  private static func matches(_ text: Substring, _ pattern: Substring) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == "*" {
      return matches(text, pattern.dropFirst())
        || (!text.isEmpty && matches(text.dropFirst(), pattern))
    }
    return text.first == first && matches(text.dropFirst(), pattern.dropFirst())
  }

  /// All names, for help texts.
  public static var help: String { HookPoint.allCases.map(\.rawValue).joined(separator: ", ") }
}

/// Which layers: `all`, or numbers and ranges with an optional step, such as `0-31:2,5`.
public struct LayerSelection: ExpressibleByArgument {
  /// (first, last, step) of each piece; nil stands for all layers.
  private let pieces: [(first: Int, last: Int, step: Int)]?

  public init?(argument: String) {
    if argument == "all" {
      pieces = nil
      return
    }
    var found: [(Int, Int, Int)] = []
    for piece in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = piece.split(separator: ":", omittingEmptySubsequences: false)
      let ends = (parts.first ?? "").split(separator: "-", omittingEmptySubsequences: false)
      guard (1...2).contains(parts.count), (1...2).contains(ends.count),
        let first = Self.number(ends[0]), let last = Self.number(ends.last ?? ""),
        first <= last, let step = parts.count == 2 ? Self.number(parts[1]) : 1, step >= 1
      else { return nil }
      found.append((first, last, step))
    }
    guard !found.isEmpty else { return nil }
    pieces = found
  }

  /// The chosen layers of a model, ascending.
  ///
  /// - Throws: `ValidationError` when a layer does not exist.
  public func layers(of layerCount: Int) throws -> [Int] {
    guard let pieces else { return Array(0..<layerCount) }
    var chosen: Set<Int> = []
    for piece in pieces {
      guard piece.last < layerCount else {
        throw ValidationError(
          "--layers: the model has layers 0 to \(layerCount - 1), found \(piece.last)")
      }
      chosen.formUnion(stride(from: piece.first, through: piece.last, by: piece.step))
    }
    return chosen.sorted()
  }

  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text),
      value < 1 << 20
    else { return nil }
    return value
  }
}
