import Foundation
import Reporting
import Testing

@Suite("Palette")
struct PaletteTests {
  /// WCAG 2.2: graphical objects need 3, text 4.5.
  static let graphics = 3.0

  static func luminance(_ colour: String) -> Double {
    let value = Int(colour.dropFirst(), radix: 16) ?? 0
    let parts = [value >> 16 & 255, value >> 8 & 255, value & 255].map { part -> Double in
      let c = Double(part) / 255
      return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
  }

  static func contrast(_ a: String, _ b: String) -> Double {
    let (x, y) = (luminance(a), luminance(b))
    return (max(x, y) + 0.05) / (min(x, y) + 0.05)
  }

  @Test("No light colour has two dark ones")
  func function() {
    var found: [String: String] = [:]
    for paint in Palette.all {
      #expect(found[paint.light, default: paint.dark] == paint.dark, "\(paint.light)")
      found[paint.light] = paint.dark
    }
  }

  /// Distance of two colours in Oklab, in hundredths.
  static func distance(_ a: String, _ b: String) -> Double {
    func oklab(_ colour: String) -> [Double] {
      let value = Int(colour.dropFirst(), radix: 16) ?? 0
      let rgb = [value >> 16 & 255, value >> 8 & 255, value & 255].map { part -> Double in
        let c = Double(part) / 255
        return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4)
      }
      func mix(_ weights: [Double], _ values: [Double]) -> Double {
        zip(weights, values).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let cones = [
        [0.41222147, 0.53633254, 0.05144599], [0.21190350, 0.68069955, 0.10739696],
        [0.08830246, 0.28171884, 0.62997870],
      ].map { cbrt(mix($0, rgb)) }
      return [
        [0.21045426, 0.79361779, -0.00407205], [1.97799850, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
      ].map { mix($0, cones) }
    }
    return 100 * sqrt(zip(oklab(a), oklab(b)).reduce(0) { $0 + pow($1.0 - $1.1, 2) })
  }

  @Test("No two categories look alike, nor do the roles that stand among them")
  func apart() {
    let inks = Palette.categories + [Palette.null, Palette.alternative, Palette.paper]
    for (index, ink) in inks.enumerated() {
      for other in inks[..<index] {
        #expect(Self.distance(ink.light, other.light) > 8, "\(ink.light) \(other.light)")
        #expect(Self.distance(ink.dark, other.dark) > 8, "\(ink.dark) \(other.dark)")
      }
    }
  }

  @Test("Every line can be seen on both grounds")
  func contrast() {
    let inks =
      [Palette.observed, Palette.null, Palette.alternative, Palette.paper] + Palette.categories
      + (0...64).map { Palette.ordered(Double($0) / 64) }
    for ink in inks {
      #expect(Self.contrast(ink.light, Palette.surface.light) >= Self.graphics, "\(ink)")
      #expect(Self.contrast(ink.dark, Palette.surface.dark) >= Self.graphics, "\(ink)")
    }
  }

  /// WCAG 2.2, level AA, for text of ordinary size.
  static let text = 4.5

  @Test("Every text of the page has contrast on its ground, in both themes")
  func page() throws {
    let blocks = ReportStyle.text.components(separatedBy: "color-scheme: ")
    for theme in ["light;", "dark;"] {
      let block = try #require(blocks.first { $0.hasPrefix(theme) })
      var colours: [String: String] = [:]
      for match in block.matches(of: /--([a-z-]+): (#[0-9a-f]{6})/) {
        if colours[String(match.1)] == nil { colours[String(match.1)] = String(match.2) }
      }
      var pairs = ["text", "muted", "accent"].flatMap { ink in
        ["ground", "surface", "code"].map { (ink, $0) }
      }
      pairs += ["good", "bad", "chance", "none"].map { ($0, $0 + "-ground") }
      pairs.append(("text", "chance-ground"))
      for (ink, ground) in pairs {
        let (a, b) = (try #require(colours[ink]), try #require(colours[ground]))
        #expect(Self.contrast(a, b) >= Self.text, "\(theme) \(ink) on \(ground)")
      }
    }
  }
}
