import Evaluation

/// A setting with numbers that nobody measured.
struct MadeUpSetting {
  let setting: Setting
  /// What it loses a token beyond the dense model; nil: its logits are not finite.
  let nats: Double?
  /// By so much more in the first document of each domain, and less in the second.
  let noise: Double
  let speed: Double
  /// Processors that other programs used while it was measured.
  var otherProcessors: Double? = 0

  init(_ setting: Setting, nats: Double?, noise: Double = 0, speed: Double = 1) {
    (self.setting, self.nats, self.noise, self.speed) = (setting, nats, noise, speed)
  }

  private static let parameters = ModelComparison.Parameters(
    dense: 100, densePaper: 100, convertedPaper: 50, convertedAll: 80)

  /// Two documents of each of two domains, every token of which loses `nats`.
  private static func losses(_ nats: Double, noise: Double = 0) -> SequenceLosses {
    let sequences = (0..<4).map { (index: Int) -> SequenceLosses.Sequence in
      let own: Double = index % 2 == 0 ? nats + noise : nats - noise
      return SequenceLosses.Sequence(
        domain: index / 2, document: index, scoredCount: 100, loss: 100 * own)
    }
    return SequenceLosses(domains: ["a", "b"], sequences: sequences)
  }

  /// Beside a dense model of 2 nats a token.
  static func result(_ kind: SweepResult.Kind, _ settings: [MadeUpSetting]) -> SweepResult {
    SweepResult(
      kind: kind, denseName: "pico", vocabularySize: 96, provenance: ["seed": "0"],
      dense: losses(2), measured: settings.map { ($0.setting, $0.measurement) }, overlap: nil)
  }

  private var measurement: SettingMeasurement {
    var throughput = Throughput(
      sequenceCount: 4, sequenceLength: 512, threadCount: 2, denseSeconds: [1],
      convertedSeconds: [1 / speed])
    throughput.otherProcessors = otherProcessors
    return SettingMeasurement(
      losses: nats.map { Self.losses(2 + $0, noise: noise) }, parameters: Self.parameters,
      activeFraction: 0.5, energyLoss: 0.1, speed: throughput, conversionSeconds: 1)
  }
}
