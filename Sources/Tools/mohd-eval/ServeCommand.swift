import ArgumentParser
import Console
import Files
import Foundation
import Serving

struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Score prompts over HTTP, for lm-evaluation-harness and OpenAI's clients.",
    discussion: """
      Answers /v1/completions as lm-evaluation-harness's local-completions asks (echo, logprobs, \
      prompts as text or ids), /tokenizer_info, /tokenize, /detokenize, /v1/models and /health. \
      Prompts are scored; text is not generated (max_tokens is 0 or 1). Prompts that wait go \
      through the model together, and what several begin with is computed once. SIGTERM and SIGINT \
      finish what has arrived, a second one ends at once.

      Example, from an environment with lm-eval[api] and without torch (M: the model's context):
        mohd-eval serve --model CONVERTED --port 8000
        lm_eval --model local-completions --model_args model=CONVERTED,\
      base_url=http://127.0.0.1:8000/v1/completions,tokenizer_backend=remote,max_length=M+2,\
      num_concurrent=8 --tasks arc_easy
      """)

  @OptionGroup var model: ModelArguments

  @Option(help: "The port to listen on; 0: one that is free.")
  var port: UInt16 = 0

  @Option(
    help: """
      The address to listen on. Whoever can reach it can use the model: nobody is asked for a \
      password.
      """)
  var host = "127.0.0.1"

  @Flag(help: "Print the line on where to find the server as one JSON object.")
  var json = false

  @Flag(help: "Show no progress.")
  var quiet = false

  func run() throws {
    let terminal = Terminal.standardError(isQuiet: quiet)
    try Failure.reporting(on: terminal) {
      let loaded = try LoadedModel(model)
      let configuration = loaded.checkpoint.configuration
      guard
        let scorer = PromptScorer(
          checkpoint: loaded.checkpoint, pool: model.pool, layerMemory: Self.layerMemory)
      else { throw ServeError.noOutputProjection }
      if !scorer.keepsLayers {
        terminal.print(
          "note: the layers take more than half of the free memory, so each batch reads them again")
      }
      let progress = ServeProgress(on: terminal)
      let queue = ScoringQueue(engine: scorer.score, report: progress.update)
      let name = self.name
      let service = ScoringService(
        model: name, configuration: configuration, tokenizer: loaded.tokenizer,
        chatTemplate: loaded.chatTemplate, queue: queue,
        note: { terminal.print("note: \($0)") }, now: { Int(Date.now.timeIntervalSince1970) })
      let (host, port, json) = (host, port, json)
      try blocking {
        let server = try await Self.listen(service, host: host, port: port)
        if !server.isLoopback {
          terminal.print(
            "warning: \(host) can be reached from other machines, and nobody is asked for a "
              + "password; 127.0.0.1 is this machine only")
        }
        StopSignals.watch { signal in
          terminal.print("\(signal): finishing what has arrived; another signal ends at once")
          server.stop()
        }
        try Self.announce(server.url, model: name, json: json)
        await server.run()
      }
      progress.finish(queue.progress)
      try loaded.checkpoint.verifyUnchanged()
    }
  }

  /// What answers call the model: the last part of its path.
  private var name: String {
    let last = URL(filePath: model.model).lastPathComponent
    return last.hasSuffix(".gguf") ? String(last.dropLast(5)) : last
  }

  /// Half of the memory that is free now.
  ///
  /// Source: MemAvailable in /proc/meminfo (proc(5)).
  private static var layerMemory: Int {
    let text = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
    return (kibibytes ?? 2 << 20) * 512
  }

  private static func listen(
    _ service: ScoringService, host: String, port: UInt16
  ) async throws -> ScoringServer {
    do {
      return try await ScoringServer(service, host: host, port: port)
    } catch ListenError.notAnAddress(let host) {
      throw ValidationError(
        "--host: expected an IPv4 or IPv6 address or localhost, found \"\(host)\"")
    } catch ListenError.refused(let host, let port, let reason) {
      throw ServeError.cannotListen(host: host, port: port, reason: reason)
    }
  }

  /// One line on standard output, at once: whoever started this waits for it.
  private static func announce(_ url: String, model: String, json: Bool) throws {
    var line = "listening on \(url)"
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      let values = ["url": url, "completions": url + "/v1/completions", "model": model]
      line = String(decoding: try encoder.encode(values), as: UTF8.self)
    }
    try FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
  }
}

/// Why there is no server.
enum ServeError: ReportableError, Equatable {
  case cannotListen(host: String, port: UInt16, reason: String)
  case noOutputProjection

  var exitStatus: ExitStatus {
    switch self {
    case .cannotListen: .cannotCreate
    case .noOutputProjection: .badInput
    }
  }

  var description: String {
    switch self {
    case .cannotListen(let host, let port, let reason):
      "\(host) port \(port): cannot listen there (\(reason)); choose another --port, or 0"
    case .noOutputProjection:
      "expected a model with an output projection, found none: it predicts no tokens"
    }
  }
}

/// Runs asynchronous work and waits for it.
private func blocking(_ work: @escaping @Sendable () async throws -> Void) throws {
  let result = Handover()
  Task(priority: .high) {
    do {
      try await work()
      result.put(nil)
    } catch {
      result.put(error)
    }
  }
  try result.wait()
}
