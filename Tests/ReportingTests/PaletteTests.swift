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
}
