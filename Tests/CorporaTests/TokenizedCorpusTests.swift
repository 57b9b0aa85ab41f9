import Activations
import Corpora
import Files
import Kernels
import Testing

@Suite struct TokenizedCorpusTests {
  /// One token for each byte: easy to count.
  private static let bytesAsTokens: @Sendable ([UInt8]) throws -> [Int32] = { text in
    text.map { Int32($0) }
  }

  private func tokenize(
    _ arguments: [String], length: Int = 4, total: Int? = nil, perDomain: Int? = nil,
    workers: Int = 2, options: CorpusOptions = CorpusOptions()
  ) throws -> TokenizedCorpus {
    try TokenizedCorpus(
      reading: CorpusReader(
        arguments.map { try CorpusSpecification(parsing: $0) }, options: options),
      options: TokenizingOptions(
        sequenceLength: length, maximumTokenCount: total, maximumTokenCountPerDomain: perDomain),
      pool: WorkerPool(workerCount: workers), encode: Self.bytesAsTokens)
  }

  private func lines(_ texts: [String]) -> String {
    texts.map { "{\"text\":\"\($0)\"}\n" }.joined()
  }

  @Test("documents are cut into sequences that never mix two, the shorter last one kept")
  func sequences() throws {
    let scratch = try Scratch()
    let path = try scratch.write("a.jsonl", lines(["abcdefghij", "", "klmn", "o"]))
    let corpus = try tokenize([path])
    #expect(corpus.tokenIDs == "abcdefghijklmno".utf8.map { Int32($0) })
    #expect(corpus.sequences.map(\.rows) == [0..<4, 4..<8, 8..<10, 10..<14, 14..<15])
    #expect(corpus.sequences.map(\.document) == [0, 0, 0, 2, 3])
    #expect(corpus.sequences.map(\.index) == [0, 1, 2, 0, 0])
    #expect(corpus.documents.map(\.line) == [1, 2, 3, 4])
    #expect(corpus.emptyDocumentCount == 1)
    #expect(corpus.domains.map(\.name) == ["a"])
    #expect(corpus.domains[0].documentCount == 4 && corpus.domains[0].tokenCount == 15)
  }

  @Test("batches are the sequences again, with rows from 0")
  func batches() throws {
    let scratch = try Scratch()
    let corpus = try tokenize([scratch.write("a.jsonl", lines(["abcdefghij", "klmn", "o"]))])
    let batches = corpus.batches(cuts: [2, 3, 5])
    #expect(batches.map(\.tokenCount) == [8, 2, 5])
    #expect(batches.flatMap(\.tokenIDs) == corpus.tokenIDs)
    #expect(batches[2].sequences.map(\.rows) == [0..<4, 4..<5])
    #expect(batches[1].sequences == [TokenBatch.Sequence(rows: 0..<2, document: 0, index: 2)])
    #expect(corpus.batch(2..<2).tokenCount == 0)
  }

  @Test("the limit on all tokens cuts the last sequence in command-line order")
  func total() throws {
    let scratch = try Scratch()
    let a = try scratch.write("a.jsonl", lines(["abcdefg"]))
    let b = try scratch.write("b.jsonl", lines(["hijklmn"]) + "not JSON")
    let corpus = try tokenize(["y=" + b, "x=" + a], total: 6)
    #expect(corpus.tokenIDs == "hijklm".utf8.map { Int32($0) })
    #expect(corpus.sequences.map(\.rows) == [0..<4, 4..<6])
    #expect(corpus.domains.map(\.name) == ["y"])
    // The mistake lies behind the limit, so it is never met.
    #expect(throws: CorpusError.self) { try tokenize(["y=" + b, "x=" + a], total: 8) }
  }

  @Test("the limit for each domain cuts each, and the rest of a full one is not read")
  func perDomain() throws {
    let scratch = try Scratch()
    let a = try scratch.write("a.jsonl", lines(["abcdef", "ghi"]) + "not JSON\n")
    let b = try scratch.write("b.jsonl", lines(["jkl", "mnopqr"]))
    let corpus = try tokenize([a, b, a, "a=" + b, "a=/dev/null"], perDomain: 5)
    #expect(corpus.tokenIDs == "abcdejklmn".utf8.map { Int32($0) })
    #expect(corpus.sequences.map(\.rows) == [0..<4, 4..<5, 5..<8, 8..<10])
    #expect(corpus.documents.map(\.source) == [0, 1, 1])
    #expect(corpus.domains.map(\.tokenCount) == [5, 5])
  }

