import Synchronization

/// What encoding needs beside the tokenizer itself, kept from call to call: one caller at a time.
struct Workspace {
  var classes = CharacterClasses()
  var cache = WordCache()
  var merger = BytePairMerger()
  var normalization = NormalizationTables()
}

/// Workspaces that wait for the next call; each thread that encodes at the same time takes its own.
final class WorkspacePool: Sendable {
  /// Safety of `@unchecked Sendable`: a box leaves the pool under its lock and comes back when its
  /// user is done, so that it has one user at a time.
  private final class Box: @unchecked Sendable {
    var workspace = Workspace()
  }

  private let idle = Mutex<[Box]>([])

  /// Calls `body` with a workspace that nobody else uses.
  func withWorkspace<Result>(_ body: (inout Workspace) -> Result) -> Result {
    let box = idle.withLock { $0.popLast() } ?? Box()
    defer { idle.withLock { $0.append(box) } }
    return body(&box.workspace)
  }
}
