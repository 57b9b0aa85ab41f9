import Checkpoints
import Conversion
import Files
import Foundation
import Models
import Tensors
import Testing

@Suite("What a conversion stores")
struct StoredFormTests {
  /// A static half, attention or FFN as large as they are in pico-llama.
  private func converted(
    _ laboratory: ConversionLaboratory, side: SubDimensions.SparseSide, active: Int = 4
  ) throws -> (dense: Checkpoint, small: Checkpoint) {
    let dense = try Checkpoint.open(
      ConversionLaboratory.fixtures.appending(path: "pico-llama-biases-llama3").path)
    var recipe = ConversionLaboratory.half(.fixed)
    recipe.attention.activeCount = active
    recipe.ffn.activeCount = active
    recipe.activeFraction = Double(active) / 8
    recipe.sparseSide = side
    return (dense, try laboratory.convert(dense, as: "small", recipe))
  }

  @Test(
    "A static choice is a small model, and says what the same choice says among all",
    arguments: [SubDimensions.SparseSide.input, .both])
  func staticChoice(side: SubDimensions.SparseSide) throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let (dense, small) = try converted(laboratory, side: side, active: 2)
    let d = dense.configuration.hiddenSize
    let mohd = try #require(small.configuration.mohd)
    for component in MoHDComponent.allCases {
      for settings in mohd[component] {
        // Two of eight, cut again into eight.
        #expect(settings.count == 8 && settings.activeCount == 8 && settings.sharedCount == 8)
        #expect(settings.width(hiddenSize: d) == d / 4)
        #expect(settings.outputWidth(hiddenSize: d) == (side == .both ? d / 4 : d))
      }
    }
    #expect(small.parameterCount < dense.parameterCount)
    try Self.write(small, among: 8, to: laboratory.path("old"))
    let old = try Checkpoint.open(laboratory.path("old"))
    #expect(old.configuration.mohd?.ffn.first?.count == 8)
    let batch = laboratory.batch(2, vocabulary: dense.configuration.vocabularySize, seed: 3)
    let wanted = try laboratory.logits(old, batch, execution: .naive)
    for execution in MoHDExecution.allCases {
      let found = try laboratory.logits(small, batch, execution: execution)
      #expect(laboratory.distance(found, wanted) < 1e-5, "\(execution)")
    }
    #expect(laboratory.distance(wanted, try laboratory.logits(dense, batch)) > 1e-2)
  }

  /// The same model as folders had it: N sub-dimensions of which the first K are active, everything
  /// as wide as the residual stream, nothing in place of what was left out, no norms.
  private static func write(_ small: Checkpoint, among count: Int, to folder: String) throws {
    var configuration = small.configuration
    let d = configuration.hiddenSize
    var tensors: [SafetensorsWriter.Tensor] = []
    func matrix(_ weight: WeightTensor) -> SharedMatrix {
      let matrix = SharedMatrix(rowCount: weight.rowCount, columnCount: weight.columnCount)
      weight.widen(rows: 0..<weight.rowCount, into: matrix.view)
      return matrix
    }
    /// Row r becomes row rows[r] of a larger matrix, or column c column columns[c].
    func spread(
      _ source: SharedMatrix, rows: [Int]? = nil, columns: [Int]? = nil
    ) -> SharedMatrix {
      let result = SharedMatrix(
        rowCount: rows == nil ? source.view.rowCount : d,
        columnCount: columns == nil ? source.view.columnCount : d)
      for r in 0..<source.view.rowCount {
        for c in 0..<source.view.columnCount {
          result.view[rows?[r] ?? r, columns?[c] ?? c] = source.view[r, c]
        }
      }
      return result
    }
    for row in LlamaWeights.all {
      let layers: [Int?] =
        row.role.isPerLayer ? (0..<configuration.layerCount).map { $0 } : [nil]
      for layer in layers {
        guard let weight = small.weight(row.role, layer: layer),
          row.isPresent(in: configuration)
        else { continue }
        var found = matrix(weight)
        if let layer,
          let component = MoHDComponent.allCases.first(where: {
            ($0.inputRoles + $0.outputRoles).contains(row.role)
          })
        {
          let order = (small.dimensionOrder(component, layer: layer) ?? []).map { Int($0) }
          if component.inputRoles.contains(row.role) {
            found = spread(found, columns: order)
          } else if weight.rowCount > 1, weight.rowCount < d {
            found = spread(found, rows: order)
          } else if weight.rowCount == 1, weight.columnCount < d {
            found = spread(found, columns: order)
          }
        }
        tensors.append(
          .init(
            row.name(in: .safetensors, layer: layer), shape: row.shape(in: configuration),
            [found.view]))
      }
    }
    for component in MoHDComponent.allCases {
      for (layer, settings) in (configuration.mohd?[component] ?? []).enumerated() {
        let order = (small.dimensionOrder(component, layer: layer) ?? []).map { Int($0) }
        let basis = try #require(small.weight(.basis, component, layer: layer))
        func name(_ role: MoHDRole) -> String {
          MoHDWeights.all.first { $0.role == role }?.name(component, layer: layer) ?? ""
        }
        tensors.append(
          .init(name(.basis), shape: [d, d], [spread(matrix(basis), rows: order).view]))
        tensors.append(
          .init(name(.dimensionOrder), order + (0..<d).filter { !order.contains($0) }))
        let active = settings.width(hiddenSize: d) * count / d
        configuration.mohd?[component][layer].size = nil
        configuration.mohd?[component][layer].count = count
        configuration.mohd?[component][layer].activeCount = active
        configuration.mohd?[component][layer].sharedCount = active
        #expect(settings.router == .energy)
      }
    }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try SafetensorsWriter.write(tensors, to: folder + "/model.safetensors")
    try DurableFile.write(JSONText.encode(configuration), to: folder + "/config.json")
  }

  @Test("Where basis and projections are larger than their product, that is stored")
  func product() throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let (dense, small) = try converted(laboratory, side: .input, active: 7)
    let mohd = try #require(small.configuration.mohd)
    for component in MoHDComponent.allCases {
      for (layer, settings) in mohd[component].enumerated() {
        #expect(settings.inputBasis == .none && settings.activeCount == settings.count)
        #expect(small.weight(.basis, component, layer: layer) == nil)
      }
    }
    #expect(small.parameterCount == dense.parameterCount && small.ignoredTensors.isEmpty)
    let batch = laboratory.batch(2, vocabulary: dense.configuration.vocabularySize, seed: 3)
    let distance = laboratory.distance(
      try laboratory.logits(small, batch), try laboratory.logits(dense, batch))
    #expect(distance > 1e-3 && distance < 0.5, "\(distance)")
  }

  @Test("Weights are one file, or the usual cut with an index, with equal tensors")
  func files() throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let dense = try Checkpoint.open(
      ConversionLaboratory.fixtures.appending(path: "pico-llama").path)
    let recipe = ConversionLaboratory.half(.energy)
    let whole = try laboratory.convert(dense, as: "whole", recipe)
    let limit = 64 << 10
    let cut = try laboratory.convert(dense, as: "cut", fileByteLimit: limit, recipe)
    func names(_ name: String) throws -> [String] {
      try Folder.names(in: laboratory.path(name)).sorted()
    }
    #expect(
      try names("whole") == [
        "README.md", "config.json", "configuration_mohd.py", "conversion.json",
        "model.safetensors", "modeling_mohd.py",
      ])
    let shards = try names("cut").filter { $0.hasSuffix(".safetensors") }
    #expect(shards.count > 1)
    #expect(try names("cut").contains("model.safetensors.index.json"))
    #expect(
      shards
        == (1...shards.count).map {
          String(format: "model-%05d-of-%05d.safetensors", $0, shards.count)
        })
    #expect(
      Set(whole.tensors.map { "\($0.name) \($0.shape)" })
        == Set(cut.tensors.map { "\($0.name) \($0.shape)" }))
    let batch = laboratory.batch(1, vocabulary: dense.configuration.vocabularySize, seed: 3)
    #expect(try laboratory.logits(whole, batch) == laboratory.logits(cut, batch))
  }

  @Test("Weights have the type that was chosen, norms float32, and config.json says so")
  func types() throws {
    let laboratory = ConversionLaboratory()
    defer { laboratory.clear() }
    let dense = try Checkpoint.open(
      ConversionLaboratory.fixtures.appending(path: "pico-llama").path)
    #expect(dense.floatingType == .float32)
    for type in FloatingType.allCases {
      let made = try laboratory.convert(
        dense, as: type.rawValue, type: type, ConversionLaboratory.half(.energy))
      #expect(made.floatingType == type)
      for tensor in made.tensors {
        let expected: ElementType =
          tensor.name.hasSuffix("dimension_order")
          ? .int64 : tensor.name.hasSuffix("router.norms") ? .float32 : type.elementType
        #expect(tensor.elementType == expected, "\(tensor.name)")
      }
      let config = try String(
        contentsOfFile: laboratory.path(type.rawValue) + "/config.json", encoding: .utf8)
      #expect(config.contains(#""dtype" : "\#(type.rawValue)""#))
      #expect(config.contains(#""torch_dtype" : "\#(type.rawValue)""#))
    }
    let batch = laboratory.batch(1, vocabulary: dense.configuration.vocabularySize, seed: 3)
    let (single, half) = try (
      laboratory.logits(Checkpoint.open(laboratory.path("float32")), batch),
      laboratory.logits(Checkpoint.open(laboratory.path("bfloat16")), batch)
    )
    #expect(single != half && laboratory.distance(half, single) < 0.5)
  }
}
