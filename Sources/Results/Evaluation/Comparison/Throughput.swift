import Activations
import Checkpoints
import Kernels
import Models

/// Prefill speed of two models, measured in turns in one process, so that a busy second slows both.
public struct Throughput: Codable, Sendable, Equatable {
  public var sequenceCount: Int
  public var sequenceLength: Int
  public var threadCount: Int
  /// Seconds of each round, in order; the first run of either model is not among them.
  public var denseSeconds: [Double]
  public var convertedSeconds: [Double]
  /// Processors that other programs used meanwhile, on average; nil when nobody knows.
  public var otherProcessors: Double?
  /// The system's load average of the last minute before the measurement.
  public var loadAverage: Double?
  /// What it was measured on; nil when the system does not say, or in files of before this was kept.
  public var processor: String?

  enum CodingKeys: String, CodingKey {
    case processor, speedup
    case sequenceCount = "sequences"
    case sequenceLength = "sequence_length"
    case threadCount = "threads"
    case denseSeconds = "dense_seconds"
    case convertedSeconds = "converted_seconds"
    case otherProcessors = "other_processors"
    case loadAverage = "load_average"
    case denseRate = "dense_tokens_per_second"
    case convertedRate = "converted_tokens_per_second"
    case isBusy = "busy"
  }

  public var tokenCount: Int { sequenceCount * sequenceLength }
  /// Tokens a second, at the median of the rounds.
  public var denseRate: Double { Double(tokenCount) / Self.median(denseSeconds) }
  public var convertedRate: Double { Double(tokenCount) / Self.median(convertedSeconds) }
  /// How many times as fast the converted model was, round by round.
  var roundSpeedups: [Double] { zip(denseSeconds, convertedSeconds).map { $0 / $1 } }
  /// Half of what the rounds' ratios span: how far the median may be off.
  public var speedupSpread: Double {
    ((roundSpeedups.max() ?? .nan) - (roundSpeedups.min() ?? .nan)) / 2
  }
  /// How many times as fast as the dense model the converted one is: the median of the rounds' own
  /// ratios, as a host that slows down slows both models of a round.
  public var speedup: Double { Self.median(roundSpeedups) }

  /// Others took so much of the machine that the speeds may be off by more than a few percent.
  public var isBusy: Bool { (otherProcessors ?? 0) > Self.busyProcessors }

  /// A tenth of a processor.
  private static let busyProcessors = 0.1

  package init(
    sequenceCount: Int, sequenceLength: Int, threadCount: Int, denseSeconds: [Double],
    convertedSeconds: [Double]
  ) {
    self.sequenceCount = sequenceCount
    self.sequenceLength = sequenceLength
    self.threadCount = threadCount
    self.denseSeconds = denseSeconds
    self.convertedSeconds = convertedSeconds
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    guard !sorted.isEmpty else { return .nan }
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }

  public init(from decoder: any Decoder) throws {
    let box = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      sequenceCount: try box.decode(Int.self, forKey: .sequenceCount),
      sequenceLength: try box.decode(Int.self, forKey: .sequenceLength),
      threadCount: try box.decode(Int.self, forKey: .threadCount),
      denseSeconds: try box.decode([Double].self, forKey: .denseSeconds),
      convertedSeconds: try box.decode([Double].self, forKey: .convertedSeconds))
    otherProcessors = try box.decodeIfPresent(Double.self, forKey: .otherProcessors)
    loadAverage = try box.decodeIfPresent(Double.self, forKey: .loadAverage)
    processor = try box.decodeIfPresent(String.self, forKey: .processor)
  }

  public func encode(to encoder: any Encoder) throws {
    var box = encoder.container(keyedBy: CodingKeys.self)
    try box.encode(sequenceCount, forKey: .sequenceCount)
    try box.encode(sequenceLength, forKey: .sequenceLength)
    try box.encode(threadCount, forKey: .threadCount)
    try box.encode(denseSeconds, forKey: .denseSeconds)
    try box.encode(convertedSeconds, forKey: .convertedSeconds)
    try box.encode(otherProcessors, forKey: .otherProcessors)
    try box.encode(loadAverage, forKey: .loadAverage)
    try box.encode(processor, forKey: .processor)
    try box.encode(denseRate.finite, forKey: .denseRate)
    try box.encode(convertedRate.finite, forKey: .convertedRate)
    try box.encode(speedup.finite, forKey: .speedup)
    try box.encode(isBusy, forKey: .isBusy)
  }
}

/// Measures prefill: all layers of some sequences, weights loaded anew, without the embedding and
/// the output projection.
public struct ThroughputMeasurement {
  private let batch: TokenBatch
  private let roundCount: Int

  /// The measure: 2048 tokens as four sequences of 512.
  public static let sequenceCount = 4
  public static let sequenceLength = 512
  /// Tokens of one run.
  public static var tokenCount: Int { sequenceCount * sequenceLength }

  /// - Parameter tokenIDs: text to run, repeated where it is too short; not empty.
  public init(tokenIDs: [Int32], roundCount: Int) {
    precondition(!tokenIDs.isEmpty && roundCount >= 1)
    let length = Self.sequenceLength
    batch = TokenBatch(
      tokenIDs: (0..<Self.sequenceCount * length).map { tokenIDs[$0 % tokenIDs.count] },
      sequences: (0..<Self.sequenceCount).map { index in
        TokenBatch.Sequence(
          rows: index * length..<(index + 1) * length, document: index, index: 0)
      })
    self.roundCount = roundCount
  }

  /// Runs both models in turns, layer by layer, the order changing from turn to turn: a shared host
  /// changes its speed within seconds, and runs that follow each other whole were up to 0.2 apart.
  ///
  /// - Parameter checkpoint: called twice a round, as often as models are run; what it throws ends
  ///   the work.
  public func run(
    dense: Checkpoint, converted: Checkpoint, pool: WorkerPool, checkpoint: () throws -> Void
  ) throws -> Throughput {
    let sweeps = [dense, converted].map { LayerSweep(checkpoint: $0, pool: pool) }
    var seconds: [[Double]] = [[], []]
    let layerCount = sweeps.map(\.configuration.layerCount).max() ?? 0
    let clock = ContinuousClock()
    for round in 0...roundCount {
      let residuals = sweeps.map { $0.embed(batch).view }
      var elapsed: [Duration] = [.zero, .zero]
      for layer in 0..<layerCount {
        for model in (round + layer) % 2 == 0 ? [0, 1] : [1, 0] {
          let sweep = sweeps[model]
          guard layer < sweep.configuration.layerCount else { continue }
          elapsed[model] += clock.measure {
            sweep.load(layer: layer)
            sweep.pass(batch, through: layer, residual: residuals[model], sink: NoSink())
          }
        }
        if layer == layerCount / 2 { try checkpoint() }
      }
      // The first round reads files and touches fresh memory.
      if round > 0 { for model in [0, 1] { seconds[model].append(elapsed[model] / .seconds(1)) } }
      try checkpoint()
    }
    return Throughput(
      sequenceCount: Self.sequenceCount, sequenceLength: Self.sequenceLength,
      threadCount: pool.workerCount, denseSeconds: seconds[0], convertedSeconds: seconds[1])
  }
}
