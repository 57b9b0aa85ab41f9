import Evaluation
import Foundation
import Testing

@Suite("Result shelves")
struct ResultShelfTests {
  private struct Setting: Codable {
    var name: String
    var seed: UInt64
  }

  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "mohd-shelf-\(UUID().uuidString)")

  @Test("A result comes back exactly, and only for its own setting and context")
  func keeping() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let shelf = ResultShelf(directory: folder.path, context: ["model": "a"])
    let setting = Setting(name: "random", seed: .max)
    let values: [Double] = [0.1 + 0.2, -1 / 3, 1e-300, 12_345_678.901_234_567]
    #expect(try shelf.result([Double].self, of: setting) == nil)
    try shelf.keep(values, of: setting)
    #expect(try shelf.result([Double].self, of: setting) == values)
    #expect(try shelf.result([Double].self, of: Setting(name: "random", seed: 1)) == nil)
    let other = ResultShelf(directory: folder.path, context: ["model": "b"])
    #expect(try other.result([Double].self, of: setting) == nil)
  }

  @Test("Keeping twice gives the same bytes in one file, and no other file")
  func bytes() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let shelf = ResultShelf(directory: folder.path)
    let setting = Setting(name: "static", seed: 7)
    let file = folder.appending(path: try shelf.key(of: setting) + ".json")
    try shelf.keep([1.5], of: setting)
    let bytes = try Data(contentsOf: file)
    try shelf.keep([1.5], of: setting)
    #expect(try Data(contentsOf: file) == bytes)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
  }

  @Test("A damaged file counts as none", arguments: ["", "{", "{\"result\":\"x\"}"])
  func damage(text: String) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let shelf = ResultShelf(directory: folder.path)
    let setting = Setting(name: "oracle", seed: 0)
    try shelf.keep([2.5], of: setting)
    try Data(text.utf8).write(
      to: folder.appending(path: try shelf.key(of: setting) + ".json"))
    #expect(try shelf.result([Double].self, of: setting) == nil)
    try shelf.keep([2.5], of: setting)
    #expect(try shelf.result([Double].self, of: setting) == [2.5])
  }
}
