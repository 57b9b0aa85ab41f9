import Activations
import Files
import HDF5
import Kernels
import Synchronization

/// What was found in a capture by looking at every byte of it.
public struct CaptureVerification: Codable, Sendable, Equatable {
  /// One thing that is wrong.
  public struct Problem: Codable, Sendable, Equatable {
    /// The file's name within the run.
    public let file: String
    public let message: String
    /// Whether something is missing, rather than wrong.
    public let isMissing: Bool
  }

  public let fileCount: Int
  public let byteCount: Int
  public let tokenCount: Int
  /// Infinities and NaN among the activations.
  public let nonFiniteCount: Int
  public let problems: [Problem]

  /// Whether nothing is wrong.
  public var isSound: Bool { problems.isEmpty }

  /// What a tool should exit with; nil when nothing is wrong.
  public var exitStatus: ExitStatus? {
    isSound ? nil : problems.contains(where: \.isMissing) ? .missingInput : .badInput
  }

  private enum CodingKeys: String, CodingKey {
    case fileCount = "files"
    case byteCount = "bytes"
    case tokenCount = "tokens"
    case nonFiniteCount = "non_finite"
    case problems
  }
}

/// Looks at every byte of a capture: hashes, shapes, and numbers that are not finite.
public struct CaptureVerifier {
  private let folder: CaptureFolder
  private let plan: CapturePlan
  private let planText: String
  private let placesByShard: [Int: [BatchPlace]]
  private var problems: [CaptureVerification.Problem] = []
  private var byteCount = 0
  private var nonFiniteCount = 0

  /// Verifies the run in a folder; everything that is wrong is collected, not the first thing only.
  ///
  /// - Parameter progress: called with the number of bytes hashed since the last call.
  /// - Throws: `CaptureError.notARun` and errors about plan.json, without which there is nothing to
  ///   compare with.
  public static func verify(
    _ path: String, pool: WorkerPool, progress: (Int) -> Void = { _ in }
  ) throws -> CaptureVerification {
    var verifier = try CaptureVerifier(path)
    let sound = try verifier.checkHashes(progress: progress)
    for shard in verifier.plan.shards.indices {
      let name = CaptureFolder.shardName(shard, of: verifier.plan.shards.count)
      if sound.contains(name) { verifier.check(shard, name: name, pool: pool) }
    }
    if sound.contains(CaptureFolder.indexName) { verifier.checkIndex() }
    return CaptureVerification(
      fileCount: verifier.folder.files(of: verifier.plan).count + 1,
      byteCount: verifier.byteCount, tokenCount: verifier.plan.corpus.tokenCount,
      nonFiniteCount: verifier.nonFiniteCount, problems: verifier.problems)
  }

  private init(_ path: String) throws {
    folder = CaptureFolder(path: path)
    guard Folder.kind(of: folder.plan) == .file else { throw CaptureError.notARun(path: path) }
    plan = try CapturePlan(path: folder.plan)
    planText = String(decoding: try MappedFile(path: folder.plan).copyBytes(), as: UTF8.self)
    placesByShard = Dictionary(grouping: plan.batchPlaces, by: \.shard)
  }

  private mutating func report(_ file: String, _ message: String, isMissing: Bool = false) {
    problems.append(.init(file: file, message: message, isMissing: isMissing))
  }

  /// - Returns: the names of files that are there; their contents are looked at even when the
  ///   manifest is not there to vouch for them, but not when it contradicts them.
  private mutating func checkHashes(progress: (Int) -> Void) throws -> Set<String> {
    var manifest: Manifest?
    if Folder.kind(of: folder.manifest) == .file {
      do {
        manifest = try Manifest(path: folder.manifest)
      } catch let error as CaptureError {
        report(CaptureFolder.manifestName, error.description)
      }
    } else {
      report(
        CaptureFolder.manifestName, "missing: the capture is not complete; finish it with --resume",
        isMissing: true)
    }
    let names = folder.files(of: plan)
    for entry in manifest?.entries ?? [] where !names.contains(entry.name) {
      report(CaptureFolder.manifestName, "names \(entry.name), which is no part of this capture")
    }
    var sound: Set<String> = []
    for name in names {
      guard Folder.kind(of: folder.path + "/" + name) == .file else {
        report(name, "missing: repeat the capture with --resume", isMissing: true)
        continue
      }
      let file = try MappedFile(path: folder.path + "/" + name)
      byteCount += file.count
      let found = XXH128.hash(file, progress: progress)
      guard let manifest else {
        sound.insert(name)
        continue
      }
      switch manifest.digest(of: name) {
      case found: sound.insert(name)
      case let expected?: report(name, "expected XXH128 \(expected), found \(found)")
      case nil: report(name, "not named in \(CaptureFolder.manifestName)")
      }
    }
    return sound
  }

  /// Shapes, tokens and numbers of one shard.
  private mutating func check(_ index: Int, name: String, pool: WorkerPool) {
    do {
      let shard = try ShardReader(path: folder.path + "/" + name, shard: index, plan: plan)
      try shard.requirePlan(planText)
      let batches = placesByShard[index] ?? []
      for place in batches {
        _ = try shard.batch(place)
        _ = try shard.domains(place)
      }
      for (layerIndex, layer) in plan.options.layers.enumerated() {
        for hookPoint in plan.options.hookPoints {
          let total = Atomic<Int>(0)
          for place in batches {
            try shard.forEachPanel(
              hookPoint, layerIndex: layerIndex, of: place, pool: pool
            ) { values, _ in
              total.add(Elementwise.fastest.countNonFinite(values), ordering: .relaxed)
            }
          }
          let count = total.load(ordering: .relaxed)
          nonFiniteCount += count
          if count > 0 && !plan.options.allowsNonFinite {
            report(
              name, "layer \(layer), \(hookPoint.rawValue): \(count) infinite or not a number")
          }
        }
      }
      try shard.close()
    } catch let error as any ReportableError {
      report(name, error.description)
    } catch {
      report(name, "\(error)")
    }
  }

  /// Shapes and axes of the virtual file.
  private mutating func checkIndex() {
    do {
      let file = try HDF5File.open(folder.index)
      for hookPoint in plan.options.hookPoints {
        let dataset = try file.root.openDataset(hookPoint.rawValue, allowsVirtual: true)
        try dataset.require(
          shape: [
            plan.options.layers.count, plan.corpus.tokenCount, plan.width(hookPoint),
          ], type: plan.options.dataType.elementType)
        let axes = try dataset.scaleNames()
        guard axes == ["/layer", "/token", "/" + hookPoint.space.rawValue] else {
          report(CaptureFolder.indexName, "\(hookPoint.rawValue): its axes are named \(axes)")
          continue
        }
      }
      try file.close()
    } catch {
      report(CaptureFolder.indexName, "\(error)")
    }
  }
}
