import ArgumentParser
import Console
import Files
import Foundation
import Reporting
import Statistics

/// Where a report goes and what it is made of, shared by all commands.
struct OutputArguments: ParsableArguments {
  @Option(help: "The folder to write: a new or empty one, or that of an earlier report.")
  var output: String

  @Option(help: "What the report calls the model. (default: architecture and sizes)")
  var name: String?

  @Option(
    help: ArgumentHelp(
      "plotly.min.js, which draws the figures. (default: $MOHD_PLOTLY, .cache/plotly.min.js, or "
        + "beside this program)", valueName: "path"))
  var plotly: String?

  @Flag(help: "Make no PNG and PDF figures, even when a browser is installed.")
  var noPictures = false

  @OptionGroup var behaviour: RunArguments

  /// Where plotly.min.js is; nil when it is nowhere.
  ///
  /// - Throws: `FileError.missing` when the place that the user named is empty.
  func plotlyPath() throws -> String? {
    try PlotlyScript.find(named: plotly)
  }

  /// The browser for pictures; nil when none is wanted or installed.
  var browser: Browser? { noPictures ? nil : Browser.find() }

  /// Makes the output folder, before any work begins.
  ///
  /// - Throws: `OutputError.foreignFolder`, `FileError`.
  func prepare() throws {
    try check()
    try Folder.create(output)
    guard Folder.isWritable(output) else {
      throw FileError.cannotCreate(path: output, errno: EROFS)
    }
  }

  /// - Throws: `OutputError.foreignFolder` when something else lies in the folder.
  func check() throws {
    switch Folder.kind(of: output) {
    case .missing: return
    case .folder: break
    default: throw FileError.cannotCreate(path: output, errno: ENOTDIR)
    }
    let ours: Set<String> = [
      "statistics.json", "compared.json", "state.h5", "tables", "figures", "report.html",
    ]
    let names = try Folder.names(in: output)
    if let foreign = names.first(where: { !ours.contains($0) && !$0.hasSuffix(".partial") }) {
      throw OutputError.foreignFolder(path: output, name: foreign)
    }
  }
}

/// The seed and the choice of positions, shared by what makes statistics anew.
struct StatisticsArguments: ParsableArguments {
  @Option(help: "Decides every draw: shuffles, bases, bootstraps and samples.")
  var seed: UInt64 = 0

  @Flag(help: "Keep the first position of every sequence, an attention sink.")
  var includeFirst = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Which hook points: \(HookPointSelection.help); all; or patterns such as ffn_*.",
      valueName: "names"))
  var hookPoints: [HookPointSelection] = []

  @Option(
    help: ArgumentHelp(
      "Widest hook point whose PCA and random bases are computed; the time grows with the cube.",
      valueName: "dimensions"))
  var basisWidth = StatisticsOptions().basisWidthLimit

  var options: StatisticsOptions {
    StatisticsOptions(seed: seed, includeFirst: includeFirst, basisWidthLimit: max(0, basisWidth))
  }

  @Option(help: ArgumentHelp("Which layers, such as 0-31:2 or 0,5,10.", valueName: "layers"))
  var layers: LayerSelection?
}

/// A folder that a report must not be written to.
enum OutputError: ReportableError, Equatable {
  case foreignFolder(path: String, name: String)
  case noHookPoints(path: String, found: [String])
  case notSource(path: String)
  case sameDocuments(path: String, other: String, share: Double)
  case sameText(path: String, other: String, sha256: String)

  var exitStatus: ExitStatus {
    switch self {
    case .foreignFolder: .cannotCreate
    case .noHookPoints, .notSource: .missingInput
    case .sameText, .sameDocuments: .badInput
    }
  }

  var description: String {
    switch self {
    case .foreignFolder(let path, let name):
      "\(path): expected a new or empty folder or that of an earlier report, found \(name); "
        + "choose another folder"
    case .noHookPoints(let path, let found):
      "\(path): none of the hook points or layers that were asked for is in this capture; it has "
        + found.joined(separator: ", ")
    case .notSource(let path):
      "\(path): expected the folder of a capture or of a report, found neither plan.json nor "
        + "statistics.json"
    case .sameDocuments(let path, let other, let share):
      "\(path): expected reports of different documents, found \(Int((share * 100).rounded())) % of the "
        + "documents of the smaller report in \(other) too: they would count twice; leave one of them out"
    case .sameText(let path, let other, let sha256):
      "\(path): expected reports of different documents, found the same text (corpus SHA-256 "
        + "\(sha256)) \(path == other ? "twice in it" : "in \(other)") too: it would count twice; leave one "
        + "of them out"
    }
  }
}
