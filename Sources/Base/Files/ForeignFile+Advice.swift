extension ForeignFile {
  /// What it is, to follow "found".
  public var name: String {
    switch kind {
    case .empty: "an empty file"
    case .zeros: "zeros: space was set aside for the file and its contents never came"
    case .gitLFSPointer:
      "a Git LFS pointer" + (note.map { " to \($0) bytes" } ?? "") + ", not the file it stands for"
    case .gitAnnexPointer: "a git-annex pointer, not the file it stands for"
    case .webPage: "a web page (HTML)"
    case .xml: "XML, as servers answer with when they refuse a file"
    case .jsonObject: "a JSON object"
    case .jsonArray: "a JSON array"
    case .tiktoken: "a tiktoken vocabulary"
    case .utf16: "text in UTF-16"
    case .text: "text" + (note.map { " that begins \"\($0)\"" } ?? "")
    case .gzip: "gzip-compressed data"
    case .zstd: "zstd-compressed data"
    case .xz: "xz-compressed data"
    case .bzip2: "bzip2-compressed data"
    case .lz4: "lz4-compressed data"
    case .lzip: "lzip-compressed data"
    case .compress: "data of compress (.Z)"
    case .snappy: "snappy-compressed data"
    case .zip: "a zip archive"
    case .sevenZip: "a 7z archive"
    case .rar: "a rar archive"
    case .tar: "a tar archive"
    case .torchArchive, .pickle:
      "pickled weights of PyTorch, which can run any code and are not read"
    case .numpy: "a NumPy array"
    case .safetensors: "a safetensors file"
    case .gguf: "a GGUF file"
    case .ggml: "a GGML file from before GGUF"
    case .sentencePiece: "a SentencePiece model"
    case .parquet: "a Parquet file"
    case .arrow: "an Arrow file"
    case .avro: "an Avro file"
    case .orc: "an ORC file"
    case .hdf5: "an HDF5 file"
    case .sqlite: "an SQLite database"
    case .pdf: "a PDF document"
    case .image: "an image"
    case .executable: "a program"
    }
  }

  /// The next step, with the command that helps where there is one.
  ///
  /// - Parameter path: where the file is; "-" for the standard input.
  public func advice(path: String) -> String {
    let (folder, name) = DurableFile.split(path)
    let word = shellPath(path)
    switch kind {
    case .empty, .zeros: return "fetch it again"
    case .gitLFSPointer:
      return "fetch it with: git -C \(shellPath(folder)) lfs pull --include \(shellWord(name))"
    case .gitAnnexPointer:
      return "fetch it with: git -C \(shellPath(folder)) annex get \(shellPath(name))"
    case .webPage, .xml:
      return "fetch the file itself: hf download ORG/NAME, or the address with /resolve/ in place "
        + "of /blob/"
    case .gzip: return unpack("gzip", path)
    case .zstd: return unpack("zstd", path)
    case .xz: return unpack("xz", path)
    case .bzip2: return unpack("bzip2", path)
    case .lz4: return unpack("lz4", path)
    case .lzip: return unpack("lzip", path)
    case .compress: return unpack("gzip", path)
    case .snappy: return unpack("snzip", path)
    case .zip:
      return "unpack it with: unzip \(word) -d \(shellPath(unpacked(path)))"
    case .sevenZip: return "unpack it with: 7z x \(word) -o\(shellWord(unpacked(path)))"
    case .rar: return "unpack it with: unrar x \(word)"
    case .tar: return "unpack it with: tar -xf \(word)"
    case .torchArchive, .pickle:
      return "convert them with: " + Self.safetensorsCommand(folder: folder)
    case .tiktoken:
      return
        "it does not say how text is cut; use the tokenizer.json of the same model, or have one "
        + "written: python3 -c \"import sys; from transformers import AutoTokenizer as T; "
        + "T.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])\" \(shellPath(folder)) "
        + shellPath(folder + "-tokenizer")
    case .safetensors, .gguf:
      return "a model goes to --model, under a name that ends in "
        + (kind == .gguf ? ".gguf" : ".safetensors")
    case .ggml:
      return "convert the original model with llama.cpp's convert_hf_to_gguf.py"
    case .sentencePiece:
      return "a SentencePiece model goes to --tokenizer, under the name tokenizer.model"
    default: return "name the file that was meant"
    }
  }

  /// The next step of a reader of text, which has a use for data in other formats too.
  public func textAdvice(path: String) -> String {
    switch kind {
    case .jsonArray:
      return "write one object a line: "
        + filter(note == nil ? "jq -c '.[]'" : "jq -c '.[] | {text: .}'", path, to: ".jsonl")
    case .jsonObject:
      return "write one object a line: " + filter("jq -c .", path, to: ".jsonl")
    case .utf16:
      return "write it in UTF-8: " + filter("iconv -f UTF-16 -t UTF-8", path, to: ".utf8.txt")
    case .parquet: return "write it as JSON lines: " + pandas("read_parquet", path)
    case .arrow: return "write it as JSON lines: " + pandas("read_feather", path)
    case .orc: return "write it as JSON lines: " + pandas("read_orc", path)
    case .pdf: return "take its text with: pdftotext \(shellPath(path))"
    case .torchArchive, .pickle, .tiktoken, .sentencePiece: return "name the file that was meant"
    default: return advice(path: path)
    }
  }

  /// One command that turns a folder of pickled weights into safetensors, tokenizer included.
  public static func safetensorsCommand(folder: String) -> String {
    let target = folder == "." ? "../safetensors" : folder + "-safetensors"
    return "python3 -c \"import sys; "
      + "from transformers import AutoModelForCausalLM as M, AutoTokenizer as T; "
      + "s, t = sys.argv[1:]; M.from_pretrained(s, dtype='auto').save_pretrained(t); "
      + "T.from_pretrained(s).save_pretrained(t)\" \(shellPath(folder)) \(shellPath(target))"
  }

  // MARK: - Private

  /// A program that reads the file and writes another, or stands before us in a pipe.
  private func filter(_ command: String, _ path: String, to ending: String) -> String {
    if path == "-" { return "… | \(command) | …" }
    return "\(command) \(shellPath(path)) > \(shellPath(target(path, ending)))"
  }

  /// A path beside `path` that ends otherwise, and is never `path` itself.
  private func target(_ path: String, _ ending: String) -> String {
    let target = withoutEnding(path) + ending
    return target == path ? withoutEnding(path) + ".lines" + ending : target
  }

  private func unpack(_ program: String, _ path: String) -> String {
    if path == "-" { return "unpack it on its way: … | \(program) -dc | …" }
    return "unpack it with: \(program) -dc \(shellPath(path)) > \(shellPath(unpacked(path)))"
  }

  /// Where a packed file's contents go.
  private func unpacked(_ path: String) -> String {
    let target = withoutEnding(path)
    return target == path ? path + ".unpacked" : target
  }

  private func pandas(_ reader: String, _ path: String) -> String {
    let (from, to) = path == "-" ? ("FILE", "FILE.jsonl") : (path, target(path, ".jsonl"))
    return "python3 -c \"import sys, pandas; pandas.\(reader)(sys.argv[1]).to_json(sys.argv[2], "
      + "orient='records', lines=True, force_ascii=False)\" \(shellPath(from)) \(shellPath(to))"
  }

  private func withoutEnding(_ path: String) -> String {
    let name = DurableFile.split(path).name
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return path }
    return String(path.dropLast(name.distance(from: dot, to: name.endIndex)))
  }
}

