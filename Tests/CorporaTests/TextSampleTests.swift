import Corpora
import Files
import Foundation
import Kernels
import Testing

@Suite struct TextSampleTests {
  /// One token for each two bytes: how many tokens a text has is not what its bytes promise.
  private static let encode: @Sendable ([UInt8]) throws -> [Int32] = { text in
    stride(from: 0, to: text.count, by: 2).map {
      Int32(text[$0]) << 8 | Int32($0 + 1 < text.count ? text[$0 + 1] : 0)
    }
  }

  private func sample(
    _ arguments: [String], length: Int = 8, tokens: Int, seed: UInt64 = 0,
    options: CorpusOptions = CorpusOptions(), byteLimit: Int = TextSample.byteLimit
  ) throws -> TextSample {
    try TextSample(
      reading: arguments.map { try CorpusSpecification(parsing: $0) }, options: options,
      sequenceLength: length, tokenCount: tokens, seed: seed, byteLimit: byteLimit)
  }

  private func draw(
    _ arguments: [String], length: Int = 8, tokens: Int, seed: UInt64 = 0, workers: Int = 2,
    limit: Int? = nil, domain: String? = nil, options: CorpusOptions = CorpusOptions()
  ) throws -> TextSample.Draw {
    try sample(arguments, length: length, tokens: tokens, seed: seed, options: options).draw(
      tokens, limit: limit, domain: domain, pool: WorkerPool(workerCount: workers),
      encode: Self.encode)
  }

  /// A text whose tokens all differ, the first ones of which are known: 2 bytes each.
  private func text(_ tokenCount: Int, from first: Int = 0) -> [UInt8] {
    (first..<first + tokenCount).flatMap { (number: Int) -> [UInt8] in
      [UInt8(32 + number / 90 % 90), UInt8(32 + number % 90)]
    }
  }

  private func lines(_ count: Int, _ length: Int) -> String {
    (0..<count).map { index in
      let word = String(index) + String(repeating: "x", count: max(0, length - "\(index)".count))
      return "{\"text\":\"\(word)\"}\n"
    }.joined()
  }

  @Test("a budget is spread evenly over the corpora, and to the token")
  func even() throws {
    let scratch = try Scratch()
    let paths = try (0..<4).map { try scratch.write("text\($0).txt", text(3000, from: 1000 * $0)) }
    let drawn = try draw(paths, tokens: 1026)
    #expect(drawn.shares.map(\.tokenCount) == [257, 257, 256, 256])
    #expect(drawn.shares.map(\.name) == ["text0", "text1", "text2", "text3"])
    #expect(drawn.corpus.domains.map(\.tokenCount) == [257, 257, 256, 256])
    #expect(drawn.corpus.tokenCount == 1026)
    #expect(drawn.corpus.sequences.last?.rows.upperBound == 1026)
    #expect(drawn.shares.map(\.isExhausted) == [false, false, false, false])
  }

  @Test("who has less than its part gives all, and the others give the rest")
  func short() throws {
    let scratch = try Scratch()
    let paths = [
      try scratch.write("long.txt", text(3000)), try scratch.write("short.txt", text(10)),
      try scratch.write("middle.txt", text(400)), try scratch.write("empty.txt", ""),
    ]
    let drawn = try draw(paths, tokens: 1200)
    #expect(drawn.shares.map(\.tokenCount) == [790, 10, 400, 0])
    #expect(drawn.shares.map(\.isExhausted) == [false, true, true, true])
    let all = try draw(paths, tokens: 10_000)
    #expect(all.shares.map(\.tokenCount) == [3000, 10, 400, 0])
    #expect(all.corpus.tokenIDs.count == 3410)
    let tokens = try Self.encode(text(3000))
    #expect(Array(all.corpus.tokenIDs.prefix(3000)) == tokens)
  }

