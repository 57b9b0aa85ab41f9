import Checkpoints
import Files
import Foundation
import Kernels
import Learning
import Models

/// A run on disk: plan.json, checkpoints, and one line for each step and evaluation.
///
/// Checkpoints appear whole or not at all, and go whole; names that begin with a dot are what a killed
/// run left, and are cleared away.
public struct TrainingFolder: Sendable {
  public let path: String
  public var plan: String { path + "/plan.json" }
  public var steps: String { path + "/train.jsonl" }
  public var evaluations: String { path + "/evaluation.jsonl" }
  public var log: String { path + "/train.log" }
  public var checkpoints: String { path + "/checkpoints" }

  public init(_ path: String) {
    self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  /// The name of a step's checkpoint.
  public static func name(step: Int) -> String {
    let digits = "\(step)"
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  public func checkpoint(step: Int) -> String { checkpoints + "/" + Self.name(step: step) }

  /// Steps that have a checkpoint, ascending.
  public func checkpointSteps() throws -> [Int] {
    guard Folder.kind(of: checkpoints) == .folder else { return [] }
    return try Folder.names(in: checkpoints).compactMap { name in
      name.hasPrefix("step-") ? Int(name.dropFirst(5)) : nil
    }.sorted()
  }

  /// The plan of a run that was begun.
  ///
  /// - Throws: `TrainingError.noPlan`, `JSONError`.
  public func readPlan() throws -> TrainingPlan {
    guard Folder.kind(of: plan) == .file else { throw TrainingError.noPlan(path: path) }
    return try JSONText.decode(
      TrainingPlan.self, from: MappedFile(path: plan).copyBytes(), path: plan)
  }

  /// Makes the folder and writes the plan, or finds the same plan there.
  ///
  /// - Throws: `TrainingError` when something else is there.
  func begin(_ plan: TrainingPlan, resume: Bool) throws {
    try Folder.create(path)
    let names = try Folder.names(in: path).filter { !$0.hasPrefix(".") }
    if Folder.kind(of: self.plan) == .file {
      guard resume else { throw TrainingError.outputExists(path: path) }
      if let field = try plan.firstDifference(from: readPlan()) {
        throw TrainingError.otherPlan(path: self.plan, field: field)
      }
      return
    }
    guard names.isEmpty || resume && names == ["train.log"] else {
      throw TrainingError.outputExists(path: path)
    }
    try DurableFile.write(try JSONText.encode(plan), to: self.plan)
  }

  /// Removes what a killed run was writing or removing.
  func clearRemains() throws {
    guard Folder.kind(of: checkpoints) == .folder else { return }
    for name in try Folder.names(in: checkpoints) where name.hasPrefix(".") {
      try FileManager.default.removeItem(atPath: checkpoints + "/" + name)
    }
  }

  /// Removes checkpoints but those of `steps`, each at once.
  func keepCheckpoints(_ steps: Set<Int>) throws {
    for step in try checkpointSteps() where !steps.contains(step) {
      let hidden = checkpoints + "/." + Self.name(step: step) + ".removed"
      try Folder.publish(checkpoint(step: step), as: hidden)
      try FileManager.default.removeItem(atPath: hidden)
    }
  }

  /// Cuts a file of lines back to those of steps up to `step`.
  ///
  /// - Returns: how many are left.
  func cutLines(of file: String, to step: Int) throws -> Int {
    struct Line: Decodable { let step: Int }
    guard Folder.kind(of: file) == .file else { return 0 }
    let bytes = try MappedFile(path: file).copyBytes()
    // What stands behind the last newline was being written.
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .dropLast()
    let kept = lines.filter { line in
      (try? JSONDecoder().decode(Line.self, from: Data(line))).map { $0.step <= step } ?? false
    }
    let rest = kept.flatMap { $0 + [UInt8(ascii: "\n")] }
    if rest != bytes { try DurableFile.write(rest, to: file) }
    return kept.count
  }

  /// Appends one line of JSON, keys sorted.
  func append(_ value: some Encodable, to file: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try LogFile.append(String(decoding: encoder.encode(value), as: UTF8.self), to: file)
  }

  /// All lines of a file, for reports; none where there is no such file.
  public func lines<Value: Decodable>(_ type: Value.Type, of file: String) throws -> [Value] {
    guard Folder.kind(of: file) == .file else { return [] }
    return try MappedFile(path: file).copyBytes().split(separator: UInt8(ascii: "\n"))
      .compactMap { try? JSONDecoder().decode(type, from: Data($0)) }
  }
}
