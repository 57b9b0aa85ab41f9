import Foundation
import Serving
import Testing

@Suite("What clients can ask")
struct ScoringServiceTests {
  /// A service with an engine whose log-probabilities are the ids.
  private func service(
    limits: ServingLimits = ServingLimits(), note: @escaping @Sendable (String) -> Void = { _ in }
  ) throws -> ScoringService {
    ScoringService(
      model: "pico", configuration: try Pico().checkpoint.configuration,
      tokenizer: try Pico.tokenizer(), chatTemplate: "{{ messages }}",
      queue: ScoringQueue(engine: fakeScores), limits: limits, note: note)
  }

  private func ask(
    _ service: ScoringService, _ method: String, _ path: String, _ body: String = ""
  ) async throws -> (status: Int, json: [String: Any], text: String) {
    var found = ScoringService.Answer(status: 0, json: [])
    await service.answer(method: method, path: path, body: Array(body.utf8)) { found = $0 }
    let object = try JSONSerialization.jsonObject(with: Data(found.json)) as? [String: Any]
    return (found.status, try #require(object), String(decoding: found.json, as: UTF8.self))
  }

  private func message(_ json: [String: Any]) -> String {
    (json["error"] as? [String: Any])?["message"] as? String ?? ""
  }

  @Test("n ids give n + 1 entries, the first null, the last the next token")
  func completion() async throws {
    let found = try await ask(
      service(), "POST", "/v1/completions",
      #"{"prompt":[[5,6,7],[8]],"max_tokens":1,"echo":true,"logprobs":1,"temperature":0}"#)
    #expect(found.status == 200 && found.json["object"] as? String == "text_completion")
    let choices = try #require(found.json["choices"] as? [[String: Any]])
    #expect(choices.map { $0["index"] as? Int } == [0, 1])
    let logprobs = try #require(choices[0]["logprobs"] as? [String: Any])
    for key in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
      #expect((logprobs[key] as? [Any])?.count == 4, "\(key)")
    }
    #expect(found.text.contains(#""token_logprobs":[null,-6.0,-7.0,-1.0]"#))
    let usage = try #require(found.json["usage"] as? [String: Int])
    #expect(usage == ["prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6])
    #expect(choices[0]["finish_reason"] as? String == "length")
  }

  @Test("Without echo only the next token stands there, with max_tokens 0 only the prompt")
  func parts() async throws {
    let next = try await ask(
      service(), "POST", "/v1/completions", #"{"prompt":[5,6],"max_tokens":1,"logprobs":0}"#)
    #expect(next.text.contains(#""token_logprobs":[-1.0],"top_logprobs":null"#))
    let prompt = try await ask(
      service(), "POST", "/v1/completions",
      #"{"prompt":[5,6],"max_tokens":0,"logprobs":1,"echo":true}"#)
    #expect(prompt.text.contains(#""token_logprobs":[null,-6.0]"#))
    let plain = try await ask(service(), "POST", "/v1/completions", #"{"prompt":[5,6]}"#)
    #expect(plain.text.contains(#""logprobs":null"#))
  }

  @Test("What cannot be answered says why, in OpenAI's words")
  func failures() async throws {
    var limits = ServingLimits()
    limits.requestTokenCount = 100
    let service = try service(limits: limits)
    for (body, part) in [
      (#"{"prompt":[1,96]}"#, "0 to 95, found 96 at index 1"), (#"{"prompt":[-1]}"#, "found -1"),
      (#"{"prompt":""}"#, "at least one token"), ("[1]", "found a list"), ("", "ends early"),
      (#"{"prompt":[\#(String(repeating: "1,", count: 257))1]}"#, "at most 257"),
      (#"{"prompt":[\#(String(repeating: "[1,2,3],", count: 40))[1]]}"#, "at most 100 ids"),
      (#"{"prompt":"hello"}"#, "expected ids from 0 to 95"),
    ] {
      let found = try await ask(service, "POST", "/v1/completions", body)
      #expect(found.status == 400, "\(body.prefix(40))")
      #expect(message(found.json).contains(part), "\(message(found.json))")
    }
    let elsewhere = try await ask(service, "GET", "/v1/chat/completions")
    #expect(elsewhere.status == 404 && message(elsewhere.json).contains("/v1/completions"))
    let method = try await ask(service, "GET", "/v1/completions")
    #expect(method.status == 405 && message(method.json).contains("POST"))
  }

  @Test("The tokenizer answers as lm-evaluation-harness's remote tokenizer asks")
  func tokenizer() async throws {
    let service = try service()
    let found = try await ask(
      service, "POST", "/tokenize", #"{"prompt":"Hello world","add_special_tokens":false}"#)
    let ids = try #require(found.json["tokens"] as? [Int])
    #expect(!ids.isEmpty && found.json["count"] as? Int == ids.count)
    let info = try await ask(service, "GET", "/tokenizer_info")
    #expect(info.json["chat_template"] as? String == "{{ messages }}")
    #expect(info.json.keys.contains("eos_token") && info.json.keys.contains("bos_token"))
    let text = try await ask(service, "POST", "/detokenize", #"{"tokens":[40,41]}"#)
    #expect(text.json["prompt"] is String)
    let beyond = try await ask(service, "POST", "/detokenize", #"{"tokens":[96]}"#)
    #expect(beyond.status == 400)
    let models = try await ask(service, "GET", "/v1/models")
    #expect((models.json["data"] as? [[String: Any]])?.first?["id"] as? String == "pico")
    #expect(try await ask(service, "GET", "/health").status == 200)
  }

  @Test("Another model's name and unknown fields are remarked on once")
  func notes() async throws {
    let notes = Kept<String>()
    let service = try service { notes.append($0) }
    for _ in 0..<3 {
      _ = try await ask(
        service, "POST", "/v1/completions", #"{"prompt":[5],"model":"gpt","min_p":0}"#)
    }
    #expect(notes.all.count == 2)
  }
}
