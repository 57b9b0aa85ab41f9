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
  public init(_ model: String, tokenizer path: String?) throws {
    checkpoint = try Checkpoint.open(model)
    for warning in checkpoint.warnings { Terminal.standardError().print("warning: \(warning)") }
    if let path {
      tokenizer =
        Folder.kind(of: path) == .folder
        ? try Tokenizer.load(folder: path) : try Tokenizer.load(file: path)
    } else if let gguf = checkpoint.gguf {
      tokenizer = try Tokenizer(vocabulary: EmbeddedVocabulary(gguf))
    } else {
      tokenizer = try Tokenizer.load(folder: checkpoint.folder)
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

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    switch self {
    case .unknownToken(let id, let size, let tokenizer):
      "the tokenizer (\(tokenizer)) gives the id \(id), and the model knows \(size) tokens; "
        + "name the model's own tokenizer with --tokenizer"
    }
  }
}

extension EmbeddedVocabulary {
  /// The `tokenizer.*` keys of a GGUF file.
  ///
  /// - Throws: `GGUFError` when a key has another type than it should.
  public init(_ gguf: GGUFFile) throws(GGUFError) {
    self.init(
      model: try gguf.string("tokenizer.ggml.model") ?? "(none)",
      pre: try gguf.string("tokenizer.ggml.pre"),
      tokens: try gguf.byteStrings("tokenizer.ggml.tokens") ?? [])
    scores = try gguf.numbers("tokenizer.ggml.scores")?.map { Float($0) }
    tokenTypes = try gguf.integers("tokenizer.ggml.token_type")?.map { Int32(clamping: $0) }
    merges = try gguf.byteStrings("tokenizer.ggml.merges")
    bosID = try gguf.integer("tokenizer.ggml.bos_token_id")
    eosID = try gguf.integer("tokenizer.ggml.eos_token_id")
    unknownID = try gguf.integer("tokenizer.ggml.unknown_token_id")
    addsBOS = try gguf.boolean("tokenizer.ggml.add_bos_token")
    addsEOS = try gguf.boolean("tokenizer.ggml.add_eos_token")
    addsSpacePrefix = try gguf.boolean("tokenizer.ggml.add_space_prefix")
    huggingFaceJSON = try gguf.string("tokenizer.huggingface.json").map { Array($0.utf8) }
  }
}
