import Activations
import Files
import Foundation
import Kernels
import Statistics
import Testing

@Suite("Stored states")
struct StateFileTests {
  private func state() throws -> StatisticsState {
    let rows = Synthetic.gaussian(count: 40 * 9, seed: 3)
    return try Synthetic(
      width: 9, sequences: [(0, 20), (1, 13), (1, 7)],
      sites: [
        ActivationSite(layer: 2, hookPoint: .ffnInput): rows,
        ActivationSite(layer: 2, hookPoint: .ffnOutput): rows.reversed(),
      ], domains: ["b", "a"], domainOf: { $0 }
    ).sweep().state
  }

  @Test("a state is read as it was written, and equal states give equal bytes")
  func roundTrip() throws {
    let state = try state()
    let folder = NSTemporaryDirectory() + "mohd-state-\(ProcessInfo.processInfo.processIdentifier)"
    try Folder.create(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let path = folder + "/state.h5"
    try state.write(to: path)
    let first = try Data(contentsOf: URL(fileURLWithPath: path))
    let again = try StatisticsState(path: path)
    #expect(again.header == state.header && again.arrays == state.arrays)
    try again.write(to: path)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == first)
    #expect(throws: (any Error).self) { try StatisticsState(path: folder + "/none.h5") }
  }

  @Test("damaged states are errors or honest numbers, never traps")
  func mutations() throws {
    let state = try state()
    let header = state.header
    let arrays = state.arrays
    let pool = WorkerPool(workerCount: 1)
    let count = ProcessInfo.processInfo.environment["MOHD_MUTATIONS"].flatMap(Int.init) ?? 2000
    var generator = SeededGenerator(seed: [7])
    var refused = 0
    for round in 0..<count {
      var text = Array(header.utf8)
      var damaged = arrays
      switch generator.next(below: 4) {
      case 0:
        text[generator.next(below: text.count)] = UInt8(generator.next(below: 128))
      case 1:
        damaged.remove(at: generator.next(below: damaged.count))
      default:
        let place = generator.next(below: damaged.count)
        var values = damaged[place].values
        let wild: [Int64] = [.max, .min, -1, 0, 1 << 40, 1 << 56, 1 << 62, 255]
        if values.isEmpty || generator.next(below: 5) == 0 {
          values.append(1)
        } else {
          values[generator.next(below: values.count)] = wild[generator.next(below: wild.count)]
        }
        damaged[place] = StateArray(
          name: damaged[place].name, shape: [values.count], values: values)
      }
      do {
        let read = try StatisticsState(
          header: String(decoding: text, as: UTF8.self), arrays: damaged, path: "state.h5")
        if round % 16 == 0 {
          let merged = (try? StatisticsState.merge([read, state])) ?? read
          _ = merged.result(provenance: [:], pool: pool)
        }
      } catch {
        refused += 1
      }
    }
    #expect(refused > count / 4)
  }

  @Test("parts that do not belong together are refused")
  func unlike() throws {
    let one = try state()
    let rows = Synthetic.gaussian(count: 40 * 9, seed: 3)
    let other = try Synthetic(
      width: 9, sequences: [(0, 40)],
      sites: [ActivationSite(layer: 2, hookPoint: .ffnInput): rows]
    ).sweep().state
    #expect(throws: StatisticsError.self) { try StatisticsState.merge([one, other]) }
    #expect(throws: StatisticsError.nothingToMerge) { try StatisticsState.merge([]) }
  }
}
