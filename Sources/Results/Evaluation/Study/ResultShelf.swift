import Files

/// Results of a long series, kept on disk one by one, so that a killed run can go on where it was.
///
/// Each result is a small JSON file of its own, named for what decides it:
///
///     DIRECTORY/<SHA-256 of {context, setting}>.json = {"context": …, "result": …, "setting": …}
///
/// Files are published whole (`DurableFile`), equal settings give equal bytes, and numbers survive
/// exactly: a series that was interrupted ends with the same bytes as one that was not. A file that
/// cannot be read as the result asked for counts as none, and is written again.
public struct ResultShelf: Sendable {
  public let directory: String
  /// What decides all results of the series: models, corpus, tool.
  public let context: [String: String]

  /// - Parameter directory: made with the first result, where it is missing.
  public init(directory: String, context: [String: String] = [:]) {
    self.directory = directory
    self.context = context
  }

  /// The name of a setting's result: 64 hexadecimal digits.
  public func key(of setting: some Encodable) throws -> String {
    SHA256.hash(try JSONText.encode(Question(context: context, setting: setting)))
  }

  /// The result of `setting`, if it was kept.
  ///
  /// - Throws: `FileError` when there is a file that cannot be read.
  public func result<Result: Decodable>(
    _ type: Result.Type = Result.self, of setting: some Encodable
  ) throws -> Result? {
    let path = try path(of: setting)
    guard Folder.kind(of: path) == .file else { return nil }
    let bytes = try MappedFile(path: path, limit: Self.byteLimit).copyBytes()
    return try? JSONText.decode(Answer<Result>.self, from: bytes, path: path).result
  }

  /// Keeps the result of `setting`; one that was kept before is replaced.
  ///
  /// - Throws: `FileError`; `EncodingError` when a number in it is not finite.
  public func keep(_ result: some Encodable, of setting: some Encodable) throws {
    try Folder.create(directory)
    let record = Record(context: context, setting: setting, result: result)
    try DurableFile.write(JSONText.encode(record), to: path(of: setting))
  }

  // MARK: - Private

  private struct Question<Setting: Encodable>: Encodable {
    let context: [String: String]
    let setting: Setting
  }

  private struct Record<Setting: Encodable, Result: Encodable>: Encodable {
    let context: [String: String]
    let setting: Setting
    let result: Result
  }

  private struct Answer<Result: Decodable>: Decodable {
    let result: Result
  }

  /// Larger files are no results of ours.
  private static let byteLimit = 64 << 20

  private func path(of setting: some Encodable) throws -> String {
    directory + "/\(try key(of: setting)).json"
  }
}