  @Test("windows of one long document come from all over it, at their places")
  func longDocument() throws {
    let scratch = try Scratch()
    let path = try scratch.write("book.txt", text(8000))
    for seed in [0, 1, 2] as [UInt64] {
      let drawn = try draw([path], tokens: 80, seed: seed)
      let tokens = try Self.encode(text(8000))
      let windows = drawn.corpus.sequences.map(\.index)
      #expect(windows == windows.sorted() && Set(windows).count == 10)
      for sequence in drawn.corpus.sequences {
        let start = sequence.index * 8
        #expect(drawn.corpus.tokenIDs[sequence.rows] == tokens[start..<start + sequence.rows.count])
      }
      // Ten windows of a thousand: a quarter of the text never stays without one.
      for quarter in 0..<4 {
        #expect(
          windows.contains { (quarter * 250..<(quarter + 1) * 250).contains($0) }, "\(windows)")
      }
    }
  }

  @Test("documents are drawn from the whole corpus, not from its beginning")
  func documents() throws {
    let scratch = try Scratch()
    let path = try scratch.write("lines.jsonl", lines(4000, 16))
    let drawn = try draw([path], tokens: 800)
    #expect(drawn.corpus.documents.count == 100)
    let places = drawn.corpus.documents.compactMap(\.line)
    #expect(places == places.sorted())
    for quarter in 0..<4 {
      let count = places.count { (quarter * 1000 + 1...(quarter + 1) * 1000).contains($0) }
      #expect((10...45).contains(count), "\(count) of quarter \(quarter)")
    }
  }

  @Test("equal seeds give equal tokens, for any number of workers; other seeds others")
  func seeded() throws {
    let scratch = try Scratch()
    let paths = [
      try scratch.write("lines.jsonl", lines(500, 40)), try scratch.write("book.txt", text(5000)),
    ]
    let first = try draw(paths, tokens: 1000, seed: 7, workers: 1)
    let again = try draw(paths, tokens: 1000, seed: 7, workers: 3)
    #expect(first.corpus == again.corpus && first.shares == again.shares)
    let other = try draw(paths, tokens: 1000, seed: 8)
    #expect(other.corpus.tokenIDs != first.corpus.tokenIDs)
    #expect(other.shares.map(\.tokenCount) == first.shares.map(\.tokenCount))
  }

  @Test("a budget gives the same whether or not a larger one is drawn of the sample too")
  func nested() throws {
    let scratch = try Scratch()
    let paths = [
      try scratch.write("lines.jsonl", lines(3000, 60)), try scratch.write("book.txt", text(5000)),
    ]
    let small = try draw(paths, tokens: 512)
    let pool = WorkerPool(workerCount: 2)
    let both = try sample(paths, tokens: 4096)
    #expect(try both.draw(512, pool: pool, encode: Self.encode).corpus == small.corpus)
    let large = try both.draw(4096, pool: pool, encode: Self.encode).corpus
    let digests = Set(large.documents.map(\.sha256))
    #expect(small.corpus.documents.allSatisfy { digests.contains($0.sha256) })
  }

  @Test("two files of one name are two corpora, two of one label one")
  func labels() throws {
    let scratch = try Scratch()
    let (a, b) = (
      try scratch.write("a/train.txt", text(3000)), try scratch.write("b/train.txt", text(100))
    )
    #expect(try draw([a, b], tokens: 400).shares.map(\.tokenCount) == [300, 100])
    #expect(try draw(["x=\(a)", "x=\(b)"], tokens: 400).shares.map(\.tokenCount) == [400])
    // Each subfolder of a folder is a corpus.
    let folder = try draw([scratch.path], tokens: 400)
    #expect(folder.shares.map(\.name) == ["a", "b"])
    #expect(folder.shares.map(\.tokenCount) == [300, 100])
    #expect(try draw([a, "y=\(b)"], tokens: 90, domain: "y").shares.map(\.tokenCount) == [90])
    #expect(try draw([a, b], tokens: 400, limit: 150).shares.map(\.tokenCount) == [150, 100])
  }

  @Test("texts beyond what is read are told, and what was not read is not drawn")
  func byteLimit() throws {
    let scratch = try Scratch()
    let paths = [
      try scratch.write("long.jsonl", lines(1000, 100)), try scratch.write("b.txt", text(100)),
    ]
    let drawn = try sample(paths, tokens: 10_000, byteLimit: 5000)
      .draw(10_000, pool: WorkerPool(workerCount: 2), encode: Self.encode)
    #expect(drawn.shares.map(\.isCut) == [true, false])
    #expect(drawn.shares.map(\.readDocumentCount) == [50, 1])
    #expect(drawn.corpus.documents.compactMap(\.line).max() == 50)
  }

  @Test("texts without a token are an error, as without a document")
  func nothing() throws {
    let scratch = try Scratch()
    let path = try scratch.write("empty.txt", "")
    #expect(throws: CorpusError.noTokens(documentCount: 1)) { try draw([path], tokens: 10) }
    let lines = try scratch.write("none.jsonl", "\n")
    #expect(throws: CorpusError.self) { try draw([lines], tokens: 10) }
  }
}
