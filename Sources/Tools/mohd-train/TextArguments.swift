import ArgumentParser
import Console
import Corpora
import Files
import Kernels
import Learning
import Tokenizers

/// The options that name text and what makes tokens of it.
struct TextArguments: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A tokenizer.json or tokenizer.model, or a folder that holds one.", valueName: "path"))
  var tokenizer: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Text: files, folders or patterns of .txt and .jsonl, each with its domain.",
      valueName: "domain=path"))
  var corpus: [String] = []

  @Option(help: "The JSON field with a document's text.")
  var textField = "text"

  func validate() throws {
    for argument in corpus {
      let specification = try CorpusSpecification(parsing: argument)
      if specification.path == "-" {
        throw ValidationError("--corpus: text is read again on --resume; give a file in place of -")
      }
    }
  }

  /// The tokenizer, opened.
  func loadTokenizer() throws -> Tokenizer {
    Folder.kind(of: tokenizer) == .folder
      ? try Tokenizer.load(folder: tokenizer) : try Tokenizer.load(file: tokenizer)
  }

  /// The tokenizer's files, by name, for the checkpoints.
  func tokenizerFiles() throws -> [String: [UInt8]] { try TokenizerFiles.read(tokenizer) }

  /// Reads and encodes all of it: domains in the order in which they come.
  func tokenize(
    with tokenizer: Tokenizer, pool: WorkerPool, on terminal: Terminal
  ) throws -> [TokenizedDomain] {
    var options = CorpusOptions()
    options.textField = textField
    // One sequence a document: cutting is the training's.
    let whole = try CorpusArguments.tokenize(
      corpus, options: options, cuts: TokenizingOptions(sequenceLength: 1 << 40), with: tokenizer,
      pool: pool, on: terminal)
    return whole.domains.indices.map { domain in
      var (ids, starts, bytes, digests): ([Int32], [Int], [Int], [UInt64]) = ([], [0], [], [])
      for sequence in whole.sequences where whole.domain(of: sequence) == domain {
        let document = whole.documents[sequence.document]
        ids += whole.tokenIDs[sequence.rows]
        starts.append(ids.count)
        bytes.append(document.measure.byteCount)
        digests.append(UInt64(document.sha256.prefix(16), radix: 16) ?? 0)
      }
      return TokenizedDomain(
        name: whole.domains[domain].name,
        tokens: TokenIDs(ids, vocabularySize: tokenizer.vocabularySize), starts: starts,
        byteCounts: bytes, digests: digests, vocabularySize: tokenizer.vocabularySize,
        tokenizer: tokenizer.identity)
    }
  }
}

/// A folder of token files.
enum PreparedText {
  /// - Throws: `FileError.missing` when the folder holds none.
  static func read(_ folder: String) throws -> [TokenizedDomain] {
    let names = try Folder.names(in: folder).filter { $0.hasSuffix(TokenFile.suffix) }
    guard !names.isEmpty else {
      throw FileError.missing(path: folder + "/*" + TokenFile.suffix)
    }
    return try names.map { try TokenFile.read(folder + "/" + $0) }
  }
}

/// What a checkpoint holds of a tokenizer.
enum TokenizerFiles {
  /// - Parameter path: a file, whatever its name, or a folder.
  static func read(_ path: String) throws -> [String: [UInt8]] {
    guard Folder.kind(of: path) == .folder else {
      // By these names transformers finds it.
      let name = path.hasSuffix(".model") ? "tokenizer.model" : "tokenizer.json"
      return [name: try MappedFile(path: path).copyBytes()]
    }
    let names = [
      "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json",
      "added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja",
    ]
    var files: [String: [UInt8]] = [:]
    for name in names where Folder.kind(of: path + "/" + name) == .file {
      files[name] = try MappedFile(path: path + "/" + name).copyBytes()
    }
    return files
  }
}
