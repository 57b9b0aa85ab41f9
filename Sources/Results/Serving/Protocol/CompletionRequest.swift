/// What `/v1/completions` is asked: OpenAI's fields, as far as a server that only scores has them.
package struct CompletionRequest: Equatable, Sendable {
  /// One text, or one list of ids.
  package enum Prompt: Equatable, Sendable {
    case text(String)
    case ids([Int])
  }

  package var prompts: [Prompt]
  /// The name that the client calls the model by.
  package var model: String?
  package var echo = false
  /// Log-probabilities of so many of the likeliest tokens too; nil: none at all.
  package var logprobs: Int?
  /// Whether the likeliest next token is asked for: `max_tokens` 1, not 0.
  package var generates = true
  /// Whether texts get the tokens that the tokenizer puts around them.
  package var addsSpecialTokens = true
  /// Fields that nothing here listens to.
  package var ignored: [String] = []

  /// Likeliest tokens that a client may ask for.
  static let logprobsLimit = 20
  /// Prompts of one request.
  static let promptLimit = 2048

  /// - Throws: 400, naming the field.
  package init(_ body: RequestJSON) throws(ServingFailure) {
    guard case .object(let fields) = body else {
      throw .invalid("expected a JSON object as the body, found \(body.kind)")
    }
    prompts = try Self.prompts(fields["prompt"])
    for (name, value) in fields.sorted(by: { $0.key < $1.key }) where value != .null {
      switch name {
      case "prompt": break
      case "model":
        guard case .string(let model) = value else { throw Self.wrong(name, "a string", value) }
        self.model = model
      case "echo": echo = try Self.boolean(name, value)
      case "add_special_tokens": addsSpecialTokens = try Self.boolean(name, value)
      case "logprobs":
        guard let count = value.integer, (0...Self.logprobsLimit).contains(count) else {
          throw Self.wrong(name, "an integer from 0 to \(Self.logprobsLimit)", value)
        }
        logprobs = count
      case "max_tokens":
        guard let count = value.integer, count >= 0 else {
          throw Self.wrong(name, "0 or 1", value)
        }
        guard count <= 1 else {
          throw .invalid(
            "max_tokens: this server scores prompts and does not generate text; "
              + "expected 0 or 1, found \(count)", field: name)
        }
        generates = count == 1
      default: try checkNeutral(name, value)
      }
    }
    if generates, let value = fields["temperature"], value != .null, value != .number(0) {
      throw Self.wrong(
        "temperature", "0, or max_tokens 0: this server draws no tokens at random", value)
    }
    if !generates && !echo {
      throw .invalid(
        "max_tokens: 0 without echo leaves nothing to answer; ask for echo, or for 1",
        field: "max_tokens")
    }
  }

  /// Fields that would change an answer are taken only where they change none.
  private mutating func checkNeutral(
    _ name: String, _ value: RequestJSON
  ) throws(ServingFailure) {
    let isNeutral: Bool
    switch name {
    case "n", "best_of": isNeutral = value == .number(1)
    case "stream": isNeutral = value == .boolean(false)
    case "suffix": isNeutral = value == .string("")
    case "presence_penalty", "frequency_penalty": isNeutral = value == .number(0)
    case "logit_bias": isNeutral = value == .object([:])
    case "stop": isNeutral = value == .list([]) || !generates
    case "temperature", "top_p", "seed", "user": isNeutral = true
    default:
      ignored.append(name)
      isNeutral = true
    }
    guard isNeutral else {
      throw .invalid(
        "\(name): this server scores prompts and has no such option; leave the field out",
        field: name)
    }
  }

  private static func prompts(_ value: RequestJSON?) throws(ServingFailure) -> [Prompt] {
    let expected = "a string, a list of strings, a list of ids, or a list of lists of ids"
    switch value {
    case .string(let text): return [.text(text)]
    case .integers(let ids): return [.ids(ids)]
    case .list(let items) where !items.isEmpty:
      guard items.count <= promptLimit else {
        throw .invalid(
          "prompt: expected at most \(promptLimit) prompts, found \(items.count); send fewer at a "
            + "time", field: "prompt")
      }
      var prompts: [Prompt] = []
      for item in items {
        switch item {
        case .string(let text): prompts.append(.text(text))
        case .integers(let ids): prompts.append(.ids(ids))
        case .list(let inner) where inner.isEmpty:
          throw .invalid(
            "prompt: expected at least one id, found an empty list at index \(prompts.count)",
            field: "prompt")
        default: throw wrong("prompt", expected, item)
        }
      }
      return prompts
    case .list:
      throw .invalid("prompt: expected at least one, found an empty list", field: "prompt")
    case nil: throw .invalid("prompt: expected \(expected), found nothing", field: "prompt")
    case let other?: throw wrong("prompt", expected, other)
    }
  }

  static func boolean(_ name: String, _ value: RequestJSON) throws(ServingFailure) -> Bool {
    guard case .boolean(let flag) = value else { throw wrong(name, "true or false", value) }
    return flag
  }

  static func wrong(
    _ name: String, _ expected: String, _ value: RequestJSON
  ) -> ServingFailure {
    let found: String =
      switch value {
      case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
      case .boolean(let flag): "\(flag)"
      default: value.kind
      }
    return .invalid("\(name): expected \(expected), found \(found)", field: name)
  }
}
