/// Writes what `/v1/completions` answers.
package struct CompletionResponse {
  let model: String
  let texts: TokenText
  /// Ids that end a text.
  let endIDs: Set<Int32>

  /// A prompt as the model read it.
  package struct Prompt: Sendable {
    var ids: [Int32]
    /// What the ids were made of; nil: they came as ids.
    var text: String?
    /// Tokens that the tokenizer put before and after the text.
    var around: (before: Int, after: Int) = (0, 0)

    package init(ids: [Int32], text: String? = nil) {
      self.ids = ids
      self.text = text
    }
  }

  package init(model: String, texts: TokenText, endIDs: Set<Int32>) {
    self.model = model
    self.texts = texts
    self.endIDs = endIDs
  }

  /// - Parameters:
  ///   - identifier: of this answer.
  ///   - created: seconds since 1970.
  package func json(
    identifier: String, created: Int, request: CompletionRequest, prompts: [Prompt],
    scores: [ScoredPrompt]
  ) -> [UInt8] {
    var writer = JSONWriter()
    writer.raw("{\"id\":")
    writer.string(identifier)
    writer.raw(",\"object\":\"text_completion\",\"created\":\(created),\"model\":")
    writer.string(model)
    writer.raw(",\"choices\":")
    writer.list(zip(prompts, scores).enumerated()) { writer, item in
      choice(item.offset, request, item.element.0, item.element.1, into: &writer)
    }
    let promptCount = prompts.reduce(0) { $0 + $1.ids.count }
    let nextCount = request.generates ? prompts.count : 0
    writer.raw(
      ",\"usage\":{\"prompt_tokens\":\(promptCount),\"completion_tokens\":\(nextCount),"
        + "\"total_tokens\":\(promptCount + nextCount)}}")
    return writer.bytes
  }

  private func choice(
    _ index: Int, _ request: CompletionRequest, _ prompt: Prompt, _ score: ScoredPrompt,
    into writer: inout JSONWriter
  ) {
    let layout = texts.layout(of: prompt.ids, text: prompt.text, around: prompt.around)
    let next = score.next?.token.id
    writer.raw("{\"index\":\(index),\"text\":")
    writer.string((request.echo ? layout.text : "") + (next.map(texts.string(of:)) ?? ""))
    writer.raw(",\"logprobs\":")
    if let count = request.logprobs {
      var entries = request.echo ? zip(prompt.ids, [nil] + score.prompt).map(Entry.init) : []
      var offsets = request.echo ? layout.offsets : []
      if let next = score.next {
        entries.append(Entry(id: next.token.id, score: next))
        offsets.append(layout.length)
      }
      logprobs(entries, offsets: offsets, topCount: count, into: &writer)
    } else {
      writer.raw("null")
    }
    let isEnd = next.map(endIDs.contains) ?? false
    writer.raw(",\"finish_reason\":\"\(isEnd ? "stop" : "length")\"}")
  }

  private struct Entry {
    let id: Int32
    /// nil: nothing comes before this token.
    let score: PositionScore?
  }

  private func logprobs(
    _ entries: [Entry], offsets: [Int], topCount: Int, into writer: inout JSONWriter
  ) {
    writer.raw("{\"tokens\":")
    writer.list(entries) { $0.string(texts.string(of: $1.id)) }
    writer.raw(",\"token_logprobs\":")
    writer.list(entries) { writer, entry in
      if let score = entry.score {
        writer.number(score.token.logProbability)
      } else {
        writer.raw("null")
      }
    }
    writer.raw(",\"top_logprobs\":")
    if topCount > 0 {
      writer.list(entries) { writer, entry in
        if let score = entry.score { top(score, into: &writer) } else { writer.raw("null") }
      }
    } else {
      writer.raw("null")
    }
    writer.raw(",\"text_offset\":")
    writer.list(offsets) { $0.raw("\($1)") }
    writer.raw("}")
  }

  /// The likeliest tokens and the token itself. Where two have one text the likelier one stays.
  private func top(_ score: PositionScore, into writer: inout JSONWriter) {
    var names: [String] = []
    writer.raw("{")
    for token in score.top + [score.token] {
      let name = texts.string(of: token.id)
      if names.contains(name) { continue }
      if !names.isEmpty { writer.raw(",") }
      names.append(name)
      writer.string(name)
      writer.raw(":")
      writer.number(token.logProbability)
    }
    writer.raw("}")
  }
}
