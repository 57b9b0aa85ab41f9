import Console
import Dispatch
import Synchronization
import Testing

/// What a bar wrote, and a clock that the test moves.
private final class Recorder: Sendable {
  let written = Mutex("")
  let time = Mutex(Duration.zero)

  func bar(_ style: Terminal.Style, total: Int? = 1000, width: Int? = 80) -> ProgressBar {
    let terminal = Terminal(style: style, width: width) { text in
      self.written.withLock { $0 += text }
    }
    return ProgressBar("capture", total: total, unit: "tokens", on: terminal) {
      self.time.withLock { $0 }
    }
  }

  func advance(to seconds: Double) { time.withLock { $0 = .seconds(seconds) } }

  /// Takes what was written since the last call.
  func take() -> String {
    written.withLock { text in
      defer { text = "" }
      return text
    }
  }
}

@Suite struct ProgressBarTests {
  private func line(_ count: Int, _ total: Int?, _ seconds: Double, width: Int?) -> String {
    ProgressBar.line(
      description: "capture", count: count, total: total, elapsed: .seconds(seconds),
      unit: "tokens", width: width)
  }

  @Test("a line has tqdm's form")
  func form() {
    #expect(
      line(370, 1000, 12, width: nil)
        == "capture:  37%|███▋      | 370/1000 [00:12<00:20, 30.8tokens/s]")
    #expect(
      line(1000, 1000, 10, width: nil)
        == "capture: 100%|██████████| 1000/1000 [00:10<00:00, 100tokens/s]")
    #expect(
      line(0, 1000, 0, width: nil) == "capture:   0%|          | 0/1000 [00:00<?, ?tokens/s]")
    #expect(line(370, nil, 12, width: nil) == "capture: 370tokens [00:12, 30.8tokens/s]")
    #expect(line(1100, 1000, 10, width: nil) == "capture: 1100tokens [00:10, 110tokens/s]")
    #expect(line(250_000, 1_000_000, 10, width: nil).contains("| 250k/1.00M [00:10<00:30, 25.0k"))
  }

  @Test("a line fits its terminal", arguments: [60, 80, 120])
  func width(columns: Int) {
    for count in stride(from: 0, through: 1000, by: 7) {
      #expect(line(count, 1000, 12, width: columns).count <= columns - 1)
    }
  }

  @Test(
    "a job that ends within a second shows nothing", arguments: [Terminal.Style.animated, .lines])
  func short(style: Terminal.Style) {
    let recorder = Recorder()
    let bar = recorder.bar(style)
    recorder.advance(to: 0.9)
    bar.advance(by: 1000)
    bar.finish()
    #expect(recorder.take() == "")
  }

  @Test("a terminal is drawn at most ten times a second, and ends with a new line")
  func animated() {
    let recorder = Recorder()
    let bar = recorder.bar(.animated)
    recorder.advance(to: 1)
    bar.advance(by: 1)
    #expect(recorder.take().hasPrefix("\rcapture:   0%|"))
    recorder.advance(to: 1.05)
    bar.advance(by: 1)
    #expect(recorder.take() == "")
    bar.print("a message")
    #expect(recorder.take() == "\r\u{1b}[Ka message\n")
    bar.update(to: 1000)
    bar.finish()
    #expect(recorder.take().hasSuffix("1000/1000 [00:01<00:00, 952tokens/s]\u{1b}[K\n"))
    bar.advance(by: 1)
    bar.finish()
    #expect(recorder.take() == "")
  }

  @Test("off a terminal there is a line every 30 seconds and one at the end")
  func lines() {
    let recorder = Recorder()
    let bar = recorder.bar(.lines, width: nil)
    for second in 1...70 {
      recorder.advance(to: Double(second))
      bar.advance(by: 10)
    }
    bar.finish()
    let lines = recorder.take().split(separator: "\n")
    #expect(lines.count == 3)
    #expect(lines[0] == "capture:  30%|███       | 300/1000 [00:30<01:10, 10.0tokens/s]")
    #expect(lines.allSatisfy { !$0.contains("\r") && !$0.contains("\u{1b}") })
  }

  @Test("a silent bar shows nothing, and messages all the same")
  func silent() {
    let recorder = Recorder()
    let bar = recorder.bar(.silent)
    recorder.advance(to: 100)
    bar.advance(by: 1)
    bar.print("message")
    bar.finish()
    #expect(recorder.take() == "message\n")
  }

  @Test("any thread may report")
  func threads() {
    let recorder = Recorder()
    let bar = recorder.bar(.lines, total: 4000)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      for _ in 0..<1000 { bar.advance(by: 1) }
    }
    recorder.advance(to: 2)
    bar.finish()
    #expect(recorder.take().contains(" 4000/4000 "))
  }

  @Test(
    "the environment and the device decide the style",
    arguments: [
      (false, true, [:], .animated), (false, true, ["TERM": "dumb"], .lines),
      (false, false, ["TERM": "xterm"], .lines), (true, true, [:], .silent),
      (false, true, ["TQDM_DISABLE": "1"], .silent),
      (false, true, ["TQDM_DISABLE": "0"], .animated),
    ] as [(Bool, Bool, [String: String], Terminal.Style)])
  func style(
    isQuiet: Bool, isTerminal: Bool, environment: [String: String], style: Terminal.Style
  ) {
    #expect(
      Terminal.style(isQuiet: isQuiet, isTerminal: isTerminal, environment: environment) == style)
  }

  @Test("NO_COLOR and dumb terminals have no colour")
  func colour() {
    #expect(Terminal.allowsColour(isTerminal: true, environment: ["TERM": "xterm"]))
    #expect(Terminal.allowsColour(isTerminal: true, environment: ["NO_COLOR": ""]))
    #expect(!Terminal.allowsColour(isTerminal: true, environment: ["NO_COLOR": "1"]))
    #expect(!Terminal.allowsColour(isTerminal: true, environment: ["TERM": "dumb"]))
    #expect(!Terminal.allowsColour(isTerminal: false, environment: [:]))
  }
}
