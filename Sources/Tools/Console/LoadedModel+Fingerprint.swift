import Activations
import Corpora
import Files

extension LoadedModel {
  /// The text of some tokens, special ones left out.
  public func text(of tokenIDs: [Int32]) -> [UInt8] {
    tokenizer.decode(tokenIDs, skipsSpecialTokens: true)
  }

  /// The passages that some batches hold.
  public func fingerprint(_ batches: [TokenBatch]) -> TextFingerprint {
    TextFingerprint(batches.flatMap { $0.texts(decode: text) })
  }
}
