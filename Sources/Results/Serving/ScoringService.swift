import Checkpoints
import Synchronization
import Tokenizers

/// What clients can ask, whatever brings the question: OpenAI's `/v1/completions` as far as scoring
/// goes, and what clients need to tokenize as the model does.
public final class ScoringService: Sendable {
  public struct Answer: Equatable, Sendable {
    public let status: Int
    public let json: [UInt8]
    /// Methods that the path has, where the one asked for is not among them.
    public var allowed: String?

    public init(status: Int, json: [UInt8], allowed: String? = nil) {
      self.status = status
      self.json = json
      self.allowed = allowed
    }

    public init(_ failure: ServingFailure) { self.init(status: failure.status, json: failure.json) }
  }

  private let model: String
  private let tokenizer: Tokenizer
  private let chatTemplate: String?
  private let configuration: ModelConfiguration
  private let queue: ScoringQueue
  private let limits: ServingLimits
  private let budget: Budget
  private let note: @Sendable (String) -> Void
  private let now: @Sendable () -> Int
  private let answerCount = Atomic<Int>(0)
  private let noted = Mutex<Set<String>>([])

  /// - Parameters:
  ///   - model: the name that answers carry.
  ///   - chatTemplate: handed out as it is.
  ///   - note: receives, once each, what is ignored in requests.
  ///   - now: seconds since 1970.
  public init(
    model: String, configuration: ModelConfiguration, tokenizer: Tokenizer, chatTemplate: String?,
    queue: ScoringQueue, limits: ServingLimits = ServingLimits(),
    note: @escaping @Sendable (String) -> Void = { _ in },
    now: @escaping @Sendable () -> Int = { 0 }
  ) {
    self.model = model
    self.configuration = configuration
    self.tokenizer = tokenizer
    self.chatTemplate = chatTemplate
    self.queue = queue
    self.limits = limits
    budget = Budget(limit: limits.tokenCount)
    self.note = note
    self.now = now
  }

  /// Ids of the longest prompt: the last one of a full window is scored, too.
  public var longestPrompt: Int { configuration.contextLength + 1 }

  /// Answers one request.
  ///
  /// - Parameters:
  ///   - send: brings the answer to the client; until it returns the answer counts as being in
  ///     memory.
  public func answer(
    method: String, path: String, body: [UInt8], send: (Answer) async -> Void
  ) async {
    let methods = ["POST", "GET"].filter { endpoint($0, path) != nil }
    guard !methods.isEmpty else {
      await send(
        Answer(
          ServingFailure(
            404,
            "nothing at \(path.prefix(80)); there are /v1/completions, /v1/models, /tokenize, "
              + "/detokenize, /tokenizer_info and /health")))
      return
    }
    guard let endpoint = endpoint(method, path) else {
      let failure = ServingFailure(
        405, "\(path): expected \(methods.joined(separator: " or ")), found \(method.prefix(20))")
      await send(
        Answer(status: 405, json: failure.json, allowed: methods.joined(separator: ", ")))
      return
    }
    var taken = 0
    let answer: Answer
    do {
      answer = Answer(status: 200, json: try await endpoint(body) { taken = $0 })
    } catch let failure as ServingFailure {
      answer = Answer(failure)
    } catch {
      answer = Answer(ServingFailure(500, "unexpected, please report this: \(error)"))
    }
    await send(answer)
    if taken > 0 { await budget.give(taken) }
  }

  /// Works on a body; says how many ids it took of the budget.
  private typealias Endpoint = (
    _ body: [UInt8], _ took: (Int) -> Void
  ) async throws -> [UInt8]

  private func endpoint(_ method: String, _ path: String) -> Endpoint? {
    switch (method, path) {
    case ("POST", "/v1/completions"): completions
    case ("POST", "/tokenize"): { body, _ in try self.tokenize(body) }
    case ("POST", "/detokenize"): { body, _ in try self.detokenize(body) }
    case ("GET", "/tokenizer_info"): { _, _ in self.tokenizerInfo() }
    case ("GET", "/v1/models"): { _, _ in self.models() }
    case ("GET", "/health"): { _, _ in Array("{\"status\":\"ok\"}".utf8) }
    default: nil
    }
  }

  // MARK: Completions

  private func completions(_ body: [UInt8], _ took: (Int) -> Void) async throws -> [UInt8] {
    let request = try CompletionRequest(try RequestJSON(body))
    remark(on: request)
    let prompts = try request.prompts.enumerated().map { index, prompt in
      try read(prompt, index: index, of: request)
    }
    let count = prompts.reduce(0) { $0 + $1.ids.count }
    guard count <= limits.requestTokenCount else {
      throw ServingFailure.invalid(
        "prompt: expected at most \(limits.requestTokenCount) ids in all prompts together, found "
          + "\(count); send fewer prompts at a time", field: "prompt")
    }
    await budget.take(count)
    took(count)
    let results = await queue.score(
      prompts.map {
        ScoringTask(
          ids: $0.ids, topCount: request.logprobs ?? 0,
          scoresPrompt: request.echo && request.logprobs != nil, scoresNext: request.generates)
      })
    let scores = try results.map { try $0.get() }
    let number = answerCount.wrappingAdd(1, ordering: .relaxed).newValue
    return CompletionResponse(
      model: model, texts: TokenText(tokenizer: tokenizer),
      endIDs: Set(
        (configuration.endOfTextIDs + [tokenizer.endOfSequenceID].compactMap(\.self)).map {
          Int32(clamping: $0)
        })
    ).json(
      identifier: "cmpl-\(number)", created: now(), request: request, prompts: prompts,
      scores: scores)
  }

