import Corpora
import Kernels
import Testing

@Suite struct SampleCorporaTests {
  @Test("the sample corpora are five domains of about 10 KB each")
  func domains() throws {
    let corpus = try TokenizedCorpus(
      reading: reader(samples), options: TokenizingOptions(), pool: WorkerPool(workerCount: 2),
      encode: { $0.map { Int32($0) } })
    let names = ["books", "code", "encyclopaedia", "questions_and_answers", "science"]
    #expect(corpus.domains.map(\.name) == names)
    #expect(corpus.domains.map(\.documentCount) == [4, 4, 3, 15, 4])
    for domain in corpus.domains {
      #expect((8_000...12_000).contains(domain.byteCount), "\(domain.name): \(domain.byteCount)")
    }
  }
}
