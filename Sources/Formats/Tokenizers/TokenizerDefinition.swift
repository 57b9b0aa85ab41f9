import Files

/// Everything that decides the ids, gathered from whatever file a tokenizer came from.
struct TokenizerDefinition: Sendable {
  /// The vocabulary's kind.
  enum Model: Sendable {
    case bytePairs(BytePairModel, PreTokenizer)
    case sentencePieces(SentencePieceModel)
  }

  /// The name of the file, for messages.
  var source: String
  /// One line on what this is.
  var summary: String
  var model: Model
  var normalizer = Normalizer(steps: [])
  var addedTokens: [AddedToken] = []
  /// Special tokens that a text spells are text.
  var splitsSpecialTokens = false
  /// Ids before and after every text when special tokens are asked for.
  var prefixIDs: [Int32] = []
  var suffixIDs: [Int32] = []
  var bosID: Int?
  var eosID: Int?
  /// Decoding drops one space at the start, which encoding put there.
  var dropsLeadingSpace = false
  /// What was guessed, left out or read otherwise than a file has it, a line each.
  var warnings: [String] = []
}

/// A SHA-256 over values, each with its length or in a fixed size, so that no two sequences of
/// values give the same bytes.
struct IdentityHasher: ~Copyable {
  private var hasher = SHA256()
  private var buffer: [UInt8] = []

  mutating func update(_ number: Int) {
    for shift in stride(from: 0, to: 64, by: 8) {
      buffer.append(UInt8(truncatingIfNeeded: number >> shift))
    }
    if buffer.count > 1 << 16 { flush() }
  }

  mutating func update(_ bytes: some Collection<UInt8>) {
    update(bytes.count)
    buffer.append(contentsOf: bytes)
    if buffer.count > 1 << 16 { flush() }
  }

  mutating func update(_ text: String) {
    update(Array(text.utf8))
  }

  mutating func update(_ flag: Bool) {
    update(flag ? 1 : 0)
  }

  consuming func finish() -> String {
    flush()
    return hasher.finish()
  }

  private mutating func flush() {
    hasher.update(buffer)
    buffer.removeAll(keepingCapacity: true)
  }
}
