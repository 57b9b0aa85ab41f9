import Checkpoints
import Files
import Foundation
import Tensors
import Testing

/// Seeded, structure-aware mutations of small valid checkpoints: each is opened or refused with a
/// typed error of exit status 65 or 66, without a trap, within a second.
///
/// `MOHD_MUTATIONS=200000` runs as many of each kind; the default takes a few seconds.
@Suite("Mutations", .serialized)
struct MutationTests {
  static let count =
    ProcessInfo.processInfo.environment["MOHD_MUTATIONS"].flatMap { Int($0) } ?? 2000
  static let timeLimit = Duration.seconds(1)

  /// - Parameters:
  ///   - fixture: a file or folder of the fixtures.
  ///   - target: the file in it that is mutated; nil for the fixture itself.
  ///   - headCount: bytes from its start that most mutations hit.
  private func run(
    _ fixture: String, _ target: String?, headCount: Int, isText: Bool, seed: UInt64
  ) throws {
    let folder = try TemporaryFolder()
    let name = DurableFile.split("/" + fixture).name
    try folder.copy(fixture, as: name)
    let victim = target.map { name + "/" + $0 } ?? name
    let original = try MappedFile(path: folder.path + "/" + victim).copyBytes()
    var mutator = Mutator(seed: seed, headCount: min(headCount, original.count), isText: isText)
    var opened = 0
    for index in 0..<Self.count {
      let bytes = mutator.mutate(original)
      try folder.write(bytes, victim)
      var elapsed = Duration.zero
      // A second try, because another process may have had the processor.
      for _ in 0..<2 {
        elapsed = try ContinuousClock().measure {
          do {
            try use(Checkpoint(folder.path + "/" + name, environment: [:]))
            opened += 1
          } catch let error as any ReportableError {
            let status = error.exitStatus
            #expect(
              status == .badInput || status == .missingInput, "seed \(seed), \(index): \(error)")
            _ = error.description
          }
        }
        if elapsed < Self.timeLimit { break }
      }
      #expect(elapsed < Self.timeLimit, "seed \(seed), mutation \(index)")
    }
    // Mutations that change nothing that matters exist, and so do others: neither test is vacuous.
    #expect(opened > 0 && opened < 2 * Self.count)
  }

  /// Reads everything that an opened checkpoint promises.
  private func use(_ checkpoint: Checkpoint) {
    for role in WeightRole.allCases {
      guard let weight = checkpoint.weight(role, layer: role.isPerLayer ? 0 : nil) else { continue }
      _ = weight.widened()
    }
    for component in MoHDComponent.allCases {
      for role in MoHDRole.allCases {
        _ = checkpoint.weight(role, component, layer: 0)?.widened()
      }
      for count in ActiveParameterCount.allCases {
        _ = checkpoint.configuration.activeParameters(count: count)
      }
    }
    if let gguf = checkpoint.gguf {
      for key in gguf.keys {
        _ = try? gguf.strings(key)
        _ = try? gguf.string(key)
        _ = try? gguf.integers(key)
        _ = try? gguf.integer(key)
        _ = try? gguf.numbers(key)
      }
    }
  }

  @Test("a mutated safetensors file is opened or refused")
  func safetensors() throws {
    let header = 8 + 3000
    try run("qwen2-f16", "model.safetensors", headCount: header, isText: false, seed: 1)
  }

  @Test("a mutated safetensors header, still text, is opened or refused")
  func safetensorsHeader() throws {
    try run("qwen2-f16", "model.safetensors", headCount: 2600, isText: true, seed: 2)
  }

  @Test("a mutated GGUF file is opened or refused")
  func gguf() throws {
    let file = try GGUFFile(path: Fixtures.path("llama-bf16.gguf"))
    let head = try #require(file.tensors.first).bytes.lowerBound
    try run("llama-bf16.gguf", nil, headCount: head, isText: false, seed: 3)
  }

  @Test("a mutated configuration is opened or refused")
  func configuration() throws {
    try run("qwen2-f16", "config.json", headCount: .max, isText: true, seed: 4)
  }

  @Test("a mutated MoHD configuration is opened or refused")
  func mohdConfiguration() throws {
    try run(
      "../mohd/pico-mohd-per-layer", "config.json", headCount: .max, isText: true, seed: 7)
  }

  @Test("mutated MoHD tensors are opened or refused")
  func mohdTensors() throws {
    try run(
      "../mohd/pico-mohd-converted", "model.safetensors", headCount: 9000, isText: false, seed: 8)
  }

  @Test("a mutated index is opened or refused")
  func index() throws {
    try run(
      "llama-bf16-sharded", "model.safetensors.index.json", headCount: .max, isText: true, seed: 5)
  }

  @Test("a mutated shard is opened or refused")
  func shard() throws {
    try run(
      "llama-bf16-sharded", "model-00002-of-00003.safetensors", headCount: 1600, isText: true,
      seed: 6)
  }
}

