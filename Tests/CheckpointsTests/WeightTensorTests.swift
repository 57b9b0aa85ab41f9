import Checkpoints
import Files
import Foundation
import Synchronization
import Tensors
import Testing

@Suite("WeightTensor")
struct WeightTensorTests {
  @Test("every type widens bit for bit as the gguf package does", arguments: [false, true])
  func types(baseOnly: Bool) throws {
    let file = try GGUFFile(path: Fixtures.path("types.gguf"))
    let expected = try MappedFile(path: Fixtures.path("types.expected"))
    var cursor = ByteCursor(expected)
    // F64 is none of theirs: see OddCheckpointTests.
    #expect(
      file.tensors.map(\.elementType) == ElementType.supported.filter { $0 != .float64 })
    for info in file.tensors {
      let weight = WeightTensor(StoredTensor(info: info, file: file.file))
      let matrix = Matrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
      weight.widen(rows: 0..<weight.rowCount, into: matrix.view, baseOnly: baseOnly)
      var wrong: [Int] = []
      for (index, value) in matrix.view.elements().enumerated() {
        let next = cursor.number(UInt32.self)
        let bits = try #require(next)
        // NumPy and the processor choose the payload of a NaN each in their own way.
        let bothNaN = value.isNaN && Float(bitPattern: bits).isNaN
        if value.bitPattern != bits && !bothNaN { wrong.append(index) }
      }
      #expect(
        wrong.isEmpty, "\(info.name): \(wrong.count) differ, the first at \(wrong.first ?? 0)")
    }
    #expect(cursor.remaining == 0)
  }

  @Test("some rows are those rows, into a target with gaps too")
  func someRows() throws {
    for name in ["llama-bf16.gguf", "llama-f32"] {
      let weight = try #require(
        try Checkpoint.open(Fixtures.path(name)).weight(.queryProjection, layer: 1))
      let all = weight.widened()
      let matrix = Matrix(rowCount: 6, columnCount: weight.columnCount + 3)
      weight.widen(rows: 7..<12, into: matrix.view.rows(1..<6).columns(2..<18))
      for row in 0..<5 {
        for column in 0..<16 {
          #expect(matrix.view[row + 1, column + 2] == all[(row + 7) * 16 + column])
        }
      }
      #expect(matrix.view[0, 5] == 0 && matrix.view[3, 1] == 0 && matrix.view[3, 18] == 0)
    }
  }

  @Test("two workers that widen at once give what one gives, released or not")
  func concurrent() throws {
    let weight = try #require(
      try Checkpoint.open(Fixtures.path("llama-bf16.gguf")).weight(.gateProjection, layer: 0))
    let expected = weight.widened()
    let matrix = Matrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
    let view = matrix.view
    DispatchQueue.concurrentPerform(iterations: 24) { row in
      weight.widen(rows: row..<(row + 1), into: view.rows(row..<(row + 1)))
      weight.release()
    }
    #expect(view.elements() == expected)
  }

  @Test(
    "SmolLM2's tensors widen as gguf and transformers have them",
    .enabled(
      if: ProcessInfo.processInfo.environment["MOHD_SMOLLM2_GGUF"] != nil,
      "MOHD_SMOLLM2_GGUF names no SmolLM2-135M-Instruct.Q4_1.gguf"))
  func smolLM2() throws {
    let path = try #require(ProcessInfo.processInfo.environment["MOHD_SMOLLM2_GGUF"])
    let expected = try JSONText.decode(
      [String: String].self, from: Fixtures.bytes("smollm2-135m-q4_1.json"), path: "expected")
    let checkpoint = try Checkpoint.open(path)
    #expect(checkpoint.configuration.tiesWordEmbeddings)
    for (label, digest) in expected {
      let parts = label.split(separator: ".")
      let role = try #require(WeightRole(rawValue: String(parts[0])))
      let weight = try #require(
        checkpoint.weight(role, layer: parts.count > 1 ? Int(parts[1]) : nil))
      #expect(weight.digest() == digest, "\(label)")
    }
  }
}
