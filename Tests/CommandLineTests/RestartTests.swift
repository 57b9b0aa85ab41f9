import Kernels
import Testing

@Suite("Tools on a processor that OpenBLAS does not know")
struct RestartTests {
  private let probe = Tool(name: "mohd-probe")

  /// The kernels that each start of the program took, as OpenBLAS tells it.
  private func cores(_ environment: [String: String]) throws -> [String] {
    let result = try probe.finish(
      probe.start(
        ["inspect", "--help"],
        environment: environment.merging(["OPENBLAS_VERBOSE": "2"]) { own, _ in own }))
    #expect(result.status == 0 && result.output.contains("USAGE"))
    return result.error.split(separator: "\n").filter { $0.hasPrefix("Core: ") }
      .map { String($0.dropFirst("Core: ".count)) }
  }

  @Test("The kernels that run in the end suit the processor, and whoever names some gets them")
  func kernels() throws {
    #if arch(x86_64)
      let found = try cores(["OPENBLAS_CORETYPE": "Prescott"])
      #expect(found.count == 1 && found[0].lowercased() == "prescott")
    #endif
    let own = try cores([:])
    #expect(own.count == (BLASCore.better == nil ? 1 : 2))
    if let better = BLASCore.better {
      #expect(own.last?.lowercased() == better.lowercased())
    }
  }
}
