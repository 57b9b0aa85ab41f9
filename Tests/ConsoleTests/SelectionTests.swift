import Activations
import ArgumentParser
import Console
import Testing

@Suite("Hook points and layers that arguments choose")
struct SelectionTests {
  private func layers(_ names: [String], given: [Int]? = nil, of count: Int = 4) throws -> [Int]? {
    try HookPointSelection.layers(
      try names.map { try #require(HookPointSelection(argument: $0)) }, given: given, of: count)
  }

  @Test("A name with a layer chooses that layer alone, one without or with * all")
  func layers() throws {
    #expect(try layers(["blocks.1.hook_resid_post"]) == [1])
    #expect(try layers(["blocks.0.mlp.hook_post,blocks.3.mlp.hook_post"]) == [0, 3])
    #expect(try layers(["blocks.2.hook_resid_post", "blocks.2.attn.hook_z"]) == [2])
    #expect(try layers(["blocks.*.hook_resid_post", "ffn_hidden"]) == nil)
    #expect(try layers(["all"], given: [1, 2]) == [1, 2])
    #expect(try layers([], given: nil) == nil)
    #expect(try layers(["blocks.1.hook_resid_post"], given: [1]) == [1])
    let selection = try #require(HookPointSelection(argument: "blocks.1.hook_resid_post"))
    #expect(selection.hookPoints == [.residualPost])
  }

  @Test("What one capture cannot hold, and what is contradictory, is refused")
  func refused() {
    #expect(throws: ValidationError.self) { try layers(["blocks.4.hook_resid_post"]) }
    #expect(throws: ValidationError.self) {
      try layers(["blocks.1.hook_resid_post", "blocks.2.mlp.hook_post"])
    }
    #expect(throws: ValidationError.self) {
      try layers(["blocks.1.hook_resid_post", "ffn_hidden"])
    }
    #expect(throws: ValidationError.self) {
      try layers(["blocks.1.hook_resid_post"], given: [0, 1])
    }
    for name in ["blocks.x.hook_resid_post", "blocks.-1.hook_resid_post", "blocks.1.nonsense"] {
      #expect(HookPointSelection(argument: name) == nil, "\(name)")
    }
  }

  @Test("Counts are in the singular for one")
  func counts() {
    #expect(HumanReadable.count(1, "problem") == "1 problem")
    #expect(HumanReadable.count(0, "problem") == "0 problems")
    #expect(HumanReadable.count(1234, "file") == "1,234 files")
  }
}
