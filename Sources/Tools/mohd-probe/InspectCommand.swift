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
  /// tied, own or none.
  private let head: String
  private let warnings: [String]
  private let tensors: [Tensor]?
  /// Settings of a MoHD model, as config.json has them.
  private let mohd: MoHDSettings?
  private let activeParameters: [String: Int]?

  private enum CodingKeys: String, CodingKey {
    case architecture, format, files, parameters, sizes, rope, elementTypes, ignoredTensors,
      head, warnings, tensors, mohd
    case activeParameters = "active_parameters"
  }

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
    head = checkpoint.head.rawValue
    warnings = checkpoint.warnings
    mohd = configuration.mohd
    activeParameters = configuration.mohd.map { _ in
      ActiveParameterCount.allCases.reduce(into: [:]) {
        $0[$1.rawValue] = configuration.activeParameters(count: $1)
      }
    }
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
    lines += ["  rotary embedding: \(rope)", "  head: \(head)"]
    if let mohd { lines += [""] + mixtureLines(mohd) }
    lines += ["", "tensors by type"]
    lines += elementTypes.sorted { $0.key < $1.key }.map { "  \($0.key): \($0.value)" }
    if !ignoredTensors.isEmpty {
      lines.append("  not used: \(ignoredTensors.joined(separator: ", "))")
    }
    if !warnings.isEmpty { lines += ["", "warnings"] + warnings.map { "  \($0)" } }
    if let tensors {
      lines.append("")
      lines += tensors.map {
        "  \($0.name)  \($0.shape)  \($0.type)  \(HumanReadable.bytes($0.bytes))"
      }
    }
    return lines.joined(separator: "\n")
  }

  /// Layers that follow each other and are equal share a line.
  private func mixtureLines(_ mohd: MoHDSettings) -> [String] {
    var lines = ["mixture of hidden dimensions"]
    for component in MoHDComponent.allCases {
      let layers = mohd[component]
      var first = 0
      for layer in layers.indices
      where layer + 1 == layers.count || layers[layer + 1] != layers[first] {
        let place =
          layers.count == layer - first + 1
          ? "all layers" : first == layer ? "layer \(layer)" : "layers \(first) to \(layer)"
        lines.append("  \(component.rawValue), \(place): \(layers[layer].summary)")
        first = layer + 1
      }
    }
    let counts = activeParameters ?? [:]
    for (kind, meaning) in [
      ("paper", "projections, as the paper counts"), ("all", "with all that MoHD adds"),
      ("dense", "of the dense model"),
    ] {
      lines.append(
        "  active parameters, \(meaning): \(HumanReadable.count(counts[kind] ?? 0))")
    }
    return lines
  }
}

extension SubDimensions {
  /// What differs from a plain router with everything else off is said; the counts always.
  fileprivate var summary: String {
    var parts = [
      "\(activeCount) of \(count) sub-dimensions active, \(sharedCount) of them shared",
      "\(router.rawValue) router", "\(gate.rawValue) gates",
      "sparse_side \(sparseSide.rawValue)",
    ]
    if let size {
      parts.insert("sub_dimension_size \(size), width \(count * size)", at: 1)
    }
    if gate == .softmax { parts.append("scaling \(scaling.rawValue)") }
    if gateAt != .output { parts.append("gate_at \(gateAt.rawValue)") }
    if fusion != .none { parts.append("fusion \(fusion.rawValue) of \(fusionBlockCount) blocks") }
    if inputBasis != .none { parts.append("basis \(inputBasis.rawValue)") }
    if hasInactiveBias { parts.append("bias for inactive ones") }
    if lowRank > 0 { parts.append("low-rank path of rank \(lowRank)") }
    return parts.joined(separator: ", ")
  }
}