  /// A prompt as ids that the model knows, not too many.
  private func read(
    _ prompt: CompletionRequest.Prompt, index: Int, of request: CompletionRequest
  ) throws(ServingFailure) -> CompletionResponse.Prompt {
    var result: CompletionResponse.Prompt
    switch prompt {
    case .ids(let ids):
      result = CompletionResponse.Prompt(ids: try check(ids, "prompt \(index)", field: "prompt"))
    case .text(let text):
      let (ids, around) = TokenText(tokenizer: tokenizer).encode(
        text, addsSpecialTokens: request.addsSpecialTokens)
      result = CompletionResponse.Prompt(ids: ids, text: text)
      result.around = around
      _ = try check(result.ids.map(Int.init), "prompt \(index)", field: "prompt")
    }
    guard !result.ids.isEmpty else {
      throw .invalid("prompt \(index): expected at least one token, found none", field: "prompt")
    }
    guard result.ids.count <= longestPrompt else {
      throw .invalid(
        "prompt \(index): expected at most \(longestPrompt) ids (the model's "
          + "\(configuration.contextLength) and one that is only scored), found "
          + "\(result.ids.count)", field: "prompt")
    }
    return result
  }

  private func check(
    _ ids: [Int], _ name: String, field: String
  ) throws(ServingFailure) -> [Int32] {
    let size = configuration.vocabularySize
    if let wrong = ids.firstIndex(where: { !(0..<size).contains($0) }) {
      throw .invalid(
        "\(name): expected ids from 0 to \(size - 1), found \(ids[wrong]) at index \(wrong)",
        field: field)
    }
    return ids.map { Int32($0) }
  }

  /// Says once what a request wants that it does not get.
  private func remark(on request: CompletionRequest) {
    if let name = request.model, name != model {
      noteOnce(
        "requests ask for the model \"\(name.prefix(60))\"; this server answers with \(model)")
    }
    for name in request.ignored { noteOnce("field \"\(name.prefix(40))\" is ignored") }
  }

  private func noteOnce(_ text: String) {
    let isNew = noted.withLock { $0.count < 32 && $0.insert(text).inserted }
    if isNew { note(text) }
  }

  // MARK: Tokenizer and model

  private func fields(_ body: [UInt8]) throws(ServingFailure) -> [String: RequestJSON] {
    let value = try RequestJSON(body)
    guard case .object(let fields) = value else {
      throw .invalid("expected a JSON object as the body, found \(value.kind)")
    }
    return fields
  }

  private func tokenize(_ body: [UInt8]) throws(ServingFailure) -> [UInt8] {
    let fields = try fields(body)
    guard case .string(let text)? = fields["prompt"] else {
      throw .invalid("prompt: expected a string", field: "prompt")
    }
    let adds = try fields["add_special_tokens"].map { (value) throws(ServingFailure) in
      try CompletionRequest.boolean("add_special_tokens", value)
    }
    let ids = tokenizer.encode(Array(text.utf8), addSpecialTokens: adds ?? true)
    var writer = JSONWriter()
    writer.raw("{\"count\":\(ids.count),\"max_model_len\":\(longestPrompt),\"tokens\":")
    writer.list(ids) { $0.raw("\($1)") }
    writer.raw("}")
    return writer.bytes
  }

  private func detokenize(_ body: [UInt8]) throws(ServingFailure) -> [UInt8] {
    let ids: [Int]
    switch try fields(body)["tokens"] {
    case .integers(let values)?: ids = values
    case .list(let values)? where values.isEmpty: ids = []
    default: throw .invalid("tokens: expected a list of ids", field: "tokens")
    }
    let bytes = tokenizer.decode(try check(ids, "tokens", field: "tokens"))
    var writer = JSONWriter()
    writer.raw("{\"prompt\":")
    writer.string(String(decoding: bytes, as: UTF8.self))
    writer.raw("}")
    return writer.bytes
  }

  private func tokenizerInfo() -> [UInt8] {
    func text(_ id: Int?) -> String? {
      id.map { String(decoding: tokenizer.decode([Int32(clamping: $0)]), as: UTF8.self) }
    }
    var writer = JSONWriter()
    writer.raw("{\"bos_token\":")
    writer.string(text(tokenizer.beginningOfSequenceID))
    writer.raw(",\"eos_token\":")
    writer.string(text(tokenizer.endOfSequenceID ?? configuration.endOfTextIDs.first))
    writer.raw(",\"pad_token\":null,\"chat_template\":")
    writer.string(chatTemplate)
    writer.raw(",\"vocab_size\":\(tokenizer.vocabularySize)}")
    return writer.bytes
  }

  private func models() -> [UInt8] {
    var writer = JSONWriter()
    writer.raw("{\"object\":\"list\",\"data\":[{\"id\":")
    writer.string(model)
    writer.raw(
      ",\"object\":\"model\",\"created\":0,\"owned_by\":\"mohd\","
        + "\"max_model_len\":\(longestPrompt)}]}")
    return writer.bytes
  }
}
