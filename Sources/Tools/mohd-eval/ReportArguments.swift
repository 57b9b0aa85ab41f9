import ArgumentParser
import Files
import Foundation
import Reporting

/// Where an evaluation's report goes, and what is in it.
struct ReportArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder to write: a new or empty one, or that of an earlier evaluation.",
      valueName: "folder"))
  var output: String?

  @Option(
    help: ArgumentHelp(
      "plotly.min.js, which draws the figures. (default: $MOHD_PLOTLY, .cache/plotly.min.js, or "
        + "beside this program)", valueName: "path"))
  var plotly: String?

  @Flag(help: "Make no PNG and PDF figures, even when a browser is installed.")
  var noPictures = false

  /// The browser for pictures; nil when none is wanted or installed.
  var browser: Browser? { noPictures ? nil : Browser.find() }

  /// Everything that can be wrong with the place, before any work begins.
  ///
  /// - Parameter ours: what the folder of an earlier evaluation may hold.
  /// - Throws: `OutputError.foreignFolder`, `FileError`.
  func check(
    names ours: Set<String> = ["comparison.json", "tables", "figures", "report.html"]
  ) throws {
    _ = try PlotlyScript.find(named: plotly)
    guard let output else { return }
    switch Folder.kind(of: output) {
    case .missing: return
    case .folder: break
    default: throw FileError.cannotCreate(path: output, errno: ENOTDIR)
    }
    let names = try Folder.names(in: output)
    if let foreign = names.first(where: { !ours.contains($0) && !$0.hasSuffix(".partial") }) {
      throw OutputError.foreignFolder(path: output, name: foreign)
    }
    guard Folder.isWritable(output) else {
      throw FileError.cannotCreate(path: output, errno: EROFS)
    }
  }
}

/// A folder that an evaluation must not be written to.
enum OutputError: ReportableError, Equatable {
  case foreignFolder(path: String, name: String)

  var exitStatus: ExitStatus { .cannotCreate }

  var description: String {
    switch self {
    case .foreignFolder(let path, let name):
      "\(path): expected a new or empty folder or that of an earlier evaluation, found \(name); "
        + "choose another folder"
    }
  }
}
