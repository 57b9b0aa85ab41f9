import Capture
import Corpora
import Models

extension CapturePlan {
  /// The plan of running a model over a corpus.
  ///
  /// Hashes the model, with a progress bar.
  ///
  /// - Throws: `CaptureError` when the options and the model do not fit each other.
  public init(
    tool: String, model: LoadedModel, corpus: TokenizedCorpus, options: CaptureOptions,
    on terminal: Terminal
  ) throws {
    let configuration = model.checkpoint.configuration
    try self.init(
      tool: tool,
      model: Model(
        sha256: try model.hash(on: terminal), architecture: configuration.architecture.rawValue,
        sizes: [
          "hidden_size": configuration.hiddenSize,
          "intermediate_size": configuration.intermediateSize,
          "num_hidden_layers": configuration.layerCount,
          "num_attention_heads": configuration.headCount,
          "num_key_value_heads": configuration.keyValueHeadCount,
          "head_dim": configuration.headSize, "vocab_size": configuration.vocabularySize,
        ]),
      tokenizer: Tokenizer(
        sha256: model.tokenizer.identity, warnings: model.tokenizer.warnings),
      corpusSHA256: corpus.sha256,
      domains: corpus.domains.map {
        Domain(name: $0.name, documentCount: $0.documentCount, tokenCount: $0.tokenCount)
      },
      sequences: corpus.sequences.map(\.rows.count), options: options,
      width: configuration.width(of:))
  }
}
