import Checkpoints
import Foundation

/// A checkpoint folder with random bfloat16 weights of some shape: timing needs no trained model.
struct RandomCheckpoint {
  let folder: URL

  /// Sizes of a model.
  struct Shape {
    let name: String
    let hidden: Int
    let intermediate: Int
    let heads: Int
    let keyValueHeads: Int
    let layers: Int
    var vocabulary = 1024

    /// SmolLM2-135M with fewer layers: all layers cost the same.
    static let smolLM2 = Shape(
      name: "SmolLM2", hidden: 576, intermediate: 1536, heads: 9, keyValueHeads: 3, layers: 6)
    /// LLaMA-2 7B likewise.
    static let sevenBillion = Shape(
      name: "7B", hidden: 4096, intermediate: 11_008, heads: 32, keyValueHeads: 32, layers: 2)

    var fields: [String: Any] {
      [
        "hidden_size": hidden, "intermediate_size": intermediate, "num_attention_heads": heads,
        "num_key_value_heads": keyValueHeads, "num_hidden_layers": layers,
        "vocab_size": vocabulary, "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
      ]
    }
  }

  /// The dense model of a shape.
  init(dense shape: Shape, in root: URL) throws {
    folder = root.appending(path: "\(shape.name)-dense")
    try Self.writeConfiguration(shape.fields.merging(["model_type": "llama"]) { $1 }, to: folder)
    var tensors: [(name: String, shape: [Int])] = []
    let configuration = try Self.readConfiguration(folder)
    for row in LlamaWeights.all where row.isPresent(in: configuration) {
      let layers: [Int?] = row.role.isPerLayer ? (0..<shape.layers).map { $0 } : [nil]
      for layer in layers {
        let name = row.name(in: .safetensors, layer: layer)
        tensors.append((name, row.shape(in: configuration)))
      }
    }
    try Self.writeTensors(tensors, to: folder.appending(path: "dense.safetensors"), seed: 1)
    try Self.writeIndex(["dense.safetensors": tensors.map(\.name)], to: folder)
  }

  /// The same weights as a MoHD model: the file of the dense one, and another beside it.
  init(
    _ shape: Shape, settings: SubDimensions, name: String, dense: RandomCheckpoint, in root: URL
  ) throws {
    folder = root.appending(path: "\(shape.name)-\(name)")
    let mohd = MoHDSettings(attention: settings, ffn: settings, layerCount: shape.layers)
    let json = try JSONSerialization.jsonObject(with: JSONEncoder().encode(mohd))
    try Self.writeConfiguration(
      shape.fields.merging(["model_type": "mohd", "mohd": json]) { $1 }, to: folder)
    let configuration = try Self.readConfiguration(folder)
    var tensors: [(name: String, shape: [Int])] = []
    for component in MoHDComponent.allCases {
      for layer in 0..<shape.layers {
        for row in MoHDWeights.all
        where row.presence(settings) == .required || row.role == .dimensionOrder {
          tensors.append(
            (row.name(component, layer: layer), row.shape(component, settings, in: configuration)))
        }
      }
    }
    let link = folder.appending(path: "dense.safetensors")
    try? FileManager.default.removeItem(at: link)
    try FileManager.default.createSymbolicLink(
      at: link, withDestinationURL: dense.folder.appending(path: "dense.safetensors"))
    try Self.writeTensors(tensors, to: folder.appending(path: "mohd.safetensors"), seed: 2)
    let denseNames = try Checkpoint.open(dense.folder.path).tensors.map(\.name)
    try Self.writeIndex(
      ["dense.safetensors": denseNames, "mohd.safetensors": tensors.map(\.name)], to: folder)
  }

  private static func writeConfiguration(_ fields: [String: Any], to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try JSONSerialization.data(withJSONObject: fields, options: .sortedKeys)
      .write(to: folder.appending(path: "config.json"))
  }

  private static func readConfiguration(_ folder: URL) throws -> ModelConfiguration {
    try JSONDecoder().decode(
      ModelConfiguration.self, from: Data(contentsOf: folder.appending(path: "config.json")))
  }

  private static func writeIndex(_ files: [String: [String]], to folder: URL) throws {
    var map: [String: String] = [:]
    for (file, names) in files { for name in names { map[name] = file } }
    try JSONSerialization.data(withJSONObject: ["weight_map": map], options: .sortedKeys)
      .write(to: folder.appending(path: "model.safetensors.index.json"))
  }

  /// Uniform numbers whose products keep the size of what they multiply; norms of 1; orders that
  /// are random permutations.
  private static func writeTensors(
    _ tensors: [(name: String, shape: [Int])], to file: URL, seed: UInt64
  ) throws {
    var header: [String: Any] = [:]
    var end = 0
    for tensor in tensors {
      let isOrder = tensor.name.hasSuffix("dimension_order")
      let start = end
      end += tensor.shape.reduce(1, *) * (isOrder ? 4 : 2)
      header[tensor.name] = [
        "dtype": isOrder ? "I32" : "BF16", "shape": tensor.shape, "data_offsets": [start, end],
      ]
    }
    let json = try JSONSerialization.data(withJSONObject: header, options: .sortedKeys)
    _ = FileManager.default.createFile(atPath: file.path, contents: nil)
    let output = try FileHandle(forWritingTo: file)
    var length = UInt64(json.count)
    output.write(
      Data(
        (0..<8).map { _ in
          defer { length >>= 8 }
          return UInt8(truncatingIfNeeded: length)
        }))
    output.write(json)
    var random = Generator(state: seed)
    for tensor in tensors {
      let count = tensor.shape.reduce(1, *)
      if tensor.name.hasSuffix("dimension_order") {
        let order = (0..<Int32(count)).shuffled(using: &random)
        output.write(bytes(order.map { UInt32($0) }))
        continue
      }
      let isNorm = tensor.name.contains("norm")
      let limit = (3 / Float(tensor.shape.last ?? 1)).squareRoot()
      var values = [UInt16](repeating: 0x3f80, count: count)
      if !isNorm {
        for index in 0..<count {
          let unit = Float(random.next() >> 40) / Float(1 << 23) - 1
          values[index] = UInt16((unit * limit).bitPattern >> 16)
        }
      }
      output.write(bytes(values))
    }
    try output.close()
  }

  private static func bytes<Number: FixedWidthInteger & BitwiseCopyable>(
    _ values: [Number]
  ) -> Data {
    // Safety: the bytes of plain integers; the machine is little-endian, as the format.
    unsafe values.withUnsafeBytes { unsafe Data($0) }
  }
}

/// SplitMix64.
private struct Generator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
