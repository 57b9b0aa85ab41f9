import Files
import Foundation

/// plotly.min.js, which is taken from where it was installed and never kept in this repository.
public enum PlotlyScript {
  /// Larger files are something else: plotly.min.js has 5 MB.
  public static let byteLimit = 32 << 20

  /// Where the script is: the file that the user named; else that of the variable MOHD_PLOTLY, what
  /// `make setup` left in .cache, or a file beside the program; nil when it is nowhere.
  ///
  /// - Throws: `FileError.missing` when there is nothing at the place that the user named.
  public static func find(named path: String?) throws(FileError) -> String? {
    if let path {
      guard Folder.kind(of: path) == .file else { throw .missing(path: path) }
      return path
    }
    let name = "plotly.min.js"
    let program = Bundle.main.executablePath.map { DurableFile.split($0).folder + "/" + name }
    let places = [ProcessInfo.processInfo.environment["MOHD_PLOTLY"], ".cache/" + name, program]
    return places.compactMap { $0 }.first { Folder.kind(of: $0) == .file }
  }

  /// The script at `path`, or nil when no path is given or nothing is there: a report is then
  /// written without drawings.
  ///
  /// - Throws: `FileError` when the file is there and cannot be read.
  public static func bytes(at path: String?) throws(FileError) -> [UInt8]? {
    guard let path, Folder.kind(of: path) != .missing else { return nil }
    return try MappedFile(path: path, limit: byteLimit).copyBytes()
  }
}
