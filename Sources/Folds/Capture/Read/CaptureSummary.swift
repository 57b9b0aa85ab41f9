import Activations
import Files

/// What a capture holds: for `inspect`, for people and for JSON.
public struct CaptureSummary: Codable, Sendable, Equatable {
  /// One dataset.
  public struct Dataset: Codable, Sendable, Equatable {
    public let name: String
    /// (layer, token, feature).
    public let shape: [Int]
    public let axes: [String]
    /// Bytes of its numbers before compression.
    public let byteCount: Int

    private enum CodingKeys: String, CodingKey {
      case name, shape, axes
      case byteCount = "bytes"
    }
  }

  public let path: String
  /// Whether nothing is missing.
  public let isComplete: Bool
  public let tool: String
  public let model: CapturePlan.Model
  public let tokenizerSHA256: String
  public let corpus: CapturePlan.Corpus
  public let options: CaptureOptions
  public let datasets: [Dataset]
  public let shardCount: Int
  public let publishedShardCount: Int
  /// Bytes of all files that are there.
  public let byteCount: Int
  /// Files that a program has open when it reads all of activations.h5, and how many it may.
  public let openFileCount: Int
  public let openFileLimit: Int

  private enum CodingKeys: String, CodingKey {
    case path
    case isComplete = "complete"
    case tool, model
    case tokenizerSHA256 = "tokenizer_sha256"
    case corpus, options, datasets
    case shardCount = "shards"
    case publishedShardCount = "published_shards"
    case byteCount = "bytes"
    case openFileCount = "open_files"
    case openFileLimit = "open_file_limit"
  }

  /// Reads the plan and looks at the files, without opening them.
  ///
  /// - Throws: `CaptureError.notARun`; errors about plan.json.
  public init(_ path: String) throws {
    let folder = CaptureFolder(path: path)
    guard Folder.kind(of: folder.plan) == .file else { throw CaptureError.notARun(path: path) }
    let plan = try CapturePlan(path: folder.plan)
    self.path = path
    tool = plan.tool
    model = plan.model
    tokenizerSHA256 = plan.tokenizer.sha256
    corpus = plan.corpus
    options = plan.options
    shardCount = plan.shards.count
    datasets = plan.options.hookPoints.map { hookPoint in
      let shape = [
        plan.options.layers.count, plan.corpus.tokenCount, plan.width(hookPoint),
      ]
      return Dataset(
        name: hookPoint.rawValue, shape: shape,
        axes: ["layer", "token", hookPoint.space.rawValue],
        byteCount: shape.reduce(plan.options.dataType.byteCount, *))
    }
    publishedShardCount =
      plan.shards.indices.filter {
        Folder.kind(of: folder.shard($0, of: plan.shards.count)) == .file
      }.count
    openFileLimit = Files.openFileLimit()
    openFileCount = OpenFiles(shardCount: shardCount, limit: openFileLimit).needed
    let names = folder.files(of: plan) + [CaptureFolder.manifestName]
    let present = names.filter { Folder.kind(of: path + "/" + $0) == .file }
    isComplete = present.count == names.count
    byteCount = try present.reduce(0) { try $0 + MappedFile(path: path + "/" + $1).count }
  }

  /// A line of Python that opens the capture.
  public var example: String {
    let dataset = datasets.first?.name ?? "token_id"
    let file = (path + "/" + CaptureFolder.indexName)
      .replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    let last = options.layers.count - 1
    return "import h5py; x = h5py.File('\(file)')['\(dataset)'][\(last)]  "
      + "# layer \(options.layers.last ?? 0): token, \(datasets.first?.axes.last ?? "hidden")"
  }

  /// The summary for a terminal, one fact on each line.
  public var lines: [String] {
    var lines = [
      "capture     \(path) (\(isComplete ? "complete" : "not complete: add --resume to finish it"))",
      "made by     \(tool)",
      "model       \(model.architecture), SHA-256 \(model.sha256)",
    ]
    lines += model.sizes.sorted { $0.key < $1.key }.map { "            \($0.key) \($0.value)" }
    lines += [
      "tokenizer   SHA-256 \(tokenizerSHA256)",
      "corpus      SHA-256 \(corpus.sha256)",
      "            \(corpus.tokenCount) tokens in \(corpus.sequenceCount) sequences "
        + "of \(corpus.documentCount) documents",
    ]
    lines += corpus.domains.map {
      "            \($0.name): \($0.tokenCount) tokens in \($0.documentCount) documents"
    }
    lines.append("layers      " + options.layers.map(String.init).joined(separator: " "))
    lines += datasets.map { dataset in
      let axes = zip(dataset.axes, dataset.shape).map { "\($0) \($1)" }.joined(separator: " × ")
      return "dataset     \(dataset.name): \(axes), \(options.dataType.rawValue), "
        + "\(dataset.byteCount) bytes"
    }
    let openFiles = OpenFiles(shardCount: shardCount, limit: openFileLimit)
    lines += [
      "files       \(publishedShardCount) of \(shardCount) shards, \(byteCount) bytes in all",
      "open files  reading all of activations.h5 takes up to \(openFileCount), "
        + "the limit here (ulimit -n) is \(openFileLimit)",
    ]
    if let advice = openFiles.advice { lines.append("            " + advice) }
    lines.append("read it     \(example)")
    return lines
  }
}
