import COnig

/// A compiled Oniguruma expression, searched with limits so that no pattern can hang.
@safe final class RegularExpression: @unchecked Sendable {
  // Safety of `@unchecked Sendable`: nothing changes after init, and Oniguruma's searches only read
  // a compiled expression.
  let pattern: [UInt8]
  private let expression: OnigRegex

  /// Longer patterns are refused.
  static let lengthLimit = 4 << 10
  /// Steps back that every search may take.
  private static let retryLimit = 2048
  /// Steps back that all searches of one piece may take beyond that, and more by its length; when
  /// they are spent the rest of the piece has no match.
  private static let retryBudget = 1 << 22
  private static let retriesForByte = 64
  private static let stackLimit: UInt32 = 1 << 22

  /// Oniguruma wants to be initialised once, before anything else.
  private static let isInitialized: Bool = {
    mohd_onig_initialize()
    return true
  }()

  /// - Returns: nil, with Oniguruma's reason in `failure`, when the pattern is not an expression.
  init?(_ pattern: [UInt8], failure: inout String) {
    _ = Self.isInitialized
    var compiled: OnigRegex?
    var information = unsafe OnigErrorInfo()
    let status = unsafe pattern.withUnsafeBufferPointer { bytes -> Int32 in
      guard let start = bytes.baseAddress else {
        return unsafe mohd_onig_new(&compiled, nil, nil, &information)
      }
      return unsafe mohd_onig_new(&compiled, start, start + bytes.count, &information)
    }
    guard status == ONIG_NORMAL, let compiled = unsafe compiled else {
      failure = Self.message(status)
      return nil
    }
    self.pattern = pattern
    unsafe expression = compiled
  }

  deinit { unsafe onig_free(expression) }

  /// The matches in `text[range]` as `onig::Regex::find_iter` gives them: an empty match right
  /// after another match is not one.
  func matches(in text: Span<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
    guard let region = unsafe onig_region_new() else { return [] }
    defer { unsafe onig_region_free(region, 1) }
    guard let parameters = unsafe onig_new_match_param() else { return [] }
    defer { unsafe onig_free_match_param(parameters) }
    unsafe onig_initialize_match_param(parameters)
    unsafe onig_set_match_stack_limit_size_of_match_param(parameters, Self.stackLimit)
    var budget = Self.retryBudget + range.count * Self.retriesForByte
    var result: [Range<Int>] = []
    // Safety: the pointers stay within the span, which outlives the call; Oniguruma reads only
    // from `base` to `end`.
    unsafe text.extracting(range).withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let end = unsafe base + buffer.count
      var position = 0
      var lastEnd = -1
      while position <= buffer.count {
        var limit = Self.retryLimit
        var found: Int32
        repeat {
          unsafe onig_set_retry_limit_in_match_of_match_param(parameters, UInt(limit))
          unsafe onig_set_retry_limit_in_search_of_match_param(parameters, UInt(limit))
          found = unsafe onig_search_with_param(
            expression, base, end, base + position, end, region, ONIG_OPTION_NONE, parameters)
          guard Self.isLimit(found), budget > 0 else { break }
          limit *= 16
          budget -= limit
        } while true
        guard found >= 0 else { break }
        let start = Int(unsafe region.pointee.beg[0])
        let stop = Int(unsafe region.pointee.end[0])
        if start == stop, stop == lastEnd {
          guard position < buffer.count else { break }
          position += UTF8Text.length(lead: unsafe buffer[position])
          continue
        }
        result.append((range.lowerBound + start)..<(range.lowerBound + stop))
        lastEnd = stop
        position = stop
      }
    }
    return result
  }

  private static func isLimit(_ status: Int32) -> Bool {
    status == ONIGERR_RETRY_LIMIT_IN_MATCH_OVER || status == ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER
  }

  private static func message(_ status: Int32) -> String {
    var text = [UInt8](repeating: 0, count: Int(ONIG_MAX_ERROR_MESSAGE_LEN))
    // Safety: the buffer has the length that Oniguruma asks for.
    let length = unsafe text.withUnsafeMutableBufferPointer { buffer in
      unsafe mohd_onig_error_message(buffer.baseAddress, status)
    }
    return String(decoding: text.prefix(max(0, Int(length))), as: UTF8.self)
  }
}
