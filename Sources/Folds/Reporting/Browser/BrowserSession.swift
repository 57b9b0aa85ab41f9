import Files
import Foundation
import Synchronization

/// A headless browser that runs for the length of one closure, spoken to over its DevTools pipe:
/// JSON messages that end in a zero byte, without any network port.
package final class BrowserSession: Sendable {
  /// What has arrived and has not been read.
  private struct Inbox {
    var partial: [UInt8] = []
    var answers: [Int: JSONValue] = [:]
    var events: [JSONValue] = []
    var isClosed = false
    var nextNumber = 1
  }

  private let inbox = Mutex(Inbox())
  private let arrival = DispatchSemaphore(value: 0)
  private let input: FileHandle
  /// The browser's process, for the watchdog.
  private let process = Atomic<Int32>(0)
  let timeout: Double
  /// A folder of this session's own, removed at its end.
  let folder: String

  /// How often a page is asked whether it is ready.
  private static let pollSeconds = 0.05

  private init(input: FileHandle, timeout: Double, folder: String) {
    self.input = input
    self.timeout = timeout
    self.folder = folder
  }

  /// Starts the browser, calls `body`, and stops the browser whatever happens.
  ///
  /// - Parameter timeout: seconds that each single step may take.
  package static func run<Result>(
    _ browser: Browser, timeout: Double, _ body: (BrowserSession) throws -> Result
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("mohd-browser-" + ProcessInfo.processInfo.globallyUniqueString).path
    try Folder.create(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }

    let process = Process()
    let toBrowser = Pipe()
    let fromBrowser = Pipe()
    // The browser reads descriptor 3 and writes descriptor 4, which Process cannot set up.
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments =
      ["-c", #"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>&2"#, browser.path] + flags(folder)
    process.standardInput = toBrowser
    process.standardOutput = fromBrowser
    process.standardError = FileHandle.nullDevice
    let session = BrowserSession(
      input: toBrowser.fileHandleForWriting, timeout: timeout, folder: folder)
    // Writing to a browser that has died must be an error here, not the end of this process.
    let previous = signal(SIGPIPE, SIG_IGN)
    defer { _ = signal(SIGPIPE, previous) }
    fromBrowser.fileHandleForReading.readabilityHandler = { handle in
      session.receive([UInt8](handle.availableData))
    }
    do { try process.run() } catch {
      throw ReportingError.browserFailed(step: "start of \(browser.path)", reason: "\(error)")
    }
    session.process.store(process.processIdentifier, ordering: .sequentiallyConsistent)
    defer {
      fromBrowser.fileHandleForReading.readabilityHandler = nil
      stop(process)
    }
    return try body(session)
  }

  private static func flags(_ folder: String) -> [String] {
    let flags = [
      "--headless=new", "--remote-debugging-pipe", "--user-data-dir=\(folder)/profile",
      "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
      "--no-default-browser-check", "--disable-extensions", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--mute-audio", "--force-color-profile=srgb",
    ]
    // Chromium refuses to run as root with its sandbox; the page is our own.
    return flags + (geteuid() == 0 ? ["--no-sandbox"] : []) + ["about:blank"]
  }

  private static func stop(_ process: Process) {
    guard process.isRunning else { return }
    process.terminate()
    let deadline = Date().addingTimeInterval(5)
    while process.isRunning && Date() < deadline { Thread.sleep(forTimeInterval: 0.02) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  // MARK: Messages

  private func receive(_ bytes: [UInt8]) {
    inbox.withLock { inbox in
      if bytes.isEmpty {
        inbox.isClosed = true
        return
      }
      inbox.partial += bytes
      guard let last = inbox.partial.lastIndex(of: 0) else { return }
      let messages = inbox.partial[..<last].split(separator: 0)
      inbox.partial.removeSubrange(...last)
      for message in messages {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(message)) else {
          continue
        }
        if let number = value["id"].double {
          inbox.answers[Int(number)] = value
        } else {
          inbox.events.append(value)
        }
      }
    }
    arrival.signal()
  }

  /// Sends one command and waits for its answer.
  ///
  /// - Throws: `ReportingError.browserFailed` when the browser refuses, ends, or takes longer than
  ///   `timeout`.
  package func call(
    _ method: String, _ parameters: JSONValue = [:], page: String? = nil
  ) throws -> JSONValue {
    let number = inbox.withLock { inbox in
      defer { inbox.nextNumber += 1 }
      return inbox.nextNumber
    }
    var message: [String: JSONValue] = [
      "id": .integer(number), "method": .string(method), "params": parameters,
    ]
    if let page { message["sessionId"] = .string(page) }
    // A browser that neither reads nor ends would hold us in the write for ever.
    let watchdog = DispatchWorkItem { [self] in
      let number = process.load(ordering: .sequentiallyConsistent)
      if number > 0 { kill(number, SIGKILL) }
    }
    DispatchQueue.global().asyncAfter(deadline: .now() + timeout + 1, execute: watchdog)
    defer { watchdog.cancel() }
    do {
      try input.write(contentsOf: Data(JSONValue.object(message).bytes + [0]))
    } catch {
      throw ReportingError.browserFailed(step: method, reason: "the browser has ended")
    }
    let deadline = DispatchTime.now() + timeout
    while true {
      let (answer, isClosed) = inbox.withLock { inbox in
        (inbox.answers.removeValue(forKey: number), inbox.isClosed)
      }
      if let answer {
        if let reason = answer["error"]["message"].text {
          throw ReportingError.browserFailed(step: method, reason: reason)
        }
        return answer["result"]
      }
      if isClosed {
        throw ReportingError.browserFailed(step: method, reason: "the browser has ended")
      }
      if arrival.wait(timeout: deadline) == .timedOut {
        throw ReportingError.browserFailed(
          step: method, reason: "no answer within \(JSONValue.text(timeout)) s")
      }
    }
  }

  /// The events of one page so far, in order.
  func events(of page: String) -> [JSONValue] {
    inbox.withLock { inbox in inbox.events.filter { $0["sessionId"].text == page } }
  }

  // MARK: Pages

  /// Writes a page to this session's folder and opens it.
  package func open(_ html: [UInt8]) throws -> BrowserPage {
    let path = folder + "/page.html"
    try DurableFile.write(html, to: path)
    return try open(file: path)
  }

  /// Opens a file and waits until it says that it is ready.
  ///
  /// - Parameters:
  ///   - query: follows the address ("theme=dark").
  ///   - width: width of the window in CSS pixels.
  package func open(
    file: String, query: String = "", width: Double = 1280, height: Double = 900
  ) throws -> BrowserPage {
    let target = try call("Target.createTarget", ["url": "about:blank"])["targetId"]
    let attached = try call("Target.attachToTarget", ["targetId": target, "flatten": true])
    guard let id = attached["sessionId"].text else {
      throw ReportingError.browserFailed(step: "opening \(file)", reason: "no session")
    }
    let page = BrowserPage(session: self, id: id)
    for domain in ["Page", "Runtime", "Log", "Network"] {
      _ = try call(domain + ".enable", page: id)
    }
    try page.resize(width: width, height: height)
    let absolute = URL(fileURLWithPath: file).absoluteString
    let address = absolute + (query.isEmpty ? "" : "?" + query)
    let started = try call("Page.navigate", ["url": .string(address)], page: id)
    if let reason = started["errorText"].text {
      throw ReportingError.browserFailed(step: "opening \(file)", reason: reason)
    }
    let deadline = Date().addingTimeInterval(timeout)
    while try page.evaluate("document.documentElement?.dataset.ready ?? ''") != .string("true") {
      guard Date() < deadline else {
        throw ReportingError.browserFailed(
          step: "opening \(file)", reason: "not ready within \(JSONValue.text(timeout)) s")
      }
      Thread.sleep(forTimeInterval: Self.pollSeconds)
    }
    return page
  }
}
