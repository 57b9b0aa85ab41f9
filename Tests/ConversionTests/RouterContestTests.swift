import Checkpoints
import Conversion
import Foundation
import Testing

@Suite("What auto compares")
struct RouterContestTests {
  @Test(
    "Static, centroids and energies are compared by what they leave out, and the least is taken",
    arguments: [8, 32])
  func least(count: Int) throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let dense = try Checkpoint.open(
      ConversionLaboratory.fixtures.appending(path: "pico-llama").path)
    let half = ConversionRecipe.Component(
      subDimensionCount: count, sharedCount: count / 8, activeCount: count / 2)
    let recipe = ConversionRecipe(attention: half, ffn: half, activeFraction: 0.5)
    let converted = try laboratory.convert(dense, as: "out", recipe)
    let data = try Data(contentsOf: laboratory.folder.appending(path: "out/conversion.json"))
    let plan = try JSONDecoder().decode(ConversionPlan.self, from: data)
    var seen: Set<ConversionRecipe.Router> = []
    for report in plan.components {
      guard let bids = report.compared else {
        // Everything is active, and nothing is chosen.
        #expect(report.activeCount == report.subDimensionCount)
        continue
      }
      seen.formUnion(bids.map(\.router))
      let least = try #require(bids.min { $0.outputError < $1.outputError })
      #expect(report.router == least.router)
      for bid in bids { #expect((0...1).contains(bid.outputError) && bid.multiplied > 0) }
      func multiplied(_ router: ConversionRecipe.Router) -> Int? {
        bids.first { $0.router == router }?.multiplied
      }
      #expect(try #require(multiplied(.energy)) > #require(multiplied(.fixed)))
      let settings = try #require(converted.configuration.mohd)[report.component][report.layer]
      switch report.router {
      case .fixed: #expect(settings.isStatic)
      case .centroid: #expect(settings.router == .centroid && !settings.isStatic)
      default: #expect(settings.router == .energy && !settings.isStatic)
      }
    }
    #expect(seen.isSuperset(of: [.fixed, .energy]))
  }
}
