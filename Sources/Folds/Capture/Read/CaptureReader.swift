import Activations
import Files
import HDF5
import Kernels
import Synchronization
import Tensors

/// A finished capture as a source: it replays the stream that was captured, batch by batch and panel
/// by panel as the model gave it, and reads single sites.
///
/// Law: what a sink sees of a float32 capture is bit for bit what it would have seen live.
public final class CaptureReader: Sendable {
  public let plan: CapturePlan
  /// Where each batch lies.
  private let places: [BatchPlace]
  private let folder: CaptureFolder
  private let planText: String
  /// The shard that was read last.
  private let opened = Mutex<(index: Int, shard: ShardReader)?>(nil)

  /// The run's folder.
  public var path: String { folder.path }

  /// Opens a capture.
  ///
  /// A missing shard is an error here: HDF5 would read it as NaN.
  ///
  /// - Throws: `CaptureError.notARun`, `incomplete`, `invalidPlan`; `JSONError`, `FileError`.
  public init(_ path: String) throws {
    folder = CaptureFolder(path: path)
    guard Folder.kind(of: folder.plan) == .file else { throw CaptureError.notARun(path: path) }
    plan = try CapturePlan(path: folder.plan)
    places = plan.batchPlaces
    planText = String(decoding: try MappedFile(path: folder.plan).copyBytes(), as: UTF8.self)
    var missing: [String] = []
    for shard in plan.shards.indices
    where Folder.kind(of: folder.shard(shard, of: plan.shards.count)) != .file {
      missing.append(CaptureFolder.shardName(shard, of: plan.shards.count))
    }
    if Folder.kind(of: folder.manifest) != .file { missing.append(CaptureFolder.manifestName) }
    guard missing.isEmpty else { throw CaptureError.incomplete(path: path, missing: missing) }
  }

  /// Reads every file of the capture once and compares it with XXH128SUMS.
  ///
  /// - Parameter progress: called with the number of bytes read since the last call.
  /// - Throws: `CaptureError.hashDiffers` or `invalidManifest`.
  public func checkHashes(progress: (Int) -> Void = { _ in }) throws {
    let manifest = try Manifest(path: folder.manifest)
    for name in folder.files(of: plan) {
      let path = folder.path + "/" + name
      guard let expected = manifest.digest(of: name) else {
        throw CaptureError.invalidManifest(
          path: folder.manifest, line: manifest.entries.count, reason: "\(name) is missing")
      }
      let found = XXH128.hash(try MappedFile(path: path), progress: progress)
      guard found == expected else {
        throw CaptureError.hashDiffers(path: path, expected: expected, found: found)
      }
    }
  }

  // MARK: Tokens

  /// Number of batches.
  public var batchCount: Int { places.count }

  /// Index in the corpus of a batch's first token.
  public func firstToken(ofBatch index: Int) -> Int { places[index].firstToken }

  /// One batch as it went through the model.
  public func batch(_ index: Int) throws -> TokenBatch {
    try open(places[index].shard).batch(places[index])
  }

  /// For each document of the corpus, the index of its domain in the plan; 0 for a document without
  /// tokens.
  public func documentDomains() throws -> [Int] {
    var domains = [Int](repeating: 0, count: plan.corpus.documentCount)
    for place in places {
      let shard = try open(place.shard)
      let rows = try shard.domains(place)
      for sequence in try shard.batch(place).sequences {
        let domain = Int(rows[sequence.rows.lowerBound])
        guard domains.indices.contains(sequence.document),
          plan.corpus.domains.indices.contains(domain)
        else {
          throw CaptureError.damaged(
            path: shard.path, reason: "document \(sequence.document) is not one of the plan's")
        }
        domains[sequence.document] = domain
      }
    }
    return domains
  }

  // MARK: The stream

  /// Replays all batches.
  public func replay(into sink: any ActivationSink, pool: WorkerPool) throws {
    for index in places.indices { try replay(batch: index, into: sink, pool: pool) }
  }

  /// Replays one batch: begin, then for each captured layer its panels and finish, then end.
  public func replay(batch index: Int, into sink: any ActivationSink, pool: WorkerPool) throws {
    let batch = try batch(index)
    try sink.begin(batch)
    for layer in plan.options.layers {
      try deliver(layer: layer, ofBatch: index, into: sink, pool: pool)
      try sink.finish(layer: layer)
    }
    try sink.end(batch)
  }

  /// Gives the sink what it wants of one layer of one batch, and calls nothing but `receive`: for
  /// sweeps that take the whole corpus through one layer after the other.
  public func deliver(
    layer: Int, ofBatch index: Int, into sink: any ActivationSink, pool: WorkerPool
  ) throws {
    guard let layerIndex = plan.options.layers.firstIndex(of: layer) else { return }
    let place = places[index]
    let shard = try open(place.shard)
    for hookPoint in plan.options.hookPoints {
      let site = ActivationSite(layer: layer, hookPoint: hookPoint)
      guard sink.wants(site) else { continue }
      try shard.forEachPanel(
        hookPoint, layerIndex: layerIndex, of: place, pool: pool
      ) { values, rows in
        sink.receive(values, rows: rows, at: site)
      }
    }
  }

  // MARK: Single sites

  /// Whether a site can be read.
  public func contains(_ site: ActivationSite) -> Bool { plan.contains(site) }

  /// Values of some tokens at one site: [tokens.count, width].
  ///
  /// - Parameter tokens: indices in the corpus.
  /// - Throws: `CaptureError.notCaptured`; what opening a shard throws.
  public func read(_ site: ActivationSite, tokens: Range<Int>) throws -> Matrix {
    precondition(
      tokens.lowerBound >= 0 && tokens.upperBound <= plan.corpus.tokenCount,
      "tokens must lie in the corpus")
    guard plan.contains(site), let layer = plan.options.layers.firstIndex(of: site.layer) else {
      throw CaptureError.notCaptured(path: path, layer: site.layer, hookPoint: site.hookPoint)
    }
    let width = plan.width(site.hookPoint)
    let matrix = Matrix(rowCount: tokens.count, columnCount: width)
    var first = 0
    for (index, cut) in plan.shards.enumerated() {
      let wanted = tokens.clamped(to: first..<first + cut.tokenCount)
      if !wanted.isEmpty {
        try open(index).dataset(site.hookPoint).read(
          offset: [layer, wanted.lowerBound - first, 0], count: [1, wanted.count, width],
          into: matrix.rows(
            wanted.lowerBound - tokens.lowerBound..<wanted.upperBound - tokens.lowerBound))
      }
      first += cut.tokenCount
    }
    return matrix
  }

  private func open(_ index: Int) throws -> ShardReader {
    if let last = opened.withLock({ $0 }), last.index == index { return last.shard }
    let shard = try ShardReader(
      path: folder.shard(index, of: plan.shards.count), shard: index, plan: plan)
    try shard.requirePlan(planText)
    opened.withLock { $0 = (index, shard) }
    return shard
  }
}
