import Serving
import Testing

@Suite("What /v1/completions is asked")
struct CompletionRequestTests {
  private func request(_ fields: String) throws -> CompletionRequest {
    try CompletionRequest(RequestJSON(Array("{\(fields)}".utf8)))
  }

  @Test("lm-evaluation-harness's request means one next token, echo and logprobs")
  func harness() throws {
    let found = try request(
      #""model":"m","prompt":[[1,2],[3]],"temperature":0,"max_tokens":1,"logprobs":1,"seed":1234,"echo":true"#
    )
    #expect(found.prompts == [.ids([1, 2]), .ids([3])])
    #expect(found.echo && found.generates && found.logprobs == 1 && found.model == "m")
    #expect(found.ignored.isEmpty)
  }

  @Test("A prompt is a text, texts, ids, or lists of ids")
  func prompts() throws {
    #expect(try request(#""prompt":"a""#).prompts == [.text("a")])
    #expect(try request(#""prompt":["a","b"]"#).prompts == [.text("a"), .text("b")])
    #expect(try request(#""prompt":[5,6]"#).prompts == [.ids([5, 6])])
    #expect(try request(#""prompt":[[5],"b"]"#).prompts == [.ids([5]), .text("b")])
  }

  @Test(
    "What would change an answer and is not done here is refused, by its name",
    arguments: [
      (#""prompt":"a","max_tokens":2"#, "max_tokens"),
      (#""prompt":"a","max_tokens":-1"#, "max_tokens"),
      (#""prompt":"a","max_tokens":0"#, "max_tokens"),
      (#""prompt":"a","temperature":0.7"#, "temperature"),
      (#""prompt":"a","n":2"#, "n"), (#""prompt":"a","stream":true"#, "stream"),
      (#""prompt":"a","logprobs":21"#, "logprobs"), (#""prompt":"a","logprobs":true"#, "logprobs"),
      (#""prompt":"a","echo":1"#, "echo"), (#""prompt":"a","stop":["\n"]"#, "stop"),
      (#""prompt":"a","logit_bias":{"5":1}"#, "logit_bias"), (#""prompt":[]"#, "prompt"),
      (#""prompt":[[]]"#, "prompt"), (#""prompt":[1.5]"#, "prompt"), (#""prompt":{}"#, "prompt"),
      (#""model":"m""#, "prompt"), (#""prompt":"a","model":1"#, "model"),
    ])
  func refused(fields: String, name: String) {
    let failure = #expect(throws: ServingFailure.self) { try request(fields) }
    #expect(failure?.status == 400)
    #expect(failure?.field == name && failure?.message.hasPrefix(name) == true)
  }

  @Test("What changes nothing is taken, and what nobody knows is remembered")
  func neutral() throws {
    let found = try request(
      #""prompt":"a","n":1,"stream":false,"top_p":0.5,"user":"u","stop":[],"suffix":null,"min_p":1"#
    )
    #expect(found.ignored == ["min_p"] && found.generates && !found.echo && found.logprobs == nil)
    #expect(try !request(#""prompt":"a","max_tokens":0,"echo":true,"temperature":1"#).generates)
  }
}
