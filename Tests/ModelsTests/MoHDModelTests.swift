import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors
import Testing

/// As for dense models: relative to the largest value of the hook point.
private let relativeTolerance: Float = 1e-5

@Suite("A MoHD model equals the PyTorch reference, masked and block-sparse")
struct MoHDModelTests {
  static let folder = Fixtures.models + "/../mohd/pico-mohd-"
  static let models = [
    "paper", "every-projection", "converted", "monarch-basis", "per-layer", "input-gates",
    "narrow", "wide",
  ]

  @Test(
    "Every hook point, router scores and logits", arguments: models, MoHDExecution.allCases)
  func hookPoints(model: String, execution: MoHDExecution) throws {
    let folder = Self.folder + model
    let expected = try ExpectedTensors(path: folder + "/expected.safetensors")
    let checkpoint = try Checkpoint.open(folder)
    let configuration = checkpoint.configuration
    let pool = WorkerPool(workerCount: 2)
    let sweep = LayerSweep(checkpoint: checkpoint, pool: pool, execution: execution)
    let batch = try expected.batch()
    let recorder = Recorder(configuration: configuration)

    let residual = try sweep.run(batch, into: recorder)

    for layer in 0..<configuration.layerCount {
      for hookPoint in HookPoint.allCases {
        let site = ActivationSite(layer: layer, hookPoint: hookPoint)
        try expectClose(
          recorder.values(at: site), expected["\(hookPoint.rawValue)/\(layer)"],
          label: "\(model) \(execution) \(hookPoint.rawValue)/\(layer)")
      }
    }
    let readout = try #require(Readout(checkpoint: checkpoint, pool: pool))
    let logits = LogitsRecorder(
      rowCount: batch.tokenCount, columnCount: configuration.vocabularySize)
    readout.forEachPanel(residual.view) { rows, values in logits.record(rows, values) }
    try expectClose(logits.elements, expected["logits"], label: "\(model) \(execution) logits")
  }