/// A file is there and is something else than what was asked for.
public struct ForeignFileError: ReportableError, Equatable {
  public let path: String
  /// What was asked for, with its article: "a GGUF file".
  public let expected: String
  public let found: ForeignFile

  public init(path: String, expected: String, found: ForeignFile) {
    self.path = path
    self.expected = expected
    self.found = found
  }

  public var exitStatus: ExitStatus { .badInput }

  public var description: String {
    "\(path): expected \(expected), found \(found.name); \(found.advice(path: path))"
  }

  /// Passes bytes that are of an expected kind, or like nothing that is known, on to their reader.
  ///
  /// - Parameters:
  ///   - bytes: the file's beginning, or all of it.
  ///   - expected: what was asked for, with its article.
  ///   - kinds: what that may begin like.
  /// - Throws: `ForeignFileError` for everything else.
  public static func check(
    _ bytes: some Collection<UInt8>, path: String, expected: String, kinds: Set<ForeignFile.Kind>
  ) throws(ForeignFileError) {
    guard let found = ForeignFile(firstBytes: bytes), !kinds.contains(found.kind) else { return }
    throw ForeignFileError(path: path, expected: expected, found: found)
  }

  /// The same of a mapped file.
  public static func check(
    _ file: MappedFile, expected: String, kinds: Set<ForeignFile.Kind>
  ) throws(ForeignFileError) {
    guard let found = ForeignFile(file), !kinds.contains(found.kind) else { return }
    throw ForeignFileError(path: file.path, expected: expected, found: found)
  }
}
