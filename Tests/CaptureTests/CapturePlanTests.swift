import Activations
import Capture
import Files
import Testing

@Suite struct CapturePlanTests {
  @Test("decoding what was encoded gives the same plan, and the same bytes again")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let plan = try SyntheticSource(options: SyntheticSource.options(compressionLevel: 1)).plan
    let bytes = try plan.encoded()
    try DurableFile.write(bytes, to: folder.file("plan.json"))
    let again = try CapturePlan(path: folder.file("plan.json"))
    #expect(again == plan)
    #expect(try again.encoded() == bytes)
  }

  @Test("hook points and layers stand in order, each once")
  func order() {
    let options = CaptureOptions(
      hookPoints: [.ffnOutput, .query, .ffnOutput], layers: [5, 1, 5], sequenceLength: 8)
    #expect(options.hookPoints == [.query, .ffnOutput])
    #expect(options.layers == [1, 5])
  }

  @Test("batches are the same, whatever the size of shards; places cover the corpus in order")
  func batches() throws {
    let documents = SyntheticSource.fourBatches
    let plans = try [nil, SyntheticSource.severalBatches, 1 << 40].map { size in
      try SyntheticSource(
        documents: documents, options: SyntheticSource.options(shardByteCount: size)
      ).plan
    }
    #expect(plans.map(\.shards.count) == [1, 2, 1])
    #expect(plans[1].shards.map(\.batches.count) == [3, 1])
    for plan in plans {
      #expect(plan.batches == plans[0].batches)
      let places = plan.batchPlaces
      #expect(places.count == 4)
      #expect(places.map(\.tokenCount) == plan.batches.map(\.tokenCount))
      var (token, sequence) = (0, 0)
      for place in places {
        #expect(place.firstToken == token && place.sequences.lowerBound == sequence)
        #expect(plan.firstToken(ofShard: place.shard) + place.rows.lowerBound == token)
        token += place.tokenCount
        sequence += place.sequences.count
      }
      #expect(token == plan.corpus.tokenCount && sequence == plan.corpus.sequenceCount)
    }
  }

  @Test("a corpus without tokens cannot be planned")
  func noTokens() {
    #expect(throws: CaptureError.noTokens) {
      try SyntheticSource(documents: [[], []], options: SyntheticSource.options())
    }
  }

  @Test(
    "a plan whose parts do not fit is refused",
    arguments: [
      ("\"schema_version\" : 2", "\"schema_version\" : 3"),
      ("\"schema_version\" : 2", "\"schema_version\" : 0"),
      ("\"token_count\" : 9000", "\"token_count\" : 9001"),
      ("\"document_count\" : 3", "\"document_count\" : -3"),
      ("\"attention_input\" : 8", "\"attention_input\" : 0"),
      ("\"attention_input\" : 8", "\"attention_input\" : 9223372036854775807"),
      ("\"attention_input\" : 8", "\"attention_input\" : 9"),
      ("\"attention_input\" : 8", "\"attention_inputs\" : 8"),
      ("\"token_count\" : 4196", "\"token_count\" : 9223372036854775807"),
      ("\"token_count\" : 4196", "\"token_count\" : -1"),
      ("\"dtype\" : \"float16\"", "\"dtype\" : \"float8\""),
      ("\"ffn_input\"\n", "\"nowhere\"\n"), ("      0,", "      7,"), ("{", "["),
    ])
  func invalid(part: String, replacement: String) throws {
    let folder = try TemporaryFolder()
    let plan = try SyntheticSource(options: SyntheticSource.options()).plan
    let text = String(decoding: try plan.encoded(), as: UTF8.self)
    // An option that a test no longer finds tests nothing.
    let old = text.contains(part) ? part : part.replacing("\n", with: ",\n")
    let found = try #require(text.firstRange(of: old))
    let changed = text.replacingCharacters(in: found, with: replacement)
    try DurableFile.write(Array(changed.utf8), to: folder.file("plan.json"))
    let error = #expect(throws: (any Error).self) {
      try CapturePlan(path: folder.file("plan.json"))
    }
    #expect((error as? any ReportableError)?.exitStatus == .badInput)
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
    String(self[..<range.lowerBound]) + text + String(self[range.upperBound...])
  }
}
