import ArgumentParser
import Checkpoints
import Files
import Foundation
import Kernels
import Tokenizers

/// The options that name a model, shared by all tools that run one.
public struct ModelArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A Hugging Face folder, a .gguf file, or a hub id in the local Hugging Face cache.",
      valueName: "model"))
  public var model: String

  @Option(
    help: ArgumentHelp(
      "A tokenizer.json or tokenizer.model, or a folder that holds one, in place of the model's.",
      valueName: "path"))
  public var tokenizer: String?

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  public var threads: Int?

  public init() {}

  public func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads: expected a number from 1 to 1024, found \(threads)")
    }
  }

  /// The workers to run on.
  public var pool: WorkerPool {
    WorkerPool(workerCount: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
  }
}

/// A model that was opened, with its tokenizer.
public struct LoadedModel: Sendable {
  public let checkpoint: Checkpoint
  public let tokenizer: Tokenizer
  /// Where the tokenizer is, if it is another one than the model's own.
  public let tokenizerPath: String?

  /// Opens and validates the checkpoint and the tokenizer.
  ///
  /// - Throws: the errors of `Checkpoint.open` and `Tokenizer.load`; `ModelArgumentError` when the
  ///   tokenizer knows more tokens than the model.
  public init(_ arguments: ModelArguments) throws {
    try self.init(arguments.model, tokenizer: arguments.tokenizer)
  }

  /// - Parameters:
  ///   - model: as `--model`.
  ///   - tokenizer: as `--tokenizer`.
  ///   - terminal: where the tokenizer's warnings go.
  public init(
    _ model: String, tokenizer path: String?, terminal: Terminal = .standardError()
  ) throws {
    checkpoint = try Checkpoint.open(model)
    tokenizerPath = path
    for warning in checkpoint.warnings { terminal.print("warning: \(warning)") }
    if let path {
      tokenizer =
        Folder.kind(of: path) == .folder
        ? try Tokenizer.load(folder: path) : try Tokenizer.load(file: path)
    } else {
      tokenizer = try Self.ownTokenizer(of: checkpoint)
    }
    for warning in tokenizer.warnings {
      terminal.print("warning: \(tokenizer.source): \(warning)")
    }
  }

  /// The tokenizer that stands beside the weights, or within them.
  private static func ownTokenizer(of checkpoint: Checkpoint) throws -> Tokenizer {
    do {
      if let gguf = checkpoint.gguf {
        return try Tokenizer(vocabulary: EmbeddedVocabulary(gguf))
      }
      return try Tokenizer.load(folder: checkpoint.folder)
    } catch let error as any ReportableError {
      throw ModelArgumentError.noTokenizer(
        reason: error.description, exitStatus: error.exitStatus)
    }
  }

  /// SHA-256 of everything that decides the model's numbers, with a progress bar: large files take
  /// their time.
  public func hash(on terminal: Terminal) throws -> String {
    let total = checkpoint.files.reduce(0) { $0 + $1.byteCount }
    let bar = ProgressBar("hash model", total: total, unit: "B", on: terminal)
    defer { bar.finish() }
    return checkpoint.sha256 { bar.advance(by: $0) }
  }

  /// - Throws: `ModelArgumentError.unknownToken` when the text has ids that the model does not know.
  public func check(_ tokenIDs: [Int32]) throws(ModelArgumentError) {
    let size = checkpoint.configuration.vocabularySize
    if let found = tokenIDs.first(where: { Int($0) >= size || $0 < 0 }) {
      throw .unknownToken(id: Int(found), vocabularySize: size, tokenizer: tokenizer.description)
    }
  }
}

/// A model and a tokenizer that do not belong together.
public enum ModelArgumentError: ReportableError, Equatable {
  case unknownToken(id: Int, vocabularySize: Int, tokenizer: String)
  /// The model's own tokenizer cannot be read.
  case noTokenizer(reason: String, exitStatus: ExitStatus)

  public var exitStatus: ExitStatus {
    switch self {
    case .unknownToken: .badInput
    case .noTokenizer(_, let status): status
    }
  }

  public var description: String {
    switch self {
    case .unknownToken(let id, let size, let tokenizer):
      "the tokenizer (\(tokenizer)) gives the id \(id), and the model knows \(size) tokens; "
        + "name the model's own tokenizer with --tokenizer"
    case .noTokenizer(let reason, _):
      "\(reason); or name a tokenizer of the same model with --tokenizer"
    }
  }
}