  @Test("a domain field's full domain is passed over without an index")
  func domainField() throws {
    let scratch = try Scratch()
    let path = try scratch.write(
      "a.jsonl",
      """
      {"text":"abc","d":"x"}
      {"text":"def","d":"x"}
      {"text":"ghi","d":"y"}
      """)
    var options = CorpusOptions()
    options.domainField = "d"
    let corpus = try tokenize([path], perDomain: 3, options: options)
    #expect(corpus.documents.map(\.line) == [1, 3])
    #expect(corpus.domains.map(\.name) == ["x", "y"])
  }

  @Test("the result does not depend on the number of workers")
  func workers() throws {
    let scratch = try Scratch()
    var generator = SeededGenerator(state: 3)
    var texts: [String] = []
    for _ in 0..<3000 {
      texts.append(String(repeating: "abcdefgh", count: Int.random(in: 0...40, using: &generator)))
    }
    let path = try scratch.write("a.jsonl", lines(texts))
    let one = try tokenize([path], length: 100, total: 250_001, workers: 1)
    #expect(one.tokenCount == 250_001)
    #expect(try tokenize([path], length: 100, total: 250_001, workers: 4) == one)
  }

  @Test("the digest follows texts, domains and their order, and nothing behind a limit")
  func digest() throws {
    let scratch = try Scratch()
    let a = try scratch.write("a.jsonl", lines(["abc", "defg"]))
    let same = try scratch.write("sub/other.jsonl.x", " \n" + lines(["abc", "defg", "more"]))
    let moved = try scratch.write("m/a.jsonl", lines(["abcd", "efg"]))
    let swapped = try scratch.write("s/a.jsonl", lines(["defg", "abc"]))
    let digest = try tokenize(["d=" + a]).sha256
    #expect(digest.count == 64)
    #expect(try tokenize(["d=" + same], total: 7).sha256 == digest)
    #expect(try tokenize(["d=" + same]).sha256 != digest)
    #expect(try tokenize(["e=" + a]).sha256 != digest)
    #expect(try tokenize(["d=" + moved]).sha256 != digest)
    #expect(try tokenize(["d=" + swapped]).sha256 != digest)
  }

  @Test("skipped documents are counted and the first ones named")
  func skipped() throws {
    let scratch = try Scratch()
    let path = try scratch.write(
      "a.jsonl", Array("{}\n{\"text\":\"a\"}\n".utf8) + [0xff, 0x0a] + Array("[]\n".utf8))
    var options = CorpusOptions()
    options.malformedLines = .skip
    options.invalidUTF8 = .skip
    let corpus = try tokenize([path], options: options)
    #expect(corpus.malformedLineCount == 2 && corpus.invalidUTF8Count == 1)
    #expect(corpus.firstSkipped.count == 3)
    #expect(corpus.tokenCount == 1)
  }

  @Test("a corpus without documents or without tokens is an error")
  func nothing() throws {
    let scratch = try Scratch()
    let blank = try scratch.write("a.jsonl", "\n\n")
    #expect(throws: CorpusError.noDocuments(paths: [blank])) { try tokenize([blank]) }
    let empty = try scratch.write("b.txt", "")
    #expect(throws: CorpusError.noTokens(documentCount: 1)) { try tokenize([empty]) }
  }

  @Test("what the tokenizer or the progress closure throws ends the work")
  func failures() throws {
    let scratch = try Scratch()
    let path = try scratch.write("a.txt", "abc")
    let pool = WorkerPool(workerCount: 2)
    let failure = CorpusError.standardInputTwice
    #expect(throws: failure) {
      try TokenizedCorpus(
        reading: reader(path), options: TokenizingOptions(), pool: pool,
        encode: { _ in throw failure })
    }
    #expect(throws: failure) {
      try TokenizedCorpus(
        reading: reader(path), options: TokenizingOptions(), pool: pool,
        encode: Self.bytesAsTokens, progress: { _ in throw failure })
    }
  }
}
