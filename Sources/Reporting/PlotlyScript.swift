import Files

/// plotly.min.js, which is taken from where it was installed and never kept in this repository.
public enum PlotlyScript {
  /// Larger files are something else: plotly.min.js has 5 MB.
  public static let byteLimit = 32 << 20

  /// The script at `path`, or nil when no path is given or nothing is there: a report is then
  /// written without drawings.
  ///
  /// - Throws: `FileError` when the file is there and cannot be read.
  public static func bytes(at path: String?) throws(FileError) -> [UInt8]? {
    guard let path, Folder.kind(of: path) != .missing else { return nil }
    return try MappedFile(path: path, limit: byteLimit).copyBytes()
  }
}
