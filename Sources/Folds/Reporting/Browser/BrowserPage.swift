import Foundation

/// One page in a browser.
package struct BrowserPage {
  let session: BrowserSession
  let id: String

  /// Pixels in an inch of CSS.
  private static let pixelsPerInch = 96.0

  /// Gives the window a size in CSS pixels.
  package func resize(width: Double, height: Double) throws {
    _ = try session.call(
      "Emulation.setDeviceMetricsOverride",
      [
        "width": .integer(Int(width)), "height": .integer(Int(height)), "deviceScaleFactor": 1,
        "mobile": false,
      ], page: id)
  }

  /// Chooses what `prefers-color-scheme` says.
  package func prefer(colourScheme: String) throws {
    _ = try session.call(
      "Emulation.setEmulatedMedia",
      ["features": [["name": "prefers-color-scheme", "value": .string(colourScheme)]]], page: id)
  }

  /// The value of an expression; promises are awaited.
  ///
  /// - Throws: `ReportingError.browserFailed` with the message of an exception.
  @discardableResult
  package func evaluate(_ expression: String) throws -> JSONValue {
    let result = try session.call(
      "Runtime.evaluate",
      ["expression": .string(expression), "awaitPromise": true, "returnByValue": true], page: id)
    if result["exceptionDetails"] != .null {
      let details = result["exceptionDetails"]
      throw ReportingError.browserFailed(
        step: "a script",
        reason: details["exception"]["description"].text ?? details["text"].text ?? "exception")
    }
    return result["result"]["value"]
  }

  /// A PNG of the page from its top left corner.
  package func screenshot(width: Double, height: Double, scale: Double) throws -> [UInt8] {
    let result = try session.call(
      "Page.captureScreenshot",
      [
        "format": "png", "captureBeyondViewport": true,
        "clip": [
          "x": 0, "y": 0, "width": .number(width), "height": .number(height),
          "scale": .number(scale),
        ],
      ], page: id)
    return try Self.decode(result, "screenshot")
  }

  /// A PDF of the first sheet of the given size, without margins.
  package func print(width: Double, height: Double) throws -> [UInt8] {
    try pdf([
      "paperWidth": .number(width / Self.pixelsPerInch),
      "paperHeight": .number(height / Self.pixelsPerInch), "marginTop": 0, "marginBottom": 0,
      "marginLeft": 0, "marginRight": 0, "printBackground": true, "pageRanges": "1",
    ])
  }

  /// A PDF of the whole page on A4, with the margins that its style sheet asks for.
  package func printSheets() throws -> [UInt8] {
    try pdf(["paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true])
  }

  private func pdf(_ parameters: JSONValue) throws -> [UInt8] {
    let bytes = try Self.decode(
      session.call("Page.printToPDF", parameters, page: id), "printing")
    return Self.dateless(bytes)
  }

  /// Errors on the console, uncaught exceptions, and what the log calls an error.
  package var consoleErrors: [String] {
    session.events(of: id).compactMap { event in
      let parameters = event["params"]
      switch event["method"].text {
      case "Runtime.consoleAPICalled" where parameters["type"].text == "error":
        return parameters["args"].elements.compactMap { $0["value"].text ?? $0["description"].text }
          .joined(separator: " ")
      case "Runtime.exceptionThrown":
        let details = parameters["exceptionDetails"]
        return details["exception"]["description"].text ?? details["text"].text ?? "exception"
      case "Log.entryAdded" where parameters["entry"]["level"].text == "error":
        return parameters["entry"]["text"].text ?? "log error"
      default: return nil
      }
    }
  }

  /// Addresses that the page asked for, except files of this machine and data within the page.
  package var networkRequests: [String] {
    session.events(of: id).compactMap { event in
      guard event["method"].text == "Network.requestWillBeSent",
        let address = event["params"]["request"]["url"].text
      else { return nil }
      let isLocal = ["file:", "data:", "blob:", "about:"].contains { address.hasPrefix($0) }
      return isLocal ? nil : address
    }
  }

  private static func decode(_ result: JSONValue, _ step: String) throws -> [UInt8] {
    guard let text = result["data"].text, let data = Data(base64Encoded: text) else {
      throw ReportingError.browserFailed(step: step, reason: "no data")
    }
    return [UInt8](data)
  }

  /// The same PDF with the hour of its making set to 1970: equal figures give equal bytes.
  package static func dateless(_ pdf: [UInt8]) -> [UInt8] {
    var result = pdf
    for key in ["/CreationDate (D:", "/ModDate (D:"] {
      let key = Array(key.utf8)
      var start = 0
      while start + key.count + 14 <= result.count {
        guard let found = result[start...].firstIndex(of: key[0]) else { break }
        start = found + 1
        guard result[found...].starts(with: key), found + key.count + 14 <= result.count else {
          continue
        }
        result.replaceSubrange(
          found + key.count..<found + key.count + 14, with: "19700101000000".utf8)
      }
    }
    return result
  }
}