/// One to four changes at random places: bits, bytes, numbers that overflow, pieces cut out,
/// repeated or exchanged; in texts also digits and words that mean something.
private struct Mutator {
  private var random: SeededGenerator
  private let headCount: Int
  private let isText: Bool

  init(seed: UInt64, headCount: Int, isText: Bool) {
    random = SeededGenerator(seed: seed)
    self.headCount = headCount
    self.isText = isText
  }

  private static let numbers: [UInt64] = [
    0, 1, 2, 7, 32, 255, 256, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 32, 1 << 40, 1 << 61,
    1 << 62, (1 << 63) - 1, 1 << 63, .max - 31, .max - 7, .max,
  ]
  private static let words: [String] = [
    "0", "-1", "1e309", "1e-400", "9223372036854775807", "18446744073709551616", "0.5", "null",
    "true", "[", "]", "{", "}", "{}", "[]", "\"", "\\", "\\u0000", "\\ud800", ",", ":", "NaN",
    "-Infinity", "\"F32\"", "\"I64\"", "\u{e9}", "[[[[[[[[", "\"a\":", "[0,0]", "../",
  ]

  mutating func mutate(_ original: [UInt8]) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty { change(&bytes) }
    return bytes
  }

  private mutating func place(_ bytes: [UInt8]) -> Int {
    let limit = Int.random(in: 0..<10, using: &random) == 0 ? bytes.count : headCount
    return Int.random(in: 0..<max(1, min(limit, bytes.count)), using: &random)
  }

  private mutating func change(_ bytes: inout [UInt8]) {
    let start = place(bytes)
    let end = min(bytes.count, start + Int.random(in: 1...24, using: &random))
    switch Int.random(in: 0..<(isText ? 11 : 9), using: &random) {
    case 0: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[start] = UInt8.random(in: 0...255, using: &random)
    case 2, 3:
      let number = Self.numbers.randomElement(using: &random) ?? 0
      let width = [1, 4, 8].randomElement(using: &random) ?? 8
      for index in 0..<width where start + index < bytes.count {
        bytes[start + index] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
      }
    case 4: bytes.removeSubrange(start..<end)
    case 5: bytes.insert(contentsOf: Array(bytes[start..<end]), at: place(bytes))
    case 6: bytes.removeLast(Int.random(in: 0...min(64, bytes.count), using: &random))
    case 7:
      let other = place(bytes)
      for index in 0..<(end - start) where other + index < bytes.count {
        bytes.swapAt(start + index, other + index)
      }
    case 8:
      let small = Int.random(in: 0...3, using: &random)
      bytes[start] = bytes[start] &+ UInt8(truncatingIfNeeded: small) &- 1
    case 9:
      let word = Array((Self.words.randomElement(using: &random) ?? "").utf8)
      bytes.replaceSubrange(start..<end, with: word)
    default:
      // The next digit, so that numbers change and the text stays well-formed.
      guard
        let digit = bytes[start...].firstIndex(where: {
          (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
        })
      else { return }
      bytes[digit] = UInt8(ascii: "0") + UInt8.random(in: 0..<10, using: &random)
    }
  }
}
