import Activations
import Capture
import Kernels
import Tensors

/// A model that is not one: numbers that depend on the site, the token and the feature alone.
struct SyntheticSource: Sendable {
  let plan: CapturePlan
  let batches: [TokenBatch]
  let documentDomains: [Int]
  /// Replaces one number.
  var disturbance: (site: ActivationSite, token: Int, value: Float)?

  static let layerCount = 3

  /// - Parameter sequences: for each document, the lengths of its sequences.
  init(
    documents: [[Int]] = SyntheticSource.twoShards, domains: [String] = ["science", "old books"],
    modelSHA256: String = String(repeating: "a", count: 64), options: CaptureOptions
  ) throws {
    let flat = documents.enumerated().flatMap { document, lengths in
      lengths.enumerated().map { (document: document, index: $0, length: $1) }
    }
    documentDomains = documents.indices.map { $0 % domains.count }
    let owners = documentDomains
    plan = try CapturePlan(
      tool: "synthetic 1.0",
      model: .init(sha256: modelSHA256, architecture: "llama", sizes: ["hidden_size": 8]),
      tokenizer: .init(sha256: String(repeating: "b", count: 64)),
      corpusSHA256: String(repeating: "c", count: 64),
      domains: domains.enumerated().map { domain, name in
        let mine = documents.indices.filter { owners[$0] == domain }
        return CapturePlan.Domain(
          name: name, documentCount: mine.count,
          tokenCount: mine.reduce(0) { $0 + documents[$1].reduce(0, +) })
      },
      sequences: flat.map(\.length), options: options, width: { Self.width($0) })
    batches = plan.batchPlaces.map { place in
      var row = 0
      var sequences: [TokenBatch.Sequence] = []
      for item in flat[place.sequences] {
        sequences.append(
          .init(rows: row..<row + item.length, document: item.document, index: item.index))
        row += item.length
      }
      return TokenBatch(
        tokenIDs: (0..<row).map { Int32((place.firstToken + $0) * 7 % 1000) },
        sequences: sequences)
    }
  }

  /// 9,000 tokens of three documents: two shards of one batch, the second document in both.
  static let twoShards = [
    Array(repeating: 512, count: 4) + [100], Array(repeating: 512, count: 12), [512, 196],
  ]

  /// 21,800 tokens, in sequences that no chunk ends with: four batches. With `severalBatches` bytes
  /// in a shard the first three of them make one.
  static let fourBatches = [
    Array(repeating: 500, count: 14), Array(repeating: 509, count: 11) + [10],
    Array(repeating: 510, count: 18),
  ]
  static let severalBatches = 1_800_000

  static func options(
    _ dataType: CaptureDataType = .float16, hookPoints: [HookPoint] = HookPoint.standard,
    layers: [Int] = [0, 2], compressionLevel: Int? = nil, allowsNonFinite: Bool = false,
    shardByteCount: Int? = 1 << 16, batchByteCount: Int? = 1 << 16
  ) -> CaptureOptions {
    CaptureOptions(
      hookPoints: hookPoints, layers: layers, sequenceLength: 512, dataType: dataType,
      compressionLevel: compressionLevel, shardByteCount: shardByteCount,
      batchByteCount: batchByteCount,
      allowsNonFinite: allowsNonFinite)
  }

  static func width(_ hookPoint: HookPoint) -> Int {
    switch hookPoint.space {
    case .hidden, .query, .heads: 8
    case .key, .value: 4
    case .intermediate: 12
    case .attentionSubDimension, .ffnSubDimension: 2
    }
  }

  /// Numbers with all bits of a Float32 in use.
  func value(_ site: ActivationSite, token: Int, feature: Int) -> Float {
    if let disturbance, disturbance.site == site, disturbance.token == token, feature == 1 {
      return disturbance.value
    }
    let kind = HookPoint.dense.firstIndex(of: site.hookPoint) ?? 0
    var bits = UInt32(truncatingIfNeeded: token &* 40503 &+ feature &* 7919 &+ kind &* 104_729)
    bits = (bits &+ UInt32(site.layer) &* 15_485_863) &* 2_654_435_761
    bits ^= bits >> 15
    return (Float(bits) / Float(UInt32.max) - 0.5) * 8
  }

  /// The rows of one panel, row by row.
  func panel(_ site: ActivationSite, tokens: Range<Int>) -> [Float] {
    tokens.flatMap { token in
      (0..<Self.width(site.hookPoint)).map { value(site, token: token, feature: $0) }
    }
  }

  /// Pushes one batch through all layers.
  func sweep(batch index: Int, into sink: any ActivationSink, workerCount: Int = 2) throws {
    let batch = batches[index]
    let first = plan.batchPlaces[index].firstToken
    let pool = WorkerPool(workerCount: workerCount)
    let panels = ActivationPanel.ranges(tokenCount: batch.tokenCount)
    try sink.begin(batch)
    for layer in 0..<Self.layerCount {
      let sites = HookPoint.allCases.map { ActivationSite(layer: layer, hookPoint: $0) }
        .filter(sink.wants)
      pool.forEach(panels.count * sites.count) { piece, _ in
        let (panel, site) = (panels[piece / sites.count], sites[piece % sites.count])
        let values = self.panel(site, tokens: first + panel.lowerBound..<first + panel.upperBound)
        sink.receive(values.span, rows: panel, at: site)
      }
      try sink.finish(layer: layer)
    }
    try sink.end(batch)
  }

  /// Captures what is missing at `path`.
  ///
  /// - Parameter limit: stop after so many batches, as if killed.
  func capture(
    to path: String, resume: Bool = false, limit: Int = .max, workerCount: Int = 2
  ) throws {
    let run = try CaptureRun(at: path, plan: plan, resume: resume)
    let writer = CaptureWriter(run, documentDomains: documentDomains)
    for batch in run.pendingBatches.prefix(limit) {
      try sweep(batch: batch, into: writer, workerCount: workerCount)
    }
    if limit == .max { try writer.finish() } else { writer.abandon() }
  }
}
