import ArgumentParser
import Capture
import Checkpoints
import Console
import Files

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Say what a checkpoint or a capture holds.")

  @Argument(help: "A checkpoint (folder, .gguf file, hub id) or the folder of a capture.")
  var path: String

  @Flag(help: "List every tensor of a checkpoint.")
  var tensors = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    try Failure.reporting {
      if Folder.kind(of: path + "/plan.json") == .file {
        let summary = try CaptureSummary(path)
        if json { try printJSON(summary) } else { print(summary.lines.joined(separator: "\n")) }
      } else {
        let summary = CheckpointSummary(try Checkpoint.open(path), listsTensors: tensors)
        if json { try printJSON(summary) } else { print(summary.description) }
      }
    }
  }
}

/// What `inspect` says of a checkpoint.
struct CheckpointSummary: Encodable, CustomStringConvertible {
  private let architecture: String
  private let format: String
  private let files: [File]
  private let parameters: Int
  private let sizes: [String: Int]
  private let rope: String
  private let elementTypes: [String: Int]
  private let ignoredTensors: [String]
  private let tensors: [Tensor]?

  private struct File: Encodable {
    let path: String
    let bytes: Int
  }

  private struct Tensor: Encodable {
    let name: String
    let shape: [Int]
    let type: String
    let bytes: Int
  }

  init(_ checkpoint: Checkpoint, listsTensors: Bool) {
    let configuration = checkpoint.configuration
    architecture = configuration.architecture.rawValue
    format = "\(checkpoint.format)"
    files = checkpoint.files.map { File(path: $0.path, bytes: $0.byteCount) }
    parameters = checkpoint.parameterCount
    sizes = [
      "layers": configuration.layerCount, "hidden": configuration.hiddenSize,
      "intermediate": configuration.intermediateSize, "heads": configuration.headCount,
      "key_value_heads": configuration.keyValueHeadCount, "head": configuration.headSize,
      "vocabulary": configuration.vocabularySize, "context": configuration.contextLength,
    ]
    rope = "theta \(configuration.ropeTheta), scaling \(configuration.ropeScaling)"
    elementTypes = checkpoint.tensors.reduce(into: [:]) { counts, tensor in
      counts[tensor.elementType.rawValue, default: 0] += 1
    }
    ignoredTensors = checkpoint.ignoredTensors
    tensors =
      listsTensors
      ? checkpoint.tensors.map {
        Tensor(
          name: $0.name, shape: $0.shape, type: $0.elementType.rawValue, bytes: $0.byteCount)
      } : nil
  }

  var description: String {
    var lines = ["\(architecture), \(HumanReadable.count(parameters)) parameters, \(format)"]
    lines += files.map { "  \($0.path)  \(HumanReadable.bytes($0.bytes))" }
    lines += [
      "", "sizes",
    ]
    for name in [
      "layers", "hidden", "intermediate", "heads", "key_value_heads", "head", "vocabulary",
      "context",
    ] {
      lines.append("  \(name): \(HumanReadable.count(sizes[name] ?? 0))")
    }
    lines += ["  rotary embedding: \(rope)", "", "tensors by type"]
    lines += elementTypes.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
    if !ignoredTensors.isEmpty {
      lines.append("  not used: \(ignoredTensors.joined(separator: ", "))")
    }
    if let tensors {
      lines.append("")
      lines += tensors.map {
        "  \($0.name)  \($0.shape)  \($0.type)  \(HumanReadable.bytes($0.bytes))"
      }
    }
    return lines.joined(separator: "\n")
  }
}
