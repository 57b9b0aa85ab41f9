import ArgumentParser
import Console
import Files
import Foundation
import Kernels
import Learning

struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens",
    abstract: "Encode text once, into a safetensors file for each domain, for --prepared.")

  @OptionGroup var text: TextArguments

  @Option(help: "The folder to write; it must not exist, or be empty.")
  var output: String

  @Option(help: "Threads; the results do not depend on them. (default: one for each processor)")
  var threads: Int?

  @OptionGroup var runArguments: RunArguments

  func run() throws {
    let terminal = runArguments.terminal
    InterruptMonitor.shared.start()
    try Failure.reporting(on: terminal, hint: "nothing was written; run the same command again") {
      guard !text.corpus.isEmpty else {
        throw ValidationError("--corpus: expected at least one domain=path")
      }
      if Folder.kind(of: output) != .missing, try !Folder.names(in: output).isEmpty {
        throw TokensError.outputExists(path: output)
      }
      let pool = WorkerPool(
        workerCount: threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount))
      let domains = try text.tokenize(
        with: try text.loadTokenizer(), pool: pool, on: terminal)
      if !runArguments.dryRun {
        try Folder.create(output)
        for domain in domains {
          try TokenFile.write(domain, to: output + "/" + domain.name + TokenFile.suffix)
        }
      }
      try print(domains)
    }
  }

  private struct Line: Encodable {
    let domain: String
    let documents: Int
    let tokens: Int
    let bytes: Int
    let sha256: String
  }

  private func print(_ domains: [TokenizedDomain]) throws {
    let lines = domains.map {
      Line(
        domain: $0.name, documents: $0.documentCount, tokens: $0.tokens.count,
        bytes: $0.byteCounts.reduce(0, +), sha256: $0.sha256)
    }
    if runArguments.json { return try printJSON(["domains": lines]) }
    for line in lines {
      let perToken = Double(line.bytes) / Double(max(line.tokens, 1))
      Swift.print(
        "\(line.domain): \(HumanReadable.count(line.tokens)) tokens in "
          + "\(HumanReadable.count(line.documents)) documents, "
          + String(format: "%.2f bytes a token", perToken))
    }
    if !runArguments.dryRun {
      Swift.print("\nWhat to do next:\n  mohd-train run --prepared \(output) …")
    }
  }
}

/// What can be wrong with the folder to write.
enum TokensError: ReportableError {
  case outputExists(path: String)

  var exitStatus: ExitStatus { .cannotCreate }

  var description: String {
    switch self {
    case .outputExists(let path):
      "\(path): expected nothing or an empty folder; choose another --output"
    }
  }
}
