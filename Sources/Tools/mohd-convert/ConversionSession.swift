import Activations
import ArgumentParser
import Checkpoints
import Console
import Conversion
import Corpora
import Files
import Foundation
import Kernels
import Models
import Tokenizers

/// A conversion with everything opened and checked, before anything is written.
struct ConversionSession {
  private let arguments: ConvertCommand
  private let terminal: Terminal
  private let pool: WorkerPool
  let model: LoadedModel
  private let converter: Converter
  private let source: CalibrationSource
  private let calibration: ConversionPlan.Calibration
  /// To train on.
  private let text: DistillationText?
  private let modelSHA256: String
  private let folder: ConvertedFolder
  private let tokenCount: Int
  private let longestSequence: Int
  /// What each corpus gave, in words: to calibrate on, and to train on.
  private let spread: (calibration: String, training: String?)

  init(_ arguments: ConvertCommand, terminal: Terminal) throws {
    self.arguments = arguments
    self.terminal = terminal
    folder = try ConvertedFolder(arguments.output)
    pool = arguments.model.pool
    model = try LoadedModel(arguments.model)
    let checkpoint = model.checkpoint
    var recipe = arguments.recipe.recipe(for: checkpoint.configuration)
    if arguments.recipe.distill == nil, recipe.distillation != nil {
      let needed = Distillation.memoryByteCount(
        checkpoint.configuration, recipe: recipe,
        longestSequence: arguments.corpus.sequenceLength, pool: pool)
      let installed = Int(clamping: ProcessInfo.processInfo.physicalMemory)
      if needed > installed {
        terminal.print(
          "note: training by logits would take \(HumanReadable.bytes(needed)) of memory and this "
            + "machine has \(HumanReadable.bytes(installed)): layers are recovered one by one "
            + "alone; --distill TOKENS trains nevertheless")
        recipe.distillation = nil
      }
    }
    let hiddenSize = checkpoint.configuration.hiddenSize
    if arguments.recipe.preset == "75%", hiddenSize % 12 != 0 {
      terminal.print(
        "note: --preset 75%: 12 does not divide the hidden size \(hiddenSize): 6 of 8 are active")
    }
    converter = try Converter(checkpoint: checkpoint, recipe: recipe, pool: pool)
    modelSHA256 = try model.hash(on: terminal)
    if let path = arguments.corpus.calibration {
      for (option, isGiven) in [
        ("--recover", arguments.recipe.recover), ("--fusion", arguments.recipe.fusion != .none),
        ("--distill", arguments.recipe.distill ?? 0 > 0),
      ] where isGiven {
        throw ValidationError(
          "\(option): runs the model again; give --corpus, not --calibration")
      }
      (source, calibration) = try CalibrationSource.capture(
        at: path, modelSHA256: modelSHA256, tokenizerSHA256: model.tokenizer.identity,
        tokenCount: arguments.corpus.maxTokens, seed: converter.recipe.seed
      ) { [model] in model.fingerprint([$0]) }
      spread = (Self.describe(calibration.corpora ?? []), nil)
      tokenCount = calibration.tokenCount
      longestSequence = 1
      text = nil
    } else {
      let settings = converter.recipe.distillation
      let text = try Self.read(
        arguments.corpus, upTo: max(arguments.corpus.maxTokens, settings?.tokenCount ?? 0),
        seed: converter.recipe.seed, with: model.tokenizer, pool: pool, on: terminal)
      let drawn = try text.draw(
        arguments.corpus.maxTokens, limit: arguments.corpus.maxTokensPerDomain)
      drawn.warn("calibration", on: terminal)
      try model.check(drawn.corpus.tokenIDs)
      let batch = drawn.corpus.batch(drawn.corpus.sequences.indices)
      var documents = drawn.corpus.documents.map(\.sha256)
      var seen = [batch]
      var lesson: TextSample.Draw?
      if let settings {
        let drawn = try text.draw(
          settings.tokenCount,
          limit: arguments.corpus.limitPerCorpus(forTokens: settings.tokenCount))
        drawn.warn("training", on: terminal)
        try model.check(drawn.corpus.tokenIDs)
        self.text = try DistillationText(
          drawn.corpus.batch(drawn.corpus.sequences.indices),
          stepTokenCount: settings.stepTokenCount, seed: converter.recipe.seed)
        seen.append(drawn.corpus.batch(drawn.corpus.sequences.indices))
        let known = Set(documents)
        documents += drawn.corpus.documents.map(\.sha256).filter { !known.contains($0) }
        lesson = drawn
      } else {
        self.text = nil
      }
      calibration = ConversionPlan.Calibration(
        tokenCount: batch.tokenCount, corpusSHA256: drawn.corpus.sha256,
        documentSHA256: documents, passages: model.fingerprint(seen), seed: drawn.seed,
        corpora: drawn.shares.map(\.record),
        trainingCorpora: lesson?.shares.map(\.record))
      spread = (drawn.description, lesson?.description)
      source = .text(batch, LayerSweep(checkpoint: checkpoint, pool: pool))
      tokenCount = batch.tokenCount
      longestSequence = batch.sequences.map(\.rows.count).max() ?? 0
    }
  }

