import Files

/// One case for each way in which text cannot be trained on.
public enum LearningError: ReportableError, Equatable {
  case badTokenFile(path: String, reason: String)
  case emptyDomain(domain: String, sequenceLength: Int)
  case unknownDomain(domain: String, known: [String])
  case noWeight
  case badWeight(domain: String, weight: Double)
  case vocabularyTooLarge(tokenizer: Int, model: Int)
  case tooManyEpochs(domain: String, epochs: Double, limit: Double)

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .badTokenFile(let path, let reason): "\(path): \(reason)"
    case .emptyDomain(let domain, let length):
      "domain \(domain): expected text to train on, found no sequence of 2 tokens or more once some "
        + "is held out (sequences of \(length)); give more text, or leave the domain out of the mix"
    case .unknownDomain(let domain, let known):
      "--mix: no text is of the domain \(domain); there is \(known.joined(separator: ", "))"
    case .noWeight:
      "--mix: expected a weight above 0, found none; give one domain=weight with a weight above 0"
    case .badWeight(let domain, let weight):
      "--mix: expected a finite weight of at least 0 for \(domain), found \(weight)"
    case .vocabularyTooLarge(let tokenizer, let model):
      "the tokenizer gives ids up to \(tokenizer - 1), and the model's vocab_size is \(model); "
        + "set vocab_size to \(tokenizer) or more, or choose another tokenizer"
    case .tooManyEpochs(let domain, let epochs, let limit):
      "domain \(domain): expected to be read at most \(plain(limit)) times, found "
        + "\(plain(epochs)); give it more text or less weight, train on fewer tokens, or raise "
        + "--max-epochs"
    }
  }
}

/// A number as people write it: two decimals, no zeros behind them.
private func plain(_ number: Double) -> String {
  let hundredths = Int((number * 100).rounded(.up))
  let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
  if rest == 0 { return "\(whole)" }
  return "\(whole)." + (rest < 10 ? "0" : "") + (rest % 10 == 0 ? "\(rest / 10)" : "\(rest)")
}
