import Files

// Typed access to the metadata. Each getter gives nil when the key is absent and throws when it is
// there with another type: a wrong type is never taken for absence.
extension GGUFFile {
  /// All metadata keys, sorted.
  public var keys: [String] { values.keys.sorted() }

  /// A single text.
  public func string(_ key: String) throws(GGUFError) -> String? {
    guard let value = try single(key, "a text", where: { $0 == .string }) else { return nil }
    return try texts(value, key: key).first
  }

  /// A single whole number of any integer type.
  public func integer(_ key: String) throws(GGUFError) -> Int? {
    guard let value = try single(key, "a whole number", where: \.isInteger) else { return nil }
    return try wholeNumbers(value, key: key).first
  }

  /// A single floating-point number.
  public func number(_ key: String) throws(GGUFError) -> Double? {
    guard
      let value = try single(key, "a number", where: { $0 == .float32 || $0 == .float64 })
    else { return nil }
    return floats(value).first
  }

  /// A single truth value.
  public func boolean(_ key: String) throws(GGUFError) -> Bool? {
    guard let value = try single(key, "a bool", where: { $0 == .bool }) else { return nil }
    var cursor = ByteCursor(file, range: value.bytes)
    return cursor.number(UInt8.self) == 1
  }

  /// An array of texts, each checked to be UTF-8.
  ///
  /// Swift compares strings by Unicode's canonical equivalence; key a vocabulary by bytes.
  public func strings(_ key: String) throws(GGUFError) -> [String]? {
    guard let value = try array(key, "an array of texts", where: { $0 == .string }) else {
      return nil
    }
    return try texts(value, key: key)
  }

  /// An array of texts as bytes, whatever they hold.
  public func byteStrings(_ key: String) throws(GGUFError) -> [[UInt8]]? {
    guard let value = try array(key, "an array of texts", where: { $0 == .string }) else {
      return nil
    }
    var result: [[UInt8]] = []
    result.reserveCapacity(value.count ?? 1)
    forEachText(value) { bytes in
      // Safety: the range was checked at opening; the array copies the bytes.
      unsafe result.append([UInt8](file.unsafeBytes[bytes]))
    }
    return result
  }

  /// An array of whole numbers of any integer type.
  public func integers(_ key: String) throws(GGUFError) -> [Int]? {
    guard let value = try array(key, "an array of whole numbers", where: \.isInteger) else {
      return nil
    }
    return try wholeNumbers(value, key: key)
  }

  /// An array of floating-point numbers.
  public func numbers(_ key: String) throws(GGUFError) -> [Double]? {
    guard
      let value = try array(
        key, "an array of numbers", where: { $0 == .float32 || $0 == .float64 })
    else { return nil }
    return floats(value)
  }

  /// Number of elements of an array, or nil when the key is absent or no array.
  public func elementCount(_ key: String) -> Int? { values[key]?.count }

  // MARK: - Decoding

  private func single(
    _ key: String, _ expected: String, where matches: (GGUFValueType) -> Bool
  ) throws(GGUFError) -> GGUFValue? {
    guard let value = values[key] else { return nil }
    guard value.count == nil, matches(value.type) else {
      throw .wrongValueType(
        path: file.path, key: key, expected: expected, found: value.typeName)
    }
    return value
  }

  private func array(
    _ key: String, _ expected: String, where matches: (GGUFValueType) -> Bool
  ) throws(GGUFError) -> GGUFValue? {
    guard let value = values[key] else { return nil }
    guard value.count != nil, matches(value.type) else {
      throw .wrongValueType(
        path: file.path, key: key, expected: expected, found: value.typeName)
    }
    return value
  }

  private func forEachText(_ value: GGUFValue, _ body: (Range<Int>) -> Void) {
    var cursor = ByteCursor(file, range: value.bytes)
    while let length = cursor.number(UInt64.self).flatMap({ Int(exactly: $0) }) {
      let start = cursor.offset
      guard cursor.skip(length) else { return }
      body(start..<cursor.offset)
    }
  }

  private func texts(_ value: GGUFValue, key: String) throws(GGUFError) -> [String] {
    var result: [String] = []
    result.reserveCapacity(value.count ?? 1)
    var invalid: Int?
    forEachText(value) { bytes in
      if invalid != nil { return }
      guard let text = ByteCursor.text(of: file, bytes) else {
        invalid = result.count
        return
      }
      result.append(text)
    }
    if let invalid { throw .invalidText(path: file.path, key: key, index: invalid) }
    return result
  }

  private func wholeNumbers(_ value: GGUFValue, key: String) throws(GGUFError) -> [Int] {
    var cursor = ByteCursor(file, range: value.bytes)
    var result: [Int] = []
    result.reserveCapacity(value.count ?? 1)
    for _ in 0..<(value.count ?? 1) {
      let next: Int? =
        switch value.type {
        case .uint8: cursor.number(UInt8.self).map { Int($0) }
        case .int8: cursor.number(Int8.self).map { Int($0) }
        case .uint16: cursor.number(UInt16.self).map { Int($0) }
        case .int16: cursor.number(Int16.self).map { Int($0) }
        case .uint32: cursor.number(UInt32.self).map { Int($0) }
        case .int32: cursor.number(Int32.self).map { Int($0) }
        case .int64: cursor.number(Int64.self).map { Int($0) }
        default: cursor.number(UInt64.self).flatMap { Int(exactly: $0) }
        }
      guard let next else {
        throw .invalidValue(path: file.path, key: key, reason: "a number beyond 63 bits")
      }
      result.append(next)
    }
    return result
  }

  private func floats(_ value: GGUFValue) -> [Double] {
    var cursor = ByteCursor(file, range: value.bytes)
    return (0..<(value.count ?? 1)).compactMap { _ in
      value.type == .float32
        ? cursor.number(UInt32.self).map { Double(shortest: Float(bitPattern: $0)) }
        : cursor.number(UInt64.self).map { Double(bitPattern: $0) }
    }
  }
}

extension Double {
  /// The Double with the shortest decimal that names this Float: 1e-5 rather than
  /// 9.99999974737875e-06, so that a configuration read from GGUF equals the one it was made from.
  /// Rounded to Float it is the Float again.
  init(shortest value: Float) {
    self = Double("\(value)") ?? Double(value)
  }
}
