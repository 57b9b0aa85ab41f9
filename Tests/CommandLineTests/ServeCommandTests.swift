import Foundation
import Testing

private let eval = Tool(name: "mohd-eval")

@Suite("mohd-eval serve, as clients meet it", .serialized)
struct ServeCommandTests {
  /// A server on a free port, and where it is.
  private func serve(_ more: String...) throws -> (running: Tool.Running, url: String) {
    let pico = try PicoCapture()
    let running = try eval.start(["serve", "--model", pico.model] + more)
    let deadline = Date.now.addingTimeInterval(60)
    while Date.now < deadline, running.process.isRunning {
      let text = try running.files.text("output")
      if text.hasSuffix("\n"), let match = text.firstMatch(of: /http:\/\/[^ "\n]*[0-9]/) {
        return (running, String(match.0))
      }
      Thread.sleep(forTimeInterval: 0.02)
    }
    throw CocoaError(.executableLoad, userInfo: ["error": try eval.finish(running).error])
  }

  private func load(_ server: (running: Tool.Running, url: String), _ more: String...) throws {
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
      server, "--requests", full ? "10000" : "300", "--longest", full ? "256" : "200", "--prompts",
      full ? "400" : "60", "--terminate")
    let result = try eval.finish(server.running)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.hasPrefix("listening on http://127.0.0.1:"))
    #expect(result.output.split(separator: "\n").count == 1)
    #expect(result.error.contains("finishing what has arrived"))
    #expect(result.error.contains("tokens/s at work"))
  }

  @Test("--json says where it listens, and a second signal ends it at once")
  func signals() throws {
    let server = try serve("--json", "--quiet")
    let line = try server.running.files.text("output")
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String]
    #expect(object?["url"] == server.url)
    #expect(object?["completions"] == server.url + "/v1/completions" && object?["model"] == "model")
    // A request that is not whole holds nothing up.
    server.running.process.interrupt()
    let result = try eval.finish(server.running)
    #expect(result.status == 0, "\(result.error)")
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
