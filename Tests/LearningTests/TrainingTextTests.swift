import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models
import Tensors
import Testing

@Suite("Text to train on")
struct TrainingTextTests {
  private func text(
    _ domains: [TokenizedDomain], weights: [String: Double]? = nil, evaluationTokens: Int = 64
  ) throws -> TrainingText {
    try TrainingText(
      domains, weights: weights, sequenceLength: 16, evaluationTokens: evaluationTokens,
      vocabularySize: 48)
  }

  @Test("Sequences never mix documents, and what is held out is not trained on")
  func split() throws {
    for (documents, blocks) in [(100, false), (5, true)] {
      let domain = try text(
        [walk("a", documents: documents, length: 300)], evaluationTokens: 1 << 20
      ).domains[0]
      #expect(domain.holdsOutBlocks == blocks)
      #expect(!domain.heldOut.isEmpty)
      #expect(Set(domain.training).isDisjoint(with: domain.heldOut))
      for sequence in domain.training + domain.heldOut {
        #expect(sequence.count >= 2 && sequence.count <= 16)
        let document = domain.text.starts.lastIndex { $0 <= sequence.lowerBound } ?? 0
        #expect(sequence.upperBound <= domain.text.starts[document + 1])
      }
    }
  }

  @Test("The held-out text depends on documents alone")
  func fixed() throws {
    let domain = walk("a", documents: 100, length: 60)
    let few = try text([domain], evaluationTokens: 32).domains[0].heldOut
    let many = try text([domain], evaluationTokens: 4096).domains[0].heldOut
    #expect(few.count < many.count && Array(many.prefix(few.count)) == few)
  }

  @Test("Mixes that cannot be are refused")
  func mixes() throws {
    let domain = walk("a", documents: 30, length: 40)
    #expect(throws: LearningError.unknownDomain(domain: "b", known: ["a"])) {
      try text([domain], weights: ["b": 1])
    }
    #expect(throws: LearningError.noWeight) { try text([domain], weights: ["a": 0]) }
    #expect(throws: LearningError.badWeight(domain: "a", weight: -1)) {
      try text([domain], weights: ["a": -1])
    }
    #expect(throws: LearningError.vocabularyTooLarge(tokenizer: 99, model: 48)) {
      try text([walk("a", documents: 30, length: 40, vocabulary: 99)])
    }
    #expect(throws: LearningError.emptyDomain(domain: "b", sequenceLength: 16)) {
      try text([domain, walk("b", documents: 0, length: 40)], weights: ["a": 1, "b": 1])
    }
  }

  @Test("A token file gives back what was written, in two bytes or four", arguments: [48, 70_000])
  func file(vocabulary: Int) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Folder.create(folder.path)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.path + "/a" + TokenFile.suffix
    let domain = walk("a", documents: 7, length: 40, vocabulary: vocabulary)
    try TokenFile.write(domain, to: path)
    let found = try TokenFile.read(path)
    #expect(found.tokens == domain.tokens && found.starts == domain.starts)
    #expect(found.digests == domain.digests && found.sha256 == domain.sha256)
    #expect(found.byteCounts == domain.byteCounts && found.tokenizer == "walk")
    try SafetensorsWriter.write([.init("token_ids", [UInt16(1)])], to: path)
    #expect(throws: LearningError.self) { try TokenFile.read(path) }
  }

  @Test("A wider start contains the narrower one, and each tensor has numbers of its own")
  func start() throws {
    func fill(_ hidden: Int, seed: UInt64 = 1) throws -> ModelTensors {
      let tensors = ModelTensors(try configuration(hidden: hidden))
      InitialTensors.fill(
        tensors, seed: seed, deviation: 0.1, pool: WorkerPool(workerCount: 2))
      return tensors
    }
    let (narrow, wide) = (try fill(32), try fill(64))
    for entry in narrow.entries {
      let small = narrow.matrix(entry)
      let large = try #require(wide[entry.key])
        .rows(0..<small.rowCount).columns(0..<small.columnCount)
      #expect(small.elements() == large.elements(), "\(entry.name)")
    }
    let embedding = try #require(narrow[TensorKey(.tokenEmbedding)]).elements()
    let head = try #require(narrow[TensorKey(.outputProjection)]).elements()
    #expect(embedding != head)
    #expect(try fill(32, seed: 2).storage.elements() != narrow.storage.elements())
    let mean = embedding.reduce(0, +) / Float(embedding.count)
    let square = embedding.reduce(0) { $0 + $1 * $1 } / Float(embedding.count)
    #expect(abs(mean) < 0.01 && abs(square.squareRoot() - 0.1) < 0.01)
  }

  @Test("The rate warms up, and falls along a cosine to its floor")
  func schedule() {
    let schedule = LearningSchedule(warmup: 0.1, floor: 0.1)
    #expect(schedule.factor(step: 1, of: 100) == 0.1)
    #expect(schedule.factor(step: 10, of: 100) == 1)
    #expect(abs(schedule.factor(step: 55, of: 100) - 0.55) < 1e-12)
    #expect(abs(schedule.factor(step: 100, of: 100) - 0.1) < 1e-12)
    #expect(LearningSchedule(shape: .constant, warmup: 0).factor(step: 1, of: 9) == 1)
    #expect(WidthDefaults.learningRate(hiddenSize: 4096) == 3e-4)
    #expect(WidthDefaults.initialDeviation(hiddenSize: 128) == 0.1)
  }
}
