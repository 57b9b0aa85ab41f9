import Kernels
import Testing

@Suite("OpenBLAS's kernels")
struct BLASCoreTests {
  @Test(
    "Kernels older than the processor are replaced, and only these",
    arguments: [
      ("Prescott", 2, "SKYLAKEX"), ("Prescott", 1, "HASWELL"), ("Nehalem", 1, "HASWELL"),
      ("Sandybridge", 1, "HASWELL"), ("Prescott", 0, nil), ("Haswell", 2, nil),
      ("Zen", 1, nil), ("SkylakeX", 2, nil), ("Cooperlake", 2, nil), ("neoversen1", 0, nil),
    ] as [(String, Int, String?)])
  func choice(name: String, instructions: Int, better: String?) {
    #expect(BLASCore.better(than: name, instructions: instructions) == better)
  }

  @Test("OpenBLAS says which it runs")
  func name() {
    #expect(!BLASCore.name.isEmpty && BLASCore.name != "unknown")
  }
}