  @Test(
    "Scores alone give gates, α, the balance loss, and exactly the active sets",
    arguments: models, [MoHDExecution.naive, .blockSparse])
  func routing(model: String, execution: MoHDExecution) throws {
    let folder = Self.folder + model
    let expected = try ExpectedTensors(path: folder + "/expected.safetensors")
    let checkpoint = try Checkpoint.open(folder)
    let mohd = try #require(checkpoint.configuration.mohd)
    let batch = try expected.batch()
    let recorder = Recorder(configuration: checkpoint.configuration)
    let sweep = LayerSweep(
      checkpoint: checkpoint, pool: WorkerPool(workerCount: 1), execution: execution)
    _ = try sweep.run(batch, into: recorder)

    for component in MoHDComponent.allCases {
      for (layer, settings) in mohd[component].enumerated() {
        let name = component.rawValue
        let site = ActivationSite(
          layer: layer, hookPoint: component == .attention ? .attentionRouter : .ffnRouter)
        let routing = Routing(settings: settings, scores: recorder.values(at: site))
        let label = "\(model) \(name)/\(layer)"
        #expect(
          routing.active.elements() == expected.bytes("\(name)_active/\(layer)").map { Float($0) },
          "\(label)")
        try expectClose(
          routing.gates.elements(), expected["\(name)_router_gate/\(layer)"], label: label)
        try expectClose(
          routing.alpha.elements(), expected["\(name)_router_alpha/\(layer)"], label: label)
        let losses = batch.sequences.map { Float(routing.rows($0.rows).balanceLoss()) }
        try expectClose(losses, expected["\(name)_balance_loss/\(layer)"], label: label)
        let sizes = Set((0..<batch.tokenCount).map { routing.activeSet(token: $0).count })
        #expect(sizes == [settings.activeCount])
      }
    }
  }

  @Test("Results do not depend on the number of threads, to the bit", arguments: models)
  func threads(model: String) throws {
    let folder = Self.folder + model
    let checkpoint = try Checkpoint.open(folder)
    // More than one panel of rows.
    let batch = Self.longBatch(checkpoint.configuration, lengths: [300, 1, 700, 250])
    let results = try [1, 3].map { threads in
      let sweep = LayerSweep(
        checkpoint: checkpoint, pool: WorkerPool(workerCount: threads), execution: .blockSparse)
      return try sweep.run(batch, into: NoSink()).view.elements()
    }
    #expect(results[0] == results[1])
  }

  /// Tokens that repeat give choices and products of every size in one panel.
  private static func longBatch(
    _ configuration: ModelConfiguration, lengths: [Int]
  ) -> TokenBatch {
    var start = 0
    let sequences = lengths.enumerated().map { index, length in
      defer { start += length }
      return TokenBatch.Sequence(rows: start..<start + length, document: index, index: 0)
    }
    let ids = (0..<start).map { Int32(($0 &* 7919) % configuration.vocabularySize) }
    return TokenBatch(tokenIDs: ids, sequences: sequences)
  }

  @Test("Masked and block-sparse agree, and sinks receive panels as ever", arguments: models)
  func executions(model: String) throws {
    let checkpoint = try Checkpoint.open(Self.folder + model)
    let configuration = checkpoint.configuration
    let batch = Self.longBatch(configuration, lengths: [300, 1, 700, 250])
    let site = ActivationSite(layer: 0, hookPoint: .ffnHidden)
    let recorders = try [MoHDExecution.naive, .blockSparse].map { execution in
      let recorder = Recorder(configuration: configuration)
      let sweep = LayerSweep(
        checkpoint: checkpoint, pool: WorkerPool(workerCount: 2), execution: execution)
      _ = try sweep.run(batch, into: recorder, layerCount: 1)
      #expect(
        recorder.panels(at: site) == ActivationPanel.ranges(tokenCount: batch.tokenCount))
      return recorder
    }
    for hookPoint in HookPoint.allCases {
      let site = ActivationSite(layer: 0, hookPoint: hookPoint)
      try expectClose(
        recorders[1].values(at: site), recorders[0].values(at: site),
        label: "\(model) \(hookPoint)")
    }
  }

  @Test("The capture can take router scores where all layers have as many sub-dimensions")
  func routerHookPoints() throws {
    let paper = try Checkpoint.open(Self.folder + "paper").configuration
    #expect(paper.hookPoints == HookPoint.allCases && paper.width(of: .ffnRouter) == 8)
    let mixed = try Checkpoint.open(Self.folder + "per-layer").configuration
    #expect(mixed.hookPoints == HookPoint.dense && mixed.width(of: .ffnRouter) == 0)
    #expect(mixed.width(of: .ffnRouter, layer: 0) == 4)
    let dense = try Checkpoint.open(Fixtures.models + "/pico-llama").configuration
    #expect(dense.hookPoints == HookPoint.dense && dense.width(of: .attentionRouter) == 0)
  }

  private func expectClose(_ actual: [Float], _ expected: [Float]?, label: String) throws {
    let expected = try #require(expected, "\(label): no expected values")
    try #require(actual.count == expected.count, "\(label): \(actual.count) values")
    let largest = expected.map(abs).max() ?? 0
    let worst = actual.indices.max {
      abs(actual[$0] - expected[$0]) < abs(actual[$1] - expected[$1])
    }
    guard let worst else { return }
    let error = abs(actual[worst] - expected[worst])
    #expect(
      error <= relativeTolerance * largest,
      "\(label)[\(worst)]: expected \(expected[worst]), found \(actual[worst]); largest \(largest)")
  }
}

@Suite("Routing")
struct RoutingTests {
  static func settings(_ count: Int, _ shared: Int, _ active: Int) -> SubDimensions {
    SubDimensions(count: count, sharedCount: shared, activeCount: active)
  }

  @Test("of equal scores the lower index is chosen, and shared ones whatever they score")
  func ties() {
    let routing = Routing(
      settings: Self.settings(6, 1, 3), scores: [0, 0.2, 0.2, 0.2, 0.1, 0.3, 0, 0, 0, -0.0, 0, 0])
    #expect(routing.activeSet(token: 0) == [0, 1, 5])
    #expect(routing.activeSet(token: 1) == [0, 1, 2])
  }

  @Test("scores of zero give α = 1 and no loss")
  func zeros() {
    let routing = Routing(settings: Self.settings(4, 1, 2), scores: [0, 0, 0, 0])
    #expect(routing.alpha[0, 0] == 1 && routing.balanceLoss() == 0)
  }

  @Test("the choice of many equals sorting", arguments: [1, 5, 20, 60])
  func sorting(chosen: Int) {
    var state: UInt64 = 7
    let scores = (0..<640).map { _ -> Float in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(state >> 58) / 64  // many ties
    }
    let routing = Routing(settings: Self.settings(64, 4, 4 + chosen), scores: scores)
    for token in 0..<10 {
      let row = Array(scores[token * 64..<(token + 1) * 64])
      let ranked = (4..<64).sorted { row[$0] == row[$1] ? $0 < $1 : row[$0] > row[$1] }
      #expect(
        routing.activeSet(token: token) == (Array(0..<4) + ranked.prefix(chosen)).sorted())
    }
  }
}
