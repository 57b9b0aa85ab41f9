extension TokenizerDefinition {
  /// SHA-256 over everything that decides the ids, in a form that does not depend on the file:
  /// a vocabulary within GGUF and the tokenizer.json it was made from may agree.
  func identity() -> String {
    var hasher = IdentityHasher()
    hasher.update("mohd tokenizer 1")
    switch model {
    case .bytePairs(let model, let preTokenizer):
      hasher.update("byte pairs")
      update(&hasher, with: model)
      hasher.update(preTokenizer.steps.count)
      for step in preTokenizer.steps { update(&hasher, with: step) }
    case .sentencePieces(let model):
      model.update(&hasher)
    }
    hasher.update(normalizer.steps.count)
    for step in normalizer.steps { update(&hasher, with: step) }
    let tokens = addedTokens.sorted { $0.id < $1.id }
    hasher.update(tokens.count)
    for token in tokens {
      hasher.update(token.content)
      hasher.update(Int(token.id))
      for flag in [
        token.isSingleWord, token.stripsLeft, token.stripsRight, token.isNormalized,
      ] {
        hasher.update(flag)
      }
    }
    if splitsSpecialTokens {
      hasher.update("special tokens are text")
      for token in tokens { hasher.update(token.isSpecial) }
    }
    for ids in [prefixIDs, suffixIDs] {
      hasher.update(ids.count)
      for id in ids { hasher.update(Int(id)) }
    }
    return hasher.finish()
  }

  private func update(_ hasher: inout IdentityHasher, with model: BytePairModel) {
    hasher.update(model.unit == .byte)
    hasher.update(model.ignoresMerges)
    hasher.update(Int(model.unknownID))
    hasher.update(model.fusesUnknown)
    hasher.update(!model.fallbackIDs.isEmpty)
    hasher.update(model.vocabulary.count)
    for id in 0..<model.vocabulary.identifierCount {
      guard let bytes = model.vocabulary.bytes(of: id) else { continue }
      hasher.update(id)
      hasher.update(bytes)
    }
    hasher.update(model.merges.count)
    model.merges.forEachSorted { left, right, merged in
      hasher.update(Int(left))
      hasher.update(Int(right))
      hasher.update(Int(merged))
    }
  }

  private func update(_ hasher: inout IdentityHasher, with step: PreTokenizer.Step) {
    switch step {
    case .digits(let individual):
      hasher.update("digits")
      hasher.update(individual)
    case .pattern(let pattern):
      hasher.update("pattern")
      hasher.update(pattern.expression)
    case .expression(let expression, let behaviour, let isInverted):
      hasher.update("expression")
      hasher.update(expression.pattern)
      hasher.update(behaviour.rawValue)
      hasher.update(isInverted)
    case .prefixSpace:
      hasher.update("prefix space")
    case .metaspace(let replacement, let scheme, let splits):
      hasher.update("metaspace")
      hasher.update(replacement)
      hasher.update(scheme.rawValue)
      hasher.update(splits)
    }
  }

  private func update(_ hasher: inout IdentityHasher, with step: Normalizer.Step) {
    switch step {
    case .unicode(let form): hasher.update(form.rawValue)
    case .lowercase: hasher.update("lowercase")
    case .strip(let left, let right):
      hasher.update("strip")
      hasher.update(left)
      hasher.update(right)
    case .prepend(let prefix):
      hasher.update("prepend")
      hasher.update(prefix)
    case .replace(let pattern, let content):
      hasher.update("replace")
      hasher.update(pattern)
      hasher.update(content)
    case .replaceExpression(let expression, let content):
      hasher.update("replace expression")
      hasher.update(expression.pattern)
      hasher.update(content)
    }
  }
}
