import Activations
import Checkpoints
import Console
import Conversion
import Corpora
import Evaluation
import Files
import Kernels
import Models

/// The calibration text or capture of a series. The model reads the text of a setting once, and all
/// settings with the same text share what it gave.
final class TrialCalibration {
  /// Tokens of a conversion, in equal parts of the domains that it takes.
  let tokenCount: Int
  private let place: Place
  /// What a conversion calibrates on, where there is text: of all domains, or of one.
  private let all: TextSample.Draw?
  private var single: [String: TextSample.Draw] = [:]
  /// What a conversion trains on; nil where none does.
  private let lesson: TextSample.Draw?
  /// SHA-256 of the text that was drawn.
  let sha256: String
  /// The last text's activations.
  private var store: (domain: String?, store: CalibrationStore)?

  private enum Place {
    case capture(CalibrationSource, ConversionPlan.Calibration)
    case text(SampledText)
  }

  /// - Parameter byDomain: whether single domains are asked for, each with all the tokens.
  init(
    _ arguments: SeriesArguments, model: LoadedModel, modelSHA256: String, byDomain: Bool,
    pool: WorkerPool, terminal: Terminal
  ) throws {
    tokenCount = arguments.calibrationTokens
    if let path = arguments.calibration {
      let (source, calibration) = try CalibrationSource.capture(
        at: path, modelSHA256: modelSHA256, tokenCount: tokenCount, seed: arguments.seed)
      place = .capture(source, calibration)
      (all, lesson, sha256) = (nil, nil, calibration.corpusSHA256)
      return
    }
    let text = try SampledText(
      arguments.calibrationCorpus, options: arguments.corpus.options,
      sequenceLength: arguments.corpus.sequenceLength,
      tokenCount: max(tokenCount, arguments.distill ?? 0), seed: arguments.seed,
      with: model.tokenizer, pool: pool, on: terminal)
    place = .text(text)
    let all = try text.draw(tokenCount)
    all.warn("calibration", on: terminal)
    lesson = try arguments.distill.map { try text.draw($0) }
    lesson?.warn("training", on: terminal)
    if byDomain {
      for domain in text.domains { single[domain] = try text.draw(tokenCount, domain: domain) }
    }
    (self.all, sha256) = (all, all.corpus.sha256)
    for drawn in draws { try model.check(drawn.corpus.tokenIDs) }
  }

  /// In order of first appearance; none of a capture.
  var domains: [String] {
    if case .text(let text) = place { text.domains } else { [] }
  }

  /// What each corpus gave, in words: "prose 4096, code 4096".
  var spread: String {
    switch place {
    case .capture(_, let calibration):
      (calibration.corpora ?? []).map { "\($0.name) \($0.tokenCount)" }.joined(separator: ", ")
    case .text: all?.description ?? ""
    }
  }

  /// Forward passes that settings with these domains take, one after the other.
  func passCount(_ domains: [String?]) -> Int {
    if case .capture = place { return 0 }
    return domains.indices.count { $0 == 0 || domains[$0] != domains[$0 - 1] }
  }

  /// What one conversion calibrates on.
  ///
  /// - Parameters:
  ///   - domain: nil: all.
  ///   - folder: has room for the activations.
  ///   - progress: called after each layer of a forward pass, where there is one.
  func source(
    domain: String?, checkpoint: Checkpoint, pool: WorkerPool, folder: String,
    progress: () throws -> Void
  ) throws -> (source: CalibrationSource, calibration: ConversionPlan.Calibration) {
    switch place {
    case .capture(let source, let calibration): return (source, calibration)
    case .text:
      guard let drawn = draw(domain) else { throw CorpusError.noTokens(documentCount: 0) }
      let known: CalibrationStore
      if let store, store.domain == domain {
        known = store.store
      } else {
        store = nil
        known = try CalibrationStore(
          drawn.batch, sweep: LayerSweep(checkpoint: checkpoint, pool: pool), folder: folder
        ) { _ in try progress() }
        store = (domain, known)
      }
      // All documents, whether a setting trains on them or not.
      return (
        .stored(known),
        ConversionPlan.Calibration(
          tokenCount: known.batch.tokenCount, corpusSHA256: drawn.corpus.sha256,
          documentSHA256: documentDigests, seed: drawn.seed,
          corpora: drawn.shares.map(\.record), trainingCorpora: lesson?.shares.map(\.record))
      )
    }
  }

  /// What a conversion trains on; nil where its recipe does not, or a capture has no text.
  func lesson(_ recipe: ConversionRecipe) throws -> DistillationText? {
    guard let lesson, let settings = recipe.distillation else { return nil }
    return try DistillationText(
      lesson.batch, stepTokenCount: settings.stepTokenCount, seed: recipe.seed)
  }

  /// What tells the calibration of one setting from that of another.
  func digest(domain: String?) -> String {
    switch place {
    case .capture(let source, let calibration):
      "\(calibration.corpusSHA256):\(TrialDigest.of(source.batch))"
    case .text: draw(domain).map { TrialDigest.of($0.batch) } ?? "no text"
    }
  }

  /// Documents of an evaluation that are calibration text too.
  func overlap(with evaluated: TokenizedCorpus) -> CalibrationOverlap {
    CalibrationOverlap(of: evaluated, documentDigests: documentDigests, corpusDigest: sha256)
  }

  // MARK: - Private

  private var draws: [TextSample.Draw] { [all, lesson].compactMap(\.self) + single.values }

  private var documentDigests: [String] {
    Set(draws.flatMap { $0.corpus.documents.map(\.sha256) }).sorted()
  }

  /// - Returns: nil for a domain that the text does not have.
  private func draw(_ domain: String?) -> TextSample.Draw? {
    guard let domain else { return all }
    return single[domain]
  }
}

extension TextSample.Draw {
  fileprivate var batch: TokenBatch { corpus.batch(corpus.sequences.indices) }
}

extension TextSample.Share {
  /// The same for conversion.json.
  fileprivate var record: ConversionPlan.Calibration.Share {
    .init(name: name, tokenCount: tokenCount, documentCount: documentCount)
  }
}

/// Names for token batches.
enum TrialDigest {
  /// SHA-256 of the tokens and of where sequences end.
  static func of(_ batch: TokenBatch) -> String {
    let ends = batch.sequences.map { "\($0.rows.upperBound)" }.joined(separator: ",")
    let tokens = batch.tokenIDs.map { "\($0)" }.joined(separator: ",")
    return SHA256.hash(Array((ends + ";" + tokens).utf8))
  }
}
