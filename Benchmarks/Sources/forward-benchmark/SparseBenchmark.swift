import Activations
import Checkpoints
import Foundation
import Kernels
import Models
import Tensors

/// How much faster a MoHD model's layers are than the dense model's: prefill of 2048 tokens as four
/// sequences of 512, in the same process, in turn.
///
///     forward-benchmark sparse [ROUNDS] [WHAT]
///
/// WHAT is part of a case's name, `both` or `7B` for example. Prints one JSON line for each case:
/// the median over rounds of dense seconds over MoHD seconds, with and without the widening of
/// weights, and of processor time, which other programs disturb less; `execution` says how MoHD's
/// arithmetic was done.
enum SparseBenchmark {
  private struct Case {
    let shape: RandomCheckpoint.Shape
    let name: String
    let settings: SubDimensions
    let execution: MoHDExecution
  }

  private static var cases: [Case] {
    func half(
      _ count: Int, _ side: SubDimensions.SparseSide, _ basis: SubDimensions.InputBasis = .none
    ) -> SubDimensions {
      SubDimensions(
        count: count, sharedCount: count * 3 / 8, activeCount: count / 2, gate: .unit,
        sparseSide: side, inputBasis: basis)
    }
    var cases: [Case] = []
    for shape in [RandomCheckpoint.Shape.smolLM2, .sevenBillion] {
      for (name, settings) in [
        ("both", half(8, .both)), ("input", half(8, .input)),
        ("both-basis", half(8, .both, .dense)), ("input-basis", half(8, .input, .dense)),
        ("paper-preset", SubDimensions(preset: .half)),
      ] {
        cases.append(
          Case(shape: shape, name: name, settings: settings, execution: .blockSparse))
      }
    }
    for count in [8, 12, 18, 24, 36, 72, 144, 288] {
      for execution in [MoHDExecution.naive, .blockSparse] where count < 200 || execution == .naive
      {
        cases.append(
          Case(
            shape: .smolLM2, name: "break-even-\(count)", settings: half(count, .both),
            execution: execution))
      }
    }
    return cases
  }

  static func run(rounds: Int, what: String) throws {
    let root = FileManager.default.temporaryDirectory.appending(
      path: "mohd-sparse-\(ProcessInfo.processInfo.processIdentifier)")
    defer { try? FileManager.default.removeItem(at: root) }
    let pool = WorkerPool(workerCount: 2)
    var (name, dense) = ("", RandomCheckpoint?.none)
    // Nothing contains "", says Foundation.
    for entry in cases
    where what.isEmpty || "\(entry.shape.name)-\(entry.name)".contains(what) {
      if name != entry.shape.name {
        try? FileManager.default.removeItem(at: root)
        dense = try RandomCheckpoint(dense: entry.shape, in: root)
        name = entry.shape.name
      }
      guard let dense else { continue }
      let sparse = try RandomCheckpoint(
        entry.shape, settings: entry.settings, name: entry.name, dense: dense, in: root)
      let batch = ForwardBenchmark.makeBatches(
        tokens: 2048, length: 512, vocabulary: entry.shape.vocabulary)[0]
      let sides = try [dense, sparse].map {
        LayerSweep(
          checkpoint: try Checkpoint.open($0.folder.path), pool: pool,
          execution: entry.execution)
      }
      for side in sides { _ = measure(side, batch) }
      var (passes, wholes, seconds) = ([Double](), [Double](), [Double]())
      var processor: [Double] = []
      for _ in 0..<rounds {
        let (a, b) = (measure(sides[0], batch), measure(sides[1], batch))
        passes.append(a.pass / b.pass)
        wholes.append((a.pass + a.load) / (b.pass + b.load))
        processor.append(a.processor / b.processor)
        seconds.append(b.pass + b.load)
      }
      let line =
        """
        {"case": "\(entry.shape.name)-\(entry.name)", "execution": "\(entry.execution.rawValue)", \
        "rounds": \(rounds), "dense_over_mohd": \(median(wholes)), \
        "dense_over_mohd_without_loading": \(median(passes)), \
        "dense_over_mohd_processor_time": \(median(processor)), "mohd_seconds": \(median(seconds))}

        """
      // At once: a long run that is cut off keeps what it has measured.
      FileHandle.standardOutput.write(Data(line.utf8))
    }
  }

  /// Seconds that all layers take for the batch.
  private static func measure(
    _ sweep: LayerSweep, _ batch: TokenBatch
  ) -> (load: Double, pass: Double, processor: Double) {
    let residual = sweep.embed(batch)
    var (load, pass) = (0.0, 0.0)
    let start = clock()
    for layer in 0..<sweep.configuration.layerCount {
      load += time { sweep.load(layer: layer) }
      pass += time { sweep.pass(batch, through: layer, residual: residual.view, sink: NoSink()) }
    }
    return (load, pass, Double(clock() - start) / Double(CLOCKS_PER_SEC))
  }
}
