import Activations
import Files
import HDF5

/// The folder of a run that is being written: what is there already, and what is left to do.
///
/// A run is a function of its plan. Shards are published whole, one after the other, and never
/// touched again; of the one that is being made, complete batches are kept. So a run that was killed
/// is finished by making the batches that are missing.
public final class CaptureRun: Sendable {
  /// How far a run has come.
  public enum State: Sendable, Equatable {
    /// There is no such folder.
    case absent
    /// The folder is there and nothing is in it.
    case empty
    /// The run was killed before its plan was published.
    case unplanned
    /// The plan is there, and something else is missing.
    case partial
    /// XXH128SUMS is there: nothing is missing.
    case complete
  }

  public let plan: CapturePlan
  /// Where each batch lies, in corpus order.
  public let places: [BatchPlace]
  /// Batches that are to be made, in order.
  public let pendingBatches: [Int]
  /// Whether everything was there already.
  public let wasComplete: Bool
  let folder: CaptureFolder
  let planText: String
  /// nil for a complete run, which nobody writes to.
  private let lock: FolderLock?

  /// The run's folder.
  public var path: String { folder.path }

  /// Looks at a folder.
  ///
  /// - Throws: `CaptureError.foreignFolder` when it holds files that no run makes, and no plan.
  public static func state(of path: String) throws -> State {
    switch Folder.kind(of: path) {
    case .missing: return .absent
    case .folder: break
    case .file, .other: throw FileError.notDirectory(path: path)
    }
    let names = try Folder.names(in: path)
    if names.isEmpty { return .empty }
    if names.contains(CaptureFolder.planName) {
      return names.contains(CaptureFolder.manifestName) ? .complete : .partial
    }
    if let foreign = names.first(where: { !$0.hasPrefix(".") && !CaptureFolder.names.contains($0) })
    {
      throw CaptureError.foreignFolder(path: path, name: foreign)
    }
    return .unplanned
  }

  /// Checks that a run may be begun or resumed at `path`, without changing anything: the question to
  /// ask before a model is loaded.
  ///
  /// - Throws: `CaptureError.notEmpty`, `FileError.cannotCreate` for a folder that does not let us
  ///   write.
  public static func checkOutput(_ path: String, resume: Bool) throws {
    let state = resume ? try state(of: path) : try stateWithoutResume(of: path)
    var existing = path
    if state == .absent {
      repeat {
        existing = DurableFile.split(existing).folder
      } while Folder.kind(of: existing) == .missing && existing != "/" && existing != "."
    }
    if state != .complete && !Folder.isWritable(existing) {
      throw FileError.cannotCreate(path: path, errno: accessErrno)
    }
  }

  /// EACCES: what the system would say.
  private static let accessErrno: Int32 = 13

  private static func stateWithoutResume(of path: String) throws -> State {
    switch Folder.kind(of: path) {
    case .missing: return .absent
    case .folder: break
    case .file, .other: throw FileError.notDirectory(path: path)
    }
    guard try Folder.names(in: path).isEmpty else { throw CaptureError.notEmpty(path: path) }
    return .empty
  }

  /// Begins a run, or resumes one: makes the folder, locks it, publishes the plan or compares it,
  /// removes what a killed run left unfinished and checks that there is room for the rest.
  ///
  /// - Throws: `CaptureError.notEmpty` without `resume` unless the folder is absent or empty,
  ///   `planDiffers` when the run was begun with other inputs, `damaged` when a published shard is not
  ///   whole; `FileError`.
  public init(at path: String, plan: CapturePlan, resume: Bool) throws {
    try Self.checkOutput(path, resume: resume)
    let folder = CaptureFolder(path: path)
    self.folder = folder
    self.plan = plan
    let planBytes = try plan.encoded()
    planText = String(decoding: planBytes, as: UTF8.self)
    let isComplete = try Self.state(of: path) == .complete
    if !isComplete { try Folder.create(path) }
    // The lock comes before the second look: another process may have begun in between.
    lock = Folder.isWritable(path) ? try FolderLock(path) : nil
    let hasPlan = Folder.kind(of: folder.plan) != .missing
    if !resume && hasPlan { throw CaptureError.notEmpty(path: path) }
    if hasPlan {
      let differences = try CapturePlan(path: folder.plan).differences(from: plan)
      guard differences.isEmpty else {
        throw CaptureError.planDiffers(path: folder.plan, differences: differences)
      }
    }
    let places = plan.batchPlaces
    var pending: [BatchPlace] = []
    var kept: Set<String> = []
    let placesByShard = Dictionary(grouping: places, by: \.shard)
    for shard in plan.shards.indices {
      let batches = placesByShard[shard] ?? []
      let file = folder.shard(shard, of: plan.shards.count)
      if Folder.kind(of: file) == .missing {
        let unfinished = UnfinishedShard.files(
          of: shard, batches: batches, plan: plan, planText: planText, folder: folder)
        kept.formUnion(unfinished.paths)
        pending += batches.dropFirst(unfinished.batchCount)
      } else {
        let opened = try ShardReader(path: file, shard: shard, plan: plan)
        try opened.requirePlan(planText)
        try opened.close()
      }
    }
    self.places = places
    pendingBatches = pending.map(\.batch)
    wasComplete =
      isComplete && pending.isEmpty && Folder.kind(of: folder.index) == .file
    guard !wasComplete else { return }

    // Whatever is missing, the run is not complete from here on.
    try Folder.removeFile(folder.manifest)
    try Self.removeUnfinished(in: folder, except: kept)
    try Folder.create(folder.shards)
    let needed = CaptureSize(plan).byteCount(ofBatches: pending)
    let available = try Folder.availableBytes(at: path)
    guard needed <= available else {
      throw FileError.notEnoughSpace(path: path, needed: needed, available: available)
    }
    if !hasPlan { try DurableFile.write(planBytes, to: folder.plan) }
  }

  /// Appends a line to RUN/capture.log: dates, hosts and whatever else does not decide a byte of the
  /// results.
  public func log(_ line: String) throws {
    try LogFile.append(line, to: folder.log)
  }

  /// Publishes the virtual file and the manifest.
  ///
  /// - Parameter digests: XXH128 of the shards that are known already, by index.
  func complete(digests known: [Int: String]) throws {
    try IndexFile.write(plan, planText: planText, folder: folder)
    var digests: [String: String] = [
      CaptureFolder.planName: XXH128.hash(Array(planText.utf8)),
      CaptureFolder.indexName: XXH128.hash(try MappedFile(path: folder.index)),
    ]
    for shard in plan.shards.indices {
      digests[CaptureFolder.shardName(shard, of: plan.shards.count)] =
        try known[shard]
        ?? XXH128.hash(MappedFile(path: folder.shard(shard, of: plan.shards.count)))
    }
    try DurableFile.write(Manifest(digests).encoded, to: folder.manifest)
  }

  /// Removes the temporary files of a run that was killed.
  ///
  /// - Parameter kept: paths of what is still of use.
  private static func removeUnfinished(in folder: CaptureFolder, except kept: Set<String>) throws {
    for path in [folder.plan, folder.index, folder.manifest] {
      try Folder.removeFile(DurableFile.temporaryPath(for: path))
    }
    guard Folder.kind(of: folder.shards) == .folder else { return }
    for name in try Folder.names(in: folder.shards) where name.hasPrefix(".activations-") {
      let path = folder.shards + "/" + name
      if !kept.contains(path) { try Folder.removeFile(path) }
    }
  }
}
