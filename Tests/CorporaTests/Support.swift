import Corpora
import Files
import Foundation

/// Where the fixtures of this suite lie.
let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
  .appending(path: "../Fixtures/corpora").standardizedFileURL.path()

/// The sample corpora of the repository.
let samples = URL(filePath: #filePath).deletingLastPathComponent()
  .appending(path: "../../notebooks-data/corpora").standardizedFileURL.path()

/// The bytes of a fixture.
func fixture(_ name: String) throws -> [UInt8] {
  try MappedFile(path: fixtures + "/" + name).copyBytes()
}

/// A folder of its own for one test, removed at the end.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "mohd-corpora-" + UUID().uuidString
    try Folder.create(path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with its folders, and returns its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    try Folder.create(DurableFile.split(file).folder)
    try Data(bytes).write(to: URL(filePath: file))
    return file
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }
}

/// SplitMix64: the same numbers everywhere.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

extension CorpusReader {
  /// Everything that is left.
  func all() throws -> [CorpusItem] {
    var items: [CorpusItem] = []
    while let item = try next() { items.append(item) }
    return items
  }

  /// The texts of everything that is left.
  func texts() throws -> [String] {
    try all().compactMap { item in
      if case .document(let document) = item {
        String(decoding: document.text, as: UTF8.self)
      } else {
        nil
      }
    }
  }
}

/// A reader of one file or folder.
func reader(_ argument: String, _ change: (inout CorpusOptions) -> Void = { _ in }) throws
  -> CorpusReader
{
  var options = CorpusOptions()
  change(&options)
  return try CorpusReader([CorpusSpecification(parsing: argument)], options: options)
}
