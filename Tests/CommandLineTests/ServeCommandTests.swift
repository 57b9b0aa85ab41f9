import Foundation
import FoundationNetworking
import Testing

private let eval = Tool(name: "mohd-eval")

@Suite("mohd-eval serve, as clients meet it", .serialized)
struct ServeCommandTests {
  /// A server that runs, with the model that it needs until its end.
  private struct Server {
    let running: Tool.Running
    let url: String
    let pico: PicoCapture
  }

  /// A server on a free port.
  private func serve(_ more: String...) throws -> Server {
    let pico = try PicoCapture()
    let running = try eval.start(["serve", "--model", pico.model] + more)
    let deadline = Date.now.addingTimeInterval(60)
    while Date.now < deadline, running.process.isRunning {
      let text = try running.files.text("output")
      if text.hasSuffix("\n"), let match = text.firstMatch(of: /http:\/\/[0-9.]+:[0-9]+/) {
        return Server(running: running, url: String(match.0), pico: pico)
      }
      Thread.sleep(forTimeInterval: 0.02)
    }
    throw CocoaError(.executableLoad, userInfo: ["error": try eval.finish(running).error])
  }

  private func load(_ server: Server, _ more: String...) throws {
    let process = Process()
    let environment = ProcessInfo.processInfo.environment
    process.executableURL = URL(filePath: environment["MOHD_PYTHON"] ?? "/usr/bin/python3")
    process.arguments =
      [
        root.appending(path: "Tests/Tools/serve_load.py").path, server.url, "--pid",
        "\(server.running.process.processIdentifier)",
      ] + more
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(text)")
  }

  @Test("Sixteen clients, faults, and SIGTERM in the middle: what runs is finished, status 0")
  func load() throws {
    let full = ProcessInfo.processInfo.environment["MOHD_FULL"] != nil
    let server = try serve()
    try load(
      server, "--requests", full ? "10000" : "200", "--longest", full ? "256" : "200", "--prompts",
      full ? "400" : "60", "--terminate")
    let result = try eval.finish(server.running)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.hasPrefix("listening on http://127.0.0.1:"))
    #expect(result.output.split(separator: "\n").count == 1)
    #expect(result.error.contains("finishing what has arrived"))
    #expect(result.error.contains("tokens/s at work"))
  }

  @Test("--json says where it listens, and SIGINT stops a server that has nothing to do")
  func interrupt() throws {
    let server = try serve("--json", "--quiet")
    let line = try server.running.files.text("output")
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
    #expect(object?["url"] == server.url)
    #expect(object?["completions"] == server.url + "/v1/completions" && object?["model"] == "model")
    server.running.process.interrupt()
    let result = try eval.finish(server.running)
    #expect(result.status == 0, "\(result.error)")
  }

  @Test("A second signal ends it at once, whatever runs")
  func secondSignal() throws {
    let server = try serve("--quiet", "--threads", "1")
    var draw: UInt64 = 3
    let prompts = (0..<1300).map { _ in
      (0..<200).map { _ -> Int in
        draw = draw &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(draw >> 33) % 96
      }
    }
    var request = URLRequest(url: try #require(URL(string: server.url + "/v1/completions")))
    request.httpMethod = "POST"
    request.httpBody = try JSONSerialization.data(
      withJSONObject: ["prompt": prompts, "echo": true, "logprobs": 20, "max_tokens": 1])
    let task = URLSession.shared.dataTask(with: request)
    task.resume()
    Thread.sleep(forTimeInterval: 0.5)
    let start = Date.now
    for _ in 0..<2 {
      kill(server.running.process.processIdentifier, SIGTERM)
      Thread.sleep(forTimeInterval: 0.2)
    }
    let result = try eval.finish(server.running)
    task.cancel()
    // Where the first signal found nothing to wait for there was no second one.
    #expect(result.status == 143 || result.status == 0, "\(result.error)")
    #expect(Date.now.timeIntervalSince(start) < 5)
  }

  @Test("What cannot be listened on is said")
  func failures() throws {
    let server = try serve()
    defer { server.running.process.terminate() }
    let port = try #require(server.url.split(separator: ":").last)
    let pico = try PicoCapture()
    var result = try eval("serve", "--model", pico.model, "--port", String(port))
    #expect(result.status == 73 && result.error.contains("--port"), "\(result.error)")
    result = try eval("serve", "--model", pico.model, "--host", "nowhere.example")
    #expect(result.status == 64 && result.error.contains("--host"), "\(result.error)")
    result = try eval("serve", "--model", "/nowhere")
    #expect(result.status == 66, "\(result.error)")
  }
}