  /// Converts and writes the folder.
  func convert() throws -> ConversionSummary {
    let clock = ContinuousClock.now
    let passes = converter.passCount
    let layers = converter.checkpoint.configuration.layerCount
    let bar = ProgressBar("convert", total: passes * layers, unit: "layers", on: terminal)
    let training = TrainingProgress(tokenCount: text?.tokenCount ?? 0, on: terminal)
    let plan = try folder.write(
      converter, source: source,
      provenance: .init(
        model: DurableFile.split(arguments.model.model).name, modelSHA256: modelSHA256,
        tool: "mohd-convert", tokenizerWarnings: model.tokenizer.warnings),
      calibration: calibration, tokenizerFiles: try model.tokenizerFiles(on: terminal),
      type: type, text: text
    ) { _ in
      try InterruptMonitor.shared.checkpoint()
      bar.advance(by: 1)
    } trained: { tokens in
      bar.finish()
      try InterruptMonitor.shared.checkpoint()
      training.advance(by: tokens)
    }
    bar.finish()
    training.finish()
    let took = clock.duration(to: .now).components
    return ConversionSummary(
      output: folder.path, plan: plan,
      seconds: Double(took.seconds) + Double(took.attoseconds) * 1e-18,
      trainingRate: training.rate)
  }

  /// What the conversion would take.
  func estimate() -> ConversionEstimate {
    var configuration = converter.checkpoint.configuration
    let recipe = converter.recipe
    let attention = recipe.uniformSettings(.attention, hiddenSize: configuration.hiddenSize)
    let ffn = recipe.uniformSettings(.ffn, hiddenSize: configuration.hiddenSize)
    let dense = configuration
    configuration.architecture = .mohd
    configuration.mohd = MoHDSettings(
      attention: attention, ffn: ffn, layerCount: configuration.layerCount)
    return ConversionEstimate(
      active: .init(configuration), calibration: calibration, spread: spread,
      passes: converter.passCount, distilled: text?.tokenCount,
      parameters: converter.checkpoint.parameterCount,
      outputByteCount: configuration.storedByteCount(type),
      scratchByteCount: 4
        * (converter.checkpoint.parameterCount + recipe.addedParameters(in: dense)),
      dtype: type,
      memoryByteCount: max(
        LayerSweep.memoryByteCount(
          dense, tokenCount: tokenCount, longestSequence: longestSequence, pool: pool)
          + 4 * tokenCount * dense.hiddenSize * 8
          + 40 * dense.hiddenSize * dense.hiddenSize * pool.workerCount
          + 12 * dense.hiddenSize * dense.projectionWidth(.ffn),
        recipe.outputWeights == .fisher ? OutputFisher.memoryByteCount(dense, pool: pool) : 0,
        text.map {
          Distillation.memoryByteCount(
            configuration, recipe: recipe,
            longestSequence: $0.longestSequence,
            pool: pool)
        } ?? 0),
      seconds: seconds)
  }

  /// Of the weights that are written.
  private var type: FloatingType { arguments.dtype ?? model.checkpoint.floatingType }

  /// Measured on one layer, now.
  private var seconds: Double {
    let batch = source.batch
    let time = LayerTime(
      of: LayerSweep(checkpoint: model.checkpoint, pool: pool), tokenIDs: batch.tokenIDs,
      sequences: batch.sequences)
    return ConversionTime(converter, loading: time.loading, perToken: time.perToken)
      .seconds(source, text: text)
  }

  /// - Parameter limit: the most tokens that will be drawn.
  private static func read(
    _ arguments: CalibrationArguments, upTo limit: Int, seed: UInt64, with tokenizer: Tokenizer,
    pool: WorkerPool, on terminal: Terminal
  ) throws -> SampledText {
    var options = CorpusOptions()
    options.textField = arguments.textField
    return try SampledText(
      arguments.corpus, options: options, sequenceLength: arguments.sequenceLength,
      tokenCount: limit, seed: seed, with: tokenizer, pool: pool, on: terminal)
  }

  private static func describe(_ shares: [ConversionPlan.Calibration.Share]) -> String {
    shares.map { "\($0.name) \(HumanReadable.count($0.tokenCount))" }.joined(separator: ", ")
  }
}

extension TextSample.Share {
  /// The same for conversion.json.
  fileprivate var record: ConversionPlan.Calibration.Share {
    .init(name: name, tokenCount: tokenCount, documentCount: documentCount)
  }
}
