import Activations
import Checkpoints
import Kernels
import Models
import Synchronization
import Tensors
import Testing

@Suite("Interventions")
struct InterventionTests {
  /// Panels of several sequences, in more than one panel.
  private func batch(_ configuration: ModelConfiguration) -> TokenBatch {
    let lengths = [300, 1, 700, 250]
    var start = 0
    let sequences = lengths.enumerated().map { index, length in
      defer { start += length }
      return TokenBatch.Sequence(rows: start..<start + length, document: index, index: 0)
    }
    let ids = (0..<start).map { Int32(($0 &* 7919) % configuration.vocabularySize) }
    return TokenBatch(tokenIDs: ids, sequences: sequences)
  }

  private func run(_ checkpoint: Checkpoint, _ intervention: Intervention) throws -> [Float] {
    let sweep = LayerSweep(
      checkpoint: checkpoint, pool: WorkerPool(workerCount: 2), execution: .naive,
      intervention: intervention)
    return try sweep.run(batch(checkpoint.configuration), into: NoSink()).view.elements()
  }

  private func open(_ model: String) throws -> Checkpoint {
    try Checkpoint.open(MoHDModelTests.folder + model)
  }

  @Test("Choosing as the model does changes no bit", arguments: MoHDModelTests.models)
  func ownChoice(model: String) throws {
    let checkpoint = try open(model)
    let own = try run(checkpoint, Intervention())
    #expect(try run(checkpoint, Intervention(routing: SameChoice())) == own)
    #expect(try run(checkpoint, Intervention(edit: NoEdit())) == own)
  }

  @Test("What is chosen is what runs: gates and α follow", arguments: MoHDModelTests.models)
  func everythingInactive(model: String) throws {
    let checkpoint = try open(model)
    let mohd = try #require(checkpoint.configuration.mohd)
    let override = OnlyFirst()
    let values = try run(checkpoint, Intervention(routing: override))
    #expect(values.allSatisfy { $0.isFinite })
    // Energies are the scores of an energy router, of any other model they are there as well.
    for component in MoHDComponent.allCases {
      for layer in 0..<checkpoint.configuration.layerCount {
        let seen = try #require(override.seen(layer: layer, component))
        #expect(seen.energies == seen.tokens * mohd[component][layer].count)
        #expect(seen.tokens == 1251)
        if mohd[component][layer].router == .energy { #expect(seen.areScores) }
      }
    }
    #expect(try values != run(checkpoint, Intervention()))
  }

  @Test("A part that a model has not is not missed, and one that it has is")
  func removal() throws {
    for (model, part, isPresent) in [
      ("paper", RemovablePart.fusion, true), ("paper", .scaling, true),
      ("paper", .compensation, false), ("converted", .fusion, false),
      ("converted", .compensation, true), ("monarch-basis", .fusion, true),
    ] {
      let checkpoint = try open(model)
      #expect(part.isPresent(in: checkpoint) == isPresent, "\(model) \(part)")
      let own = try run(checkpoint, Intervention())
      let without = try run(checkpoint, Intervention(removed: [part]))
      #expect((without == own) == !isPresent, "\(model) \(part)")
    }
    let dense = try Checkpoint.open(Fixtures.models + "/pico-llama")
    #expect(RemovablePart.allCases.allSatisfy { !$0.isPresent(in: dense) })
  }

  @Test("An edit is what attention and FFN read, of dense and MoHD models")
  func edits() throws {
    for folder in [Fixtures.models + "/pico-llama", MoHDModelTests.folder + "converted"] {
      let checkpoint = try Checkpoint.open(folder)
      let recorder = Recorder(configuration: checkpoint.configuration)
      let sweep = LayerSweep(
        checkpoint: checkpoint, pool: WorkerPool(workerCount: 1),
        intervention: Intervention(edit: ZeroFFN()))
      _ = try sweep.run(batch(checkpoint.configuration), into: recorder)
      let zeroed = recorder.values(at: ActivationSite(layer: 1, hookPoint: .ffnInput))
      #expect(zeroed.allSatisfy { $0 == 0 })
      let kept = recorder.values(at: ActivationSite(layer: 1, hookPoint: .attentionInput))
      #expect(kept.contains { $0 != 0 })
    }
  }
}

private struct SameChoice: RoutingOverride {
  var needsEnergies: Bool { true }
  func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    let settings = routing.settings
    SubDimensionKernels.fastest.choose(
      routing.scores, sharedCount: settings.sharedCount, activeCount: settings.activeCount,
      into: routing.active)
  }
}

/// Leaves the first sub-dimension active, and remembers what it was given.
private final class OnlyFirst: RoutingOverride {
  struct Seen {
    var tokens = 0
    var energies = 0
    var areScores = true
  }

  private let all = Mutex<[String: Seen]>([:])
  var needsEnergies: Bool { true }

  func seen(layer: Int, _ component: MoHDComponent) -> Seen? {
    all.withLock { $0["\(layer) \(component)"] }
  }

  func choose(
    _ routing: Routing, energies: MatrixView?, tokens: [TokenPlace], layer: Int,
    component: MoHDComponent
  ) {
    for token in 0..<routing.tokenCount {
      for i in 0..<routing.settings.count { routing.active[token, i] = i == 0 ? 1 : 0 }
    }
    let energies = energies?.elements() ?? []
    let areScores = energies == routing.scores.elements()
    all.withLock {
      $0["\(layer) \(component)", default: Seen()].tokens += tokens.count
      $0["\(layer) \(component)", default: Seen()].energies += energies.count
      if !areScores { $0["\(layer) \(component)", default: Seen()].areScores = false }
    }
  }
}

private struct NoEdit: ActivationEdit {
  func edit(_ values: MatrixView, tokens: [TokenPlace], at site: ActivationSite) {}
}

private struct ZeroFFN: ActivationEdit {
  func edit(_ values: MatrixView, tokens: [TokenPlace], at site: ActivationSite) {
    guard site.hookPoint == .ffnInput else { return }
    for row in 0..<values.rowCount {
      for column in 0..<values.columnCount { values[row, column] = 0 }
    }
  }
}
