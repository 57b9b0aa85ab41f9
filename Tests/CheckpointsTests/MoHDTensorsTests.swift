import Checkpoints
import Files
import Foundation
import Testing

@Suite("The tensors of a MoHD checkpoint")
struct MoHDTensorsTests {
  static let models = [
    "paper", "every-projection", "converted", "monarch-basis", "per-layer", "input-gates",
    "narrow", "wide",
  ].map { "../mohd/pico-mohd-" + $0 }

  @Test("every committed model opens, with all that its settings call for", arguments: models)
  func opens(model: String) throws {
    let checkpoint = try Checkpoint.open(Fixtures.path(model))
    let mohd = try #require(checkpoint.configuration.mohd)
    var orders = 0
    #expect(checkpoint.configuration.architecture == .mohd && checkpoint.ignoredTensors.isEmpty)
    for component in MoHDComponent.allCases {
      for (layer, settings) in mohd[component].enumerated() {
        let order = try #require(checkpoint.dimensionOrder(component, layer: layer))
        let width = settings.width(hiddenSize: 32)
        // Nor are the norms that routers go by.
        orders += settings.router == .energy ? 2 * width : width
        #expect(order.count == width && Set(order).count == width)
        #expect(
          order.allSatisfy {
            $0 < (settings.keepsUsedOutputs(hiddenSize: 32) ? 32 : Int32(width))
          })
        let input = checkpoint.inputOrder(component, layer: layer) ?? Array(0..<Int32(width))
        #expect(input.sorted() == Array(0..<Int32(width)))
        let output = checkpoint.outputOrder(component, layer: layer) ?? Array(0..<32)
        #expect(output.sorted() == Array(0..<32))
        for row in MoHDWeights.all where row.role != .dimensionOrder {
          let weight = checkpoint.weight(row.role, component, layer: layer)
          #expect((weight == nil) == (row.presence(settings) == .absent))
          let shape = row.shape(component, settings, in: checkpoint.configuration)
          #expect(weight == nil || weight?.widened().count == shape.reduce(1, *))
        }
      }
    }
    let last = checkpoint.configuration.layerCount
    #expect(checkpoint.dimensionOrder(.ffn, layer: last) == nil)
    // Orders are no parameters.
    let all = checkpoint.tensors.reduce(0) { $0 + $1.elementCount }
    #expect(checkpoint.parameterCount == all - orders)
  }

  /// A copy of the paper's model with something wrong in it.
  private func refusal(
    of change: (inout [UInt8], _ tensors: [TensorInfo]) throws -> Void = { _, _ in },
    configuration replacements: [(String, String)] = []
  ) throws -> CheckpointError? {
    let folder = try TemporaryFolder()
    try folder.copy("../mohd/pico-mohd-paper", as: "model")
    let path = folder.path + "/model/model.safetensors"
    let tensors = try SafetensorsFile(path: path).tensors
    var bytes = try MappedFile(path: path).copyBytes()
    try change(&bytes, tensors)
    try folder.write(bytes, "model/model.safetensors")
    var json = String(
      decoding: try MappedFile(path: folder.path + "/model/config.json").copyBytes(),
      as: UTF8.self)
    for (old, new) in replacements { json = json.replacing(old, with: new) }
    try folder.write(json, "model/config.json")
    do {
      _ = try Checkpoint.open(folder.path + "/model")
      return nil
    } catch let error as CheckpointError {
      #expect(error.exitStatus == .badInput && error.description.contains("mohd."))
      return error
    }
  }

  @Test("an order that is no permutation is refused", arguments: [-1, 32, 1 << 40, Int64.max, 5])
  func permutation(value: Int64) throws {
    let error = try refusal { bytes, tensors in
      let order = try #require(tensors.first { $0.name.hasSuffix("dimension_order") })
      #expect(order.elementType == .int64)
      // Two equal entries, where the value itself would do.
      for index in 0..<2 {
        for byte in 0..<8 {
          bytes[order.bytes.lowerBound + 8 * index + byte] =
            UInt8(truncatingIfNeeded: value >> (8 * Int64(byte)))
        }
      }
    }
    guard case .notPermutation(_, let tensor, let count, let index, let found) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(tensor.hasSuffix("mohd.dimension_order") && count == 32 && found == value)
    #expect(index == (value == 5 ? 1 : 0))
  }

  @Test("an order of other numbers than integers is refused")
  func integers() throws {
    let error = try refusal { bytes, _ in
      let old = Array(#""I64""#.utf8)
      guard let place = bytes.indices.first(where: { bytes[$0...].starts(with: old) }) else {
        return
      }
      bytes.replaceSubrange(place..<place + old.count, with: Array(#""F64""#.utf8))
    }
    guard case .notIntegers(_, _, "F64") = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("a tensor that the settings call for and that is missing is named")
  func missing() throws {
    let error = try refusal(configuration: [
      (#""input_basis": "none""#, #""input_basis": "dense""#)
    ])
    guard case .missingTensor(_, let tensor) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(tensor == "model.layers.0.self_attn.mohd.basis")
  }

  @Test("a tensor of another shape is named, with both shapes")
  func shapes() throws {
    let error = try refusal(configuration: [
      (#""sub_dimensions": 8"#, #""sub_dimensions": 16"#),
      (#""sub_dimension_size": 4"#, #""sub_dimension_size": 2"#),
    ])
    guard case .wrongShape(_, let tensor, let expected, let found) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(tensor == "model.layers.0.self_attn.mohd.router.weight")
    #expect(expected == [16, 32] && found == [8, 32])
  }
}
