import Activations
import Capture
import Findings

extension CapturePlan {
  /// What decides the numbers, for `statistics.json`: the same for a live model and for the replay
  /// of its float32 capture.
  ///
  /// - Parameter batches: all tokens of the corpus.
  func provenance(name: String?, batches: [TokenBatch]) -> [String: String] {
    var result = [
      "tool": "mohd-stats \(MohdStats.version)", "architecture": model.architecture,
      "model_sha256": model.sha256, "tokenizer_sha256": tokenizer.sha256,
      "corpus_sha256": corpus.sha256, "data_type": options.dataType.rawValue,
      "maximum_sequence_length": String(options.sequenceLength),
      "document_sample": DocumentSample(batches).text,
    ]
    result["name"] = name
    result["left_out"] = options.corpusOptions["left_out"]
    for (key, value) in model.sizes { result[key] = String(value) }
    return result
  }
}
