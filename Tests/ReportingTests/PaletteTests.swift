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
