import ArgumentParser
import Capture
import Console

extension CaptureDataType: ExpressibleByArgument {}

struct CaptureCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture",
    abstract: "Run a model over text and write its activations to HDF5.",
    discussion: """
      Open the result with h5py or xarray: OUTPUT/activations.h5 shows all shards as one file, with
      a dataset (layer, token, feature) for each hook point. A capture that was stopped goes on
      with --resume, and ends with the same bytes.
      """)

  @OptionGroup var model: ModelArguments
  @OptionGroup var corpus: CorpusArguments

  @Option(help: "The folder to write; it must not exist, or be empty, unless --resume is given.")
  var output: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Where to read activations: \(HookPointSelection.help); all; or patterns such as ffn_*. "
        + "(default: the inputs and outputs of attention and FFN)",
      valueName: "names"))
  var hookPoints: [HookPointSelection] = []

  @Option(help: ArgumentHelp("Which layers, such as 0-31:2 or 0,5,10.", valueName: "layers"))
  var layers: LayerSelection?

  @Option(help: "How numbers are stored: float16 or float32.")
  var dtype = CaptureDataType.float16

  @Flag(help: "Compress with shuffle and gzip, which any HDF5 reads.")
  var compress = false

  @Option(
    help: ArgumentHelp(
      "Bytes that one shard should not exceed. (default: 2 GiB, or as much as makes \(ShardCut.greatestCount) shards)",
      valueName: "bytes"))
  var shardBytes: Int?

  @Option(
    help: ArgumentHelp(
      "Bytes of a shard that go through the model together, in 4096 tokens or more: what a run that "
        + "is killed loses. (default: those of a shard, and 2 GiB at most)",
      valueName: "bytes"))
  var batchBytes: Int?

  @Flag(help: "Store infinities and NaN as they are in place of stopping.")
  var allowNonFinite = false

  @Flag(help: "Finish a capture that was stopped.")
  var resume = false

  @OptionGroup var behaviour: RunArguments

  @Flag(help: .private)
  var bare = false

  func validate() throws {
    for (name, value) in [("--shard-bytes", shardBytes), ("--batch-bytes", batchBytes)] {
      if let value, value < 1 { throw ValidationError("\(name): expected at least 1") }
    }
  }

  func run() throws {
    let terminal = behaviour.terminal
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "run the same command with --resume to go on") {
      if !behaviour.dryRun && !bare { try CaptureRun.checkOutput(output, resume: resume) }
      let session = try CaptureSession(self, terminal: terminal)
      if behaviour.dryRun {
        try session.estimate().print(json: behaviour.json)
      } else if bare {
        try session.forwardOnly().print(json: behaviour.json)
      } else {
        try session.model.explainingDamage(place: Self.nonFinitePlace) {
          try session.capture()
        }.print(json: behaviour.json)
      }
    }
  }

  private static func nonFinitePlace(_ error: any Error) -> LoadedModel.NonFinitePlace? {
    guard case CaptureError.nonFinite(let layer, let hookPoint, let token, _) = error else {
      return nil
    }
    return (layer, "layer \(layer), \(hookPoint.rawValue), token \(token)")
  }
}
