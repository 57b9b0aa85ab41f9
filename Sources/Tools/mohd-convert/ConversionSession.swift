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
  private let model: LoadedModel
  private let converter: Converter
  private let source: CalibrationSource
  private let calibration: ConversionPlan.Calibration
  /// To train on.
  private let text: DistillationText?
  private let modelSHA256: String
  private let folder: ConvertedFolder
  private let tokenCount: Int
  private let longestSequence: Int

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
        at: path, modelSHA256: modelSHA256, tokenCount: arguments.corpus.maxTokens)
      tokenCount = calibration.tokenCount
      longestSequence = 1
      text = nil
    } else {
      let text = try Self.tokenize(
        arguments.corpus, with: model.tokenizer, pool: pool, on: terminal)
      try model.check(text.tokenIDs)
      let batch = text.batch(text.sequences.indices)
      var documents = text.documents.map(\.sha256)
      if let settings = converter.recipe.distillation {
        let lesson = try Self.tokenize(
          arguments.corpus, upTo: settings.tokenCount, with: model.tokenizer, pool: pool,
          on: terminal)
        try model.check(lesson.tokenIDs)
        self.text = try DistillationText(
          lesson.batch(lesson.sequences.indices), stepTokenCount: settings.stepTokenCount,
          seed: converter.recipe.seed)
        let known = Set(documents)
        documents += lesson.documents.map(\.sha256).filter { !known.contains($0) }
      } else {
        self.text = nil
      }
      calibration = ConversionPlan.Calibration(
        tokenCount: batch.tokenCount, corpusSHA256: text.sha256, documentSHA256: documents)
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
        tool: "mohd-convert"),
      calibration: calibration, tokenizerFiles: try tokenizerFiles(), type: type, text: text
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
    let attention = recipe.settings(.attention, activeCount: recipe.attention.activeCount)
    let ffn = recipe.settings(.ffn, activeCount: recipe.ffn.activeCount)
    let dense = configuration
    configuration.architecture = .mohd
    configuration.mohd = MoHDSettings(
      attention: attention, ffn: ffn, layerCount: configuration.layerCount)
    return ConversionEstimate(
      active: .init(configuration), tokens: tokenCount, passes: converter.passCount,
      distilled: text?.tokenCount, parameters: converter.checkpoint.parameterCount,
      outputByteCount: configuration.storedByteCount(type),
      scratchByteCount: 4 * (converter.checkpoint.parameterCount + basisParameters(configuration)),
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

  private func basisParameters(_ configuration: ModelConfiguration) -> Int {
    guard converter.recipe.basis != .identity else { return 0 }
    return 2 * configuration.layerCount * configuration.hiddenSize * configuration.hiddenSize
  }

  /// What transformers needs beside the weights.
  private func tokenizerFiles() throws -> [String: [UInt8]] {
    if let files = try model.tokenizerFiles() { return files }
    terminal.print(
      "note: this GGUF's vocabulary cannot be written as tokenizer.json; "
        + "copy the original model's tokenizer files to \(folder.path)")
    return [:]
  }

  /// - Parameter limit: tokens in all, in place of what the arguments say; of each domain then in
  ///   proportion.
  private static func tokenize(
    _ arguments: CalibrationArguments, upTo limit: Int? = nil, with tokenizer: Tokenizer,
    pool: WorkerPool,
    on terminal: Terminal
  ) throws -> TokenizedCorpus {
    var options = CorpusOptions()
    options.textField = arguments.textField
    return try CorpusArguments.tokenize(
      arguments.corpus, options: options,
      cuts: TokenizingOptions(
        sequenceLength: arguments.sequenceLength, maximumTokenCount: limit ?? arguments.maxTokens,
        maximumTokenCountPerDomain: arguments.maxTokensPerDomain.map { count in
          guard let limit else { return count }
          return Int((Double(count) * Double(limit) / Double(arguments.maxTokens)).rounded(.up))
        }),
      with: tokenizer, pool: pool, on: terminal)
  }
}
