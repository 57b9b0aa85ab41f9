import Foundation

/// One colour, on light paper and on dark.
///
/// Figures are written with the light colour; the page replaces it, text for text, by the dark one
/// when the reader prefers that. So no two colours may share their light text
/// (`Palette.darkEquivalents` is a function; a test holds us to it).
package struct Paint: Hashable, Sendable {
  package var light: String
  package var dark: String

  init(_ light: String, _ dark: String) {
    self.light = light
    self.dark = dark
  }

  /// The same colour with little ink, for areas behind lines.
  var wash: Paint { Paint(Self.wash(light, 0.16), Self.wash(dark, 0.22)) }

  private static func wash(_ colour: String, _ opacity: Double) -> String {
    let (red, green, blue) = Palette.components(colour)
    return "rgba(\(red),\(green),\(blue),\(JSONValue.text(opacity)))"
  }
}

/// The colours of every figure. The categories are those of Okabe and Ito, which people with
/// colour-blindness can tell apart, darkened for paper (contrast at least 3 on white) and
/// lightened for the dark theme; brown takes the place of their second blue, which is too near
/// to the first when darkened, and two more follow. Each also has its own symbol.
package enum Palette {
  package static let surface = Paint("#ffffff", "#1b1f24")
  static let text = Paint("#24292f", "#e6e9ed")
  static let muted = Paint("#59616b", "#a7b0ba")
  static let grid = Paint("#e6e9ed", "#30363d")
  static let frame = Paint("#b4bbc4", "#58616b")
  package static let observed = Paint("#0b62b0", "#62b2f7")
  package static let null = Paint("#6f7782", "#98a2ae")
  package static let alternative = Paint("#5a4fcf", "#9088ff")
  package static let paper = Paint("#8a3c9c", "#d9a8f5")

  package static let categories: [Paint] = [
    Paint("#0072b2", "#5ab4f0"), Paint("#c8500a", "#ff9152"), Paint("#00805c", "#3ccb9b"),
    Paint("#b8478a", "#f77fb8"), Paint("#8f6b00", "#e0b93a"), Paint("#70461a", "#a88052"),
    Paint("#3a3f45", "#dfe3e8"), Paint("#a03028", "#ef6560"), Paint("#4d8f00", "#a6f04a"),
    Paint("#1f2a8a", "#4f78ff"),
  ]
  static let symbols = [
    "circle", "square", "diamond", "triangle-up", "cross", "x", "triangle-down", "star",
    "pentagon", "hourglass",
  ]

  private static let orderedLight = ["#46125f", "#3b528b", "#21857f", "#4a9b3f", "#a58a00"]
  private static let orderedDark = ["#a884e8", "#6f9df0", "#3fc4b4", "#86d96a", "#f4e04d"]
  private static let orderedSteps = 64

  /// The colour of a position in 0…1, in 65 steps from violet to ochre.
  package static func ordered(_ position: Double) -> Paint {
    let clamped = position.isFinite ? max(0, min(1, position)) : 0
    let step = (clamped * Double(orderedSteps)).rounded() / Double(orderedSteps)
    return Paint(mix(orderedLight, step), mix(orderedDark, step))
  }

  static let sequential: [(Double, Paint)] = [
    (0, Paint("#f4f7fb", "#20272e")), (0.25, Paint("#bad4eb", "#264a6e")),
    (0.5, Paint("#6da3d0", "#387ab9")), (0.75, Paint("#2a6ba7", "#7cb7e9")),
    (1, Paint("#08306c", "#e4f3ff")),
  ]
  static let diverging: [(Double, Paint)] = [
    (0, Paint("#0a4a82", "#74bdf8")), (0.25, Paint("#6ba2cd", "#3a73a4")),
    (0.5, Paint("#f5f4f1", "#252b31")), (0.75, Paint("#e19a6b", "#a8622f")),
    (1, Paint("#9c3403", "#ffa36b")),
  ]

  /// For every colour text that a figure may hold, the one that replaces it in the dark theme.
  static var darkEquivalents: [String: String] {
    var result: [String: String] = [:]
    for paint in all { result[paint.light] = paint.dark }
    return result
  }

  /// Every colour that a figure may hold.
  package static var all: [Paint] {
    let inks =
      [observed, null, alternative, paper, muted] + categories
      + (0...orderedSteps).map { ordered(Double($0) / Double(orderedSteps)) }
    return [surface, text, grid, frame] + inks + inks.map(\.wash) + sequential.map(\.1)
      + diverging.map(\.1)
  }

  /// Red, green and blue of "#rrggbb", each in 0…255.
  static func components(_ colour: String) -> (Int, Int, Int) {
    let value = Int(colour.dropFirst(), radix: 16) ?? 0
    return (value >> 16 & 255, value >> 8 & 255, value & 255)
  }

  private static func mix(_ stops: [String], _ position: Double) -> String {
    let scaled = position * Double(stops.count - 1)
    let index = min(Int(scaled), stops.count - 2)
    let fraction = scaled - Double(index)
    let (r0, g0, b0) = components(stops[index])
    let (r1, g1, b1) = components(stops[index + 1])
    func blend(_ a: Int, _ b: Int) -> Int {
      Int((Double(a) + (Double(b) - Double(a)) * fraction).rounded())
    }
    return String(format: "#%02x%02x%02x", blend(r0, r1), blend(g0, g1), blend(b0, b1))
  }
}

/// How a role is drawn.
struct SeriesStyle: Equatable {
  var paint: Paint
  var dash: String
  var width: Double
  var symbol: String
  /// Fill pattern of bars; empty for plain ones.
  var pattern: String

  init(_ role: SeriesRole) {
    dash = "solid"
    width = 2.25
    symbol = "circle"
    pattern = ""
    func category(_ number: Int) -> Int {
      let count = Palette.categories.count
      return ((number % count) + count) % count
    }
    switch role {
    case .observed: paint = Palette.observed
    case .category(let number):
      paint = Palette.categories[category(number)]
      symbol = Palette.symbols[category(number)]
    case .nullOfCategory(let number):
      paint = Palette.categories[category(number)]
      symbol = Palette.symbols[category(number)] + "-open"
      dash = "dot"
      width = 1.5
      pattern = "/"
    case .null(let kind):
      paint = Palette.null
      width = 1.75
      symbol = "circle-open"
      pattern = "/"
      switch kind {
      case .gaussian: dash = "dash"
      case .perDimensionGaussian: dash = "dashdot"
      case .shuffled: dash = "dot"
      case .randomBasis: dash = "10px,3px"
      case .independent:
        dash = "6px,3px"
        pattern = "-"
      case .staticScale:
        dash = "10px,3px,2px,3px,2px,3px"
        pattern = "x"
      }
    case .alternative:
      paint = Palette.alternative
      symbol = "square"
    case .paper:
      paint = Palette.paper
      symbol = "diamond"
      width = 2
    case .ordered(let position):
      paint = Palette.ordered(position)
      width = 1.5
    case .reference:
      paint = Palette.muted
      dash = "dot"
      width = 1
    }
  }
}
