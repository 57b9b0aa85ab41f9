/// Which recipe a vocabulary was made with, when its file does not say: a guess, with its reason.
///
/// Files from before May 2024 have no `tokenizer.ggml.pre`, and some say "default". The architecture
/// settles it, or tokens that only one family has, or else the merges: the pattern that a vocabulary
/// was learned under cuts none of its tokens. (Two patterns that leave all merges whole give the same
/// ids, whichever is taken.)
struct PreTokenizerGuess: Sendable {
  let recipe: PreTokenizerRecipe
  /// What speaks for it.
  let reason: String

  /// More cut tokens than this share, and no pattern of ours is the vocabulary's.
  private static let tolerance = 0.02
  /// So many tokens are looked at.
  private static let sampleCount = 20_000
  /// In this order where the merges speak for several; those with fewer cuts first.
  private static let candidates = [
    "llama-bpe", "gpt-2", "qwen2", "smollm", "tekken", "gpt-4o", "deepseek-coder", "deepseek-v3",
  ]

  /// - Parameter tokens: the vocabulary, to look tokens up in.
  init(_ vocabulary: EmbeddedVocabulary, tokens: TokenTable) {
    let architecture = vocabulary.architecture ?? ""
    func has(_ names: String...) -> Bool {
      names.allSatisfy { tokens.id(of: Array($0.utf8)) != nil }
    }
    let named: (name: String, reason: String)? =
      if architecture.hasPrefix("qwen2") {
        ("qwen2", "by its architecture, \(architecture)")
      } else if has("<|begin_of_text|>"), has("<|eot_id|>") || has("<|end_of_text|>") {
        ("llama-bpe", "by its tokens <|begin_of_text|> and <|end_of_text|>")
      } else if has("<|im_start|>", "<repo_name>", "<jupyter_start>") {
        ("smollm", "by its tokens <repo_name> and <jupyter_start>")
      } else if has("<｜fim▁hole｜>") {
        ("deepseek-coder", "by its token for a hole to fill")
      } else {
        nil
      }
    if let named, let recipe = PreTokenizerRecipe(name: named.name) {
      self.recipe = recipe
      reason = named.reason
    } else if let recipe = Self.byMerges(vocabulary) {
      self.recipe = recipe
      reason = "by its merges, which that pattern leaves whole"
    } else {
      recipe = .fallback
      reason = "since nothing in it speaks for another"
    }
  }

  /// The recipe that cuts the fewest of the tokens that merges make.
  private static func byMerges(_ vocabulary: EmbeddedVocabulary) -> PreTokenizerRecipe? {
    let merges = vocabulary.merges ?? []
    let stride = max(1, merges.count / sampleCount)
    let words: [[UInt8]] = Swift.stride(from: 0, to: merges.count, by: stride).compactMap { index in
      ByteAlphabet.bytes(spelledBy: merges[index].filter { $0 != 0x20 })
        .flatMap { !$0.isEmpty && UTF8Text.isValid($0.span) ? $0 : nil }
    }
    guard !words.isEmpty else { return nil }
    var classes = CharacterClasses()
    var best: (recipe: PreTokenizerRecipe, cuts: Int)?
    for name in candidates {
      guard let recipe = PreTokenizerRecipe(name: name),
        let steps = try? recipe.steps(source: "")
      else { continue }
      let limit = best?.cuts ?? Int(tolerance * Double(words.count)) + 1
      var cuts = 0
      for word in words where cuts < limit && isCut(word, by: steps, &classes) { cuts += 1 }
      if cuts < limit { best = (recipe, cuts) }
    }
    guard var recipe = best?.recipe else { return nil }
    // A pattern does not tell whether BOS stands before a text.
    recipe.addsBOS = false
    return recipe
  }

  private static func isCut(
    _ word: [UInt8], by steps: [PreTokenizer.Step], _ classes: inout CharacterClasses
  ) -> Bool {
    let text = word.span
    for step in steps {
      switch step {
      case .pattern(let pattern):
        if pattern.matchEnd(text, from: 0, to: text.count, &classes) < text.count { return true }
      case .digits:
        let (first, length) = UTF8Text.scalar(text, at: 0)
        var position = length
        var isNumeric = classes.of(first) & CharacterClasses.numeric != 0
        while position < text.count, !isNumeric {
          let (scalar, length) = UTF8Text.scalar(text, at: position)
          isNumeric = classes.of(scalar) & CharacterClasses.numeric != 0
          position += length
        }
        if isNumeric, length < text.count { return true }
      case .expression(let expression, _, _):
        let matches = expression.matches(in: text, 0..<text.count)
        if !matches.isEmpty, matches != [0..<text.count] { return true }
      case .prefixSpace, .metaspace: continue
      }
    }
    return false
  }
}
