import Checkpoints
import Conversion
import Testing

@Suite("The cut of a choice that is the same for every token")
struct CompactSettingsTests {
  /// K of 72 sub-dimensions of 8.
  private func compact(_ active: Int, hiddenSize: Int = 576) throws -> SubDimensions {
    var settings = SubDimensions(count: hiddenSize / 8, sharedCount: active, activeCount: active)
    settings.gate = .unit
    settings.sparseSide = .input
    settings.inputBasis = .dense
    return try #require(settings.compacted(hiddenSize: hiddenSize))
  }

  @Test(
    "Its width is the next multiple of 64, in eight parts",
    arguments: [(6, 64), (8, 64), (34, 320)])
  func width(active: Int, width: Int) throws {
    let found = try compact(active)
    #expect(found.count == 8 && found.activeCount == 8 && found.sharedCount == 8)
    #expect(found.width(hiddenSize: 576) == width)
  }

  @Test("A hidden size that is no such multiple keeps its own width")
  func narrow() throws {
    let found = try compact(2, hiddenSize: 32)
    #expect(found.width(hiddenSize: 32) == 16 && found.count == 8)
  }
}
