import Files
import Foundation

/// Hugging Face's local cache of models, read as `huggingface_hub` reads it; nothing is downloaded.
///
/// Layout: `models--ORG--NAME/refs/REVISION` names a commit, `snapshots/COMMIT` holds links to blobs.
/// Links are followed wherever they lead: newer caches share blobs between repositories.
struct HubCache {
  let root: String

  /// - Parameter environment: decides the root: `HF_HUB_CACHE`, `HF_HOME`/hub,
  ///   `XDG_CACHE_HOME`/huggingface/hub, or `~/.cache/huggingface/hub`.
  init(environment: [String: String]) {
    func value(_ name: String) -> String? {
      guard let value = environment[name], !value.isEmpty else { return nil }
      return value
    }
    let home = value("HOME") ?? NSHomeDirectory()
    let path: String
    if let cache = value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") {
      path = cache
    } else if let folder = value("HF_HOME") {
      path = folder + "/hub"
    } else if let folder = value("XDG_CACHE_HOME") {
      path = folder + "/huggingface/hub"
    } else {
      path = home + "/.cache/huggingface/hub"
    }
    root = path.hasPrefix("~/") ? home + path.dropFirst(1) : path
  }

  /// A hub id, `org/name` or `org/name@revision`.
  struct Identifier {
    let organisation: String
    let name: String
    let revision: String?

    init?(_ text: String) {
      let halves = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
      let parts = halves[0].split(separator: "/", omittingEmptySubsequences: false)
      guard parts.count == 2, parts.allSatisfy(Identifier.isName) else { return nil }
      organisation = String(parts[0])
      name = String(parts[1])
      revision = halves.count == 2 ? String(halves[1]) : nil
    }

    private static func isName(_ text: Substring) -> Bool {
      guard let first = text.utf8.first, first != UInt8(ascii: "."), first != UInt8(ascii: "-")
      else { return false }
      return text.utf8.count <= 96
        && text.utf8.allSatisfy { byte in
          (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || "._-".utf8.contains(byte)
        }
    }
  }

  /// The folder of a snapshot.
  ///
  /// - Throws: `CheckpointError` when it is not there, with the command that fetches it.
  func snapshot(of identifier: Identifier) throws -> String {
    let label = "\(identifier.organisation)/\(identifier.name)"
    let repository = "\(root)/models--\(identifier.organisation)--\(identifier.name)"
    let revision = identifier.revision ?? "main"
    let pieces = revision.split(separator: "/", omittingEmptySubsequences: false)
    guard !pieces.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
      throw CheckpointError.invalidRevision(
        name: label, reason: "expected a branch, a tag or a commit after @, found \"\(revision)\"")
    }
    var commit = revision
    let reference = "\(repository)/refs/\(revision)"
    if Folder.kind(of: reference) == .file {
      let bytes = try MappedFile(path: reference, limit: 4096).copyBytes()
      commit = String(decoding: bytes, as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      guard (1...64).contains(commit.utf8.count), commit.allSatisfy(\.isHexDigit) else {
        throw CheckpointError.invalidRevision(
          name: label, reason: "\(reference): expected a commit's hexadecimal digits")
      }
    }
    let folder = "\(repository)/snapshots/\(commit)"
    guard Folder.kind(of: folder) == .folder else {
      let suffix = identifier.revision.map { " --revision \($0)" } ?? ""
      throw CheckpointError.notInCache(name: label, command: "hf download \(label)\(suffix)")
    }
    return folder
  }
}
