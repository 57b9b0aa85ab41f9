import Foundation
import Testing

/// The floors of the house. A target may import targets of lower floors only.
private let floors: [[String]] = [
  ["COpenBLAS", "CHDF5", "CKernels", "COnig", "CZstd", "CZlib", "CCrypto", "CXXHash"],
  ["Tensors", "Files"],
  ["Kernels", "Checkpoints", "Tokenizers", "HDF5"],
  ["Activations"],
  ["Models", "Corpora"],
  ["Capture", "Statistics", "Reporting"],
  ["Findings", "Conversion", "Evaluation"],
  ["Console"],
  ["mohd-probe", "mohd-stats", "mohd-convert", "mohd-eval"],
]

/// `unsafe` lives on these floors, nowhere above.
private let unsafeFloors = 0...2

@Suite("The house")
struct HouseTests {
  @Test("Arrows between targets point downward, never up or sideways")
  func arrows() throws {
    let package = try dumpPackage()
    #expect(!package.targets.isEmpty)
    for target in package.targets where target.type != "test" {
      let floor = try #require(Self.floor(target.name), "\(target.name) is on no floor")
      for dependency in target.targetDependencies {
        let below = try #require(Self.floor(dependency), "\(dependency) is on no floor")
        #expect(below < floor, "\(target.name) imports \(dependency), which is not below it")
      }
    }
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
    for (index, floor) in floors.enumerated() where !unsafeFloors.contains(index) {
      for name in floor {
        for file in try swiftFiles(in: sources.appending(path: name)) {
          let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
          for line in lines where !line.drop(while: { $0 == " " }).hasPrefix("//") {
            #expect(line.firstMatch(of: pattern) == nil, "\(file.lastPathComponent): \(line)")
          }
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

  private static func floor(_ target: String) -> Int? {
    floors.firstIndex { $0.contains(target) }
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

/// The parts of `dump-package` that the tests look at.
private struct DumpedPackage: Decodable {
  let targets: [DumpedTarget]
}

private struct DumpedTarget: Decodable {
  let name: String
  let type: String
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
