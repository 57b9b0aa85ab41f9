import Foundation
import Testing

/// The one room of a floor that its other rooms may stand on.
private let landings = ["Stream": "Activations", "Tools": "Console"]

/// `unsafe` lives on these floors, nowhere above.
private let unsafeFloors = ["C", "Base", "Formats", "Compute"]

@Suite("The house")
struct HouseTests {
  @Test("Package.swift lists the floors from the ground up, as the README draws them")
  func floors() throws {
    let house = House(try dumpPackage())
    #expect(
      house.floors
        == ["C", "Base", "Formats", "Compute", "Stream", "Folds", "Results", "Pages", "Tools"])
    let folders = try FileManager.default
      .contentsOfDirectory(atPath: Self.root.appending(path: "Sources").path)
    #expect(Set(folders) == Set(house.floors))
    let readme = try String(contentsOf: Self.root.appending(path: "README.md"), encoding: .utf8)
    for (room, floor) in house.floorOf {
      #expect(
        readme.contains(try Regex("(?m)^\\Q\(floor)\\E .*\\Q\(room)\\E")),
        "README's drawing lacks \(floor): \(room)")
    }
  }

  @Test("Arrows between targets point downward, never up or sideways")
  func arrows() throws {
    let package = try dumpPackage()
    let house = House(package)
    #expect(!package.targets.isEmpty)
    for target in package.targets where target.type != "test" {
      for dependency in target.targetDependencies {
        #expect(
          house.allows(target.name, toImport: dependency),
          "\(target.name) depends on \(dependency), which is not below it")
      }
    }
  }

  @Test("Import lines go by the same rule, and a planted one that points upward is found")
  func imports() throws {
    let package = try dumpPackage()
    let house = House(package)
    var lineCount = 0
    for target in package.targets where target.type != "test" {
      let folder = Self.root.appending(path: try #require(target.path))
      for file in try swiftFiles(in: folder) {
        for module in importedModules(try String(contentsOf: file, encoding: .utf8)) {
          lineCount += 1
          #expect(
            house.allows(target.name, toImport: module),
            "\(file.lastPathComponent) of \(target.name) imports \(module)")
        }
      }
    }
    #expect(lineCount > 500)
    let planted = importedModules(
      "import Foundation\n@testable import Findings\nimport Statistics\n")
    #expect(planted == ["Foundation", "Findings", "Statistics"])
    #expect(planted.map { house.allows("Statistics", toImport: $0) } == [true, false, false])
    #expect(house.allows("Models", toImport: "Activations"))
    #expect(!house.allows("Activations", toImport: "Models"))
  }

  @Test("Every Swift target is strictly memory safe, in Swift 6 mode, with warnings as errors")
  func settings() throws {
    for target in try dumpPackage().targets
    where ["regular", "executable", "test"].contains(target.type) && target.name != "CKernels" {
      let kinds = Set(target.settings.flatMap(\.kind.keys))
      #expect(
        kinds.isSuperset(of: ["strictMemorySafety", "swiftLanguageMode", "treatAllWarnings"]),
        "\(target.name) has \(kinds.sorted())")
    }
  }

  @Test("`unsafe` is written on the ground floor and below only")
  func unsafeCode() throws {
    let sources = Self.root.appending(path: "Sources")
    let pattern = try Regex(#"\bunsafe\b(?!-inline)|@unchecked|nonisolated\(unsafe\)"#)
    for floor in House(try dumpPackage()).floors where !unsafeFloors.contains(floor) {
      for file in try swiftFiles(in: sources.appending(path: floor)) {
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
        for line in lines where !line.drop(while: { $0 == " " }).hasPrefix("//") {
          #expect(line.firstMatch(of: pattern) == nil, "\(file.lastPathComponent): \(line)")
        }
      }
    }
  }

  @Test("No source traps on purpose, and none is longer than 400 lines")
  func traps() throws {
    let pattern = try Regex(#"try!|fatalError\("#)
    for file in try swiftFiles(in: Self.root.appending(path: "Sources")) {
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.firstMatch(of: pattern) == nil, "\(file.path)")
      #expect(text.split(separator: "\n").count <= 400, "\(file.path)")
    }
  }

  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// What a source imports, in order.
  private func importedModules(_ source: String) -> [String] {
    source.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let word = words.firstIndex(of: "import"), word + 1 < words.count,
        words[..<word].allSatisfy({ $0.hasPrefix("@") || ["public", "package"].contains($0) })
      else { return nil }
      return String(words[word + 1])
    }
  }

  private func swiftFiles(in folder: URL) throws -> [URL] {
    guard let walk = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    else { return [] }
    return walk.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }
  }

  /// `swift package dump-package`, with a scratch folder of its own: the test run holds the lock
  /// of the usual one.
  private func dumpPackage() throws -> DumpedPackage {
    let scratch = FileManager.default.temporaryDirectory
      .appending(path: "mohd-house-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: scratch) }
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "swift", "package", "--package-path", Self.root.path, "--scratch-path", scratch.path,
      "dump-package",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return try JSONDecoder().decode(DumpedPackage.self, from: data)
  }
}

/// Which room stands on which floor, by the folders that Package.swift names.
private struct House {
  /// From the ground up, in the order of the table.
  private(set) var floors: [String] = []
  private(set) var floorOf: [String: String] = [:]

  init(_ package: DumpedPackage) {
    for target in package.targets where target.type != "test" {
      let parts = (target.path ?? "").split(separator: "/").map(String.init)
      guard parts.count == 3, parts[0] == "Sources", parts[2] == target.name else { continue }
      floorOf[target.name] = parts[1]
      if !floors.contains(parts[1]) { floors.append(parts[1]) }
    }
  }

  /// Whether `room` may import `module`; modules from outside the house may be imported anywhere.
  func allows(_ room: String, toImport module: String) -> Bool {
    guard let below = floorOf[module].flatMap(floors.firstIndex) else { return true }
    guard let floor = floorOf[room], let own = floors.firstIndex(of: floor) else { return false }
    return below < own || (landings[floor] == module && room != module)
  }
}

/// The parts of `dump-package` that the tests look at.
private struct DumpedPackage: Decodable {
  let targets: [DumpedTarget]
}

private struct DumpedTarget: Decodable {
  let name: String
  let type: String
  let path: String?
  let dependencies: [DumpedDependency]
  let settings: [DumpedSetting]

  var targetDependencies: [String] { dependencies.compactMap(\.name) }
}

/// `{"byName": ["Files", null]}` or `{"product": ["ArgumentParser", "swift-argument-parser", …]}`.
private struct DumpedDependency: Decodable {
  let name: String?

  init(from decoder: any Decoder) throws {
    let cases = try decoder.container(keyedBy: AnyKey.self)
    guard let key = cases.allKeys.first(where: { ["byName", "target"].contains($0.stringValue) })
    else {
      name = nil
      return
    }
    var values = try cases.nestedUnkeyedContainer(forKey: key)
    name = try values.decode(String.self)
  }
}

private struct DumpedSetting: Decodable {
  let kind: [String: AnyValue]
}

private struct AnyValue: Decodable {
  init(from decoder: any Decoder) throws {}
}

private struct AnyKey: CodingKey {
  let stringValue: String
  let intValue: Int? = nil
  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
