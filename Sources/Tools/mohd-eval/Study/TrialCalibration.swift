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
  private let model: LoadedModel
  /// All passages that were read, whether a setting trains on them or not.
  private let passages: TextFingerprint
  /// The last text's activations.
  private var store: (domain: String?, store: CalibrationStore)?

  private enum Place {
    case capture(CalibrationSource, ConversionPlan.Calibration)
    case text(TokenizedCorpus)
  }

  /// - Parameter byDomain: whether single domains are asked for, each with all the tokens.
  init(
    _ arguments: SeriesArguments, model: LoadedModel, modelSHA256: String, byDomain: Bool,
    pool: WorkerPool, terminal: Terminal
  ) throws {
    tokenCount = arguments.calibrationTokens
    self.model = model
    if let path = arguments.calibration {
      let (source, calibration) = try CalibrationSource.capture(
        at: path, modelSHA256: modelSHA256, tokenizerSHA256: model.tokenizer.identity,
        tokenCount: tokenCount
      ) { model.fingerprint([$0]) }
      place = .capture(source, calibration)
      passages = calibration.passages ?? TextFingerprint([])
      return
    }
    let named = try arguments.calibrationCorpus.map { try CorpusSpecification(parsing: $0) }
    let domainCount = max(1, Set(named.map { $0.domain ?? $0.path }).count)
    let text = try CorpusArguments.tokenize(
      arguments.calibrationCorpus, options: arguments.corpus.options,
      cuts: TokenizingOptions(
        sequenceLength: arguments.corpus.sequenceLength, maximumTokenCount: nil,
        maximumTokenCountPerDomain: max(
          byDomain ? tokenCount : max(1, tokenCount / domainCount),
          (arguments.distill ?? 0) / domainCount)),
      with: model.tokenizer, pool: pool, on: terminal)
    try model.check(text.tokenIDs)
    place = .text(text)
    passages = model.fingerprint([text.batch(text.sequences.indices)])
  }

  /// In order of first appearance; none of a capture.
  var domains: [String] {
    if case .text(let text) = place { text.domains.map(\.name) } else { [] }
  }

  /// SHA-256 of everything that was read.
  var sha256: String {
    switch place {
    case .capture(_, let calibration): calibration.corpusSHA256
    case .text(let text): text.sha256
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
    case .text(let text):
      let known: CalibrationStore
      if let store, store.domain == domain {
        known = store.store
      } else {
        store = nil
        known = try CalibrationStore(
          batch(of: text, domain: domain), sweep: LayerSweep(checkpoint: checkpoint, pool: pool),
          folder: folder
        ) { _ in try progress() }
        store = (domain, known)
      }
      // All documents, whether a setting trains on them or not.
      return (
        .stored(known),
        ConversionPlan.Calibration(
          tokenCount: known.batch.tokenCount, corpusSHA256: text.sha256,
          documentSHA256: text.documents.map(\.sha256), passages: passages)
      )
    }
  }

  /// What a conversion trains on; nil where its recipe does not, or a capture has no text.
  func lesson(_ recipe: ConversionRecipe) throws -> DistillationText? {
    guard case .text(let text) = place, let settings = recipe.distillation else { return nil }
    return try DistillationText(
      batch(of: text, domain: nil, tokenCount: settings.tokenCount),
      stepTokenCount: settings.stepTokenCount, seed: recipe.seed)
  }

  /// What tells the calibration of one setting from that of another.
  func digest(domain: String?) -> String {
    switch place {
    case .capture(_, let calibration):
      return "\(calibration.corpusSHA256):\(calibration.tokenCount)"
    case .text(let text): return TrialDigest.of(batch(of: text, domain: domain))
    }
  }

  /// Documents of an evaluation that are calibration text too.
  func overlap(with evaluated: TokenizedCorpus) -> CalibrationOverlap {
    switch place {
    case .capture(_, let calibration):
      CalibrationOverlap(
        of: evaluated, documentDigests: [], corpusDigest: calibration.corpusSHA256,
        passages: passages, decode: model.text)
    case .text(let text):
      CalibrationOverlap(
        of: evaluated, documentDigests: text.documents.map(\.sha256), corpusDigest: text.sha256,
        passages: passages, decode: model.text)
    }
  }

  /// Equal parts of the domains, at most `tokenCount` in all; the last sequence of each is cut.
  ///
  /// - Parameter tokenCount: nil: what a conversion calibrates on.
  private func batch(
    of text: TokenizedCorpus, domain: String?, tokenCount: Int? = nil
  ) -> TokenBatch {
    let tokenCount = tokenCount ?? self.tokenCount
    let wanted = text.domains.indices.filter { domain == nil || text.domains[$0].name == domain }
    let share = max(1, tokenCount / max(wanted.count, 1))
    var (tokenIDs, sequences): ([Int32], [TokenBatch.Sequence]) = ([], [])
    for domain in wanted {
      var room = share
      for sequence in text.sequences where text.domain(of: sequence) == domain && room > 0 {
        let rows = sequence.rows.prefix(room)
        let start = tokenIDs.count
        tokenIDs += text.tokenIDs[rows]
        sequences.append(
          .init(
            rows: start..<start + rows.count, document: sequence.document, index: sequence.index))
        room -= rows.count
      }
    }
    return TokenBatch(tokenIDs: tokenIDs, sequences: sequences)
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
