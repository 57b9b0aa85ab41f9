import Checkpoints
import Files
import Foundation
import Testing

@Suite("SubDimensions and MoHDSettings")
struct SubDimensionsTests {
  static let component = #"{"sub_dimensions": 8, "shared": 3, "top_k": 4}"#

  /// A configuration of two layers, hidden size 32, whose FFN has these settings.
  static func read(ffn: String, attention: String = component) throws -> ModelConfiguration {
    try read(mohd: #"{"attention": \#(attention), "ffn": \#(ffn)}"#)
  }

  static func read(mohd: String) throws -> ModelConfiguration {
    let json = #"""
      {"model_type": "mohd", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
       "mohd": \#(mohd)}
      """#
    return try ModelConfiguration(json: Array(json.utf8), path: "config.json")
  }

  @Test("absent settings are those of configuration_mohd.py")
  func defaults() throws {
    let mohd = try #require(try Self.read(ffn: Self.component).mohd)
    let expected = SubDimensions(
      count: 8, sharedCount: 3, activeCount: 4, router: .centroid, gate: .softmax,
      gateAt: .output, scaling: .paper, sparseSide: .both, fusion: .none, fusionBlockCount: 8,
      inputBasis: .none, hasInactiveBias: false, lowRank: 0, balanceWeight: 0.01)
    #expect(mohd.attention == [expected, expected] && mohd.ffn == mohd.attention)
    let null = try Self.read(
      ffn: #"{"sub_dimensions": 4, "shared": 0, "top_k": 1, "fusion_blocks": null}"#)
    #expect(null.mohd?.ffn.first?.fusionBlockCount == 4)
  }

  @Test("a size of its own needs a dense basis, and N need not divide d where outputs are whole")
  func widths() throws {
    func ffn(_ count: Int, _ active: Int, _ size: Int, _ rest: String) -> String {
      #"{"sub_dimensions": \#(count), "shared": 0, "top_k": \#(active), "#
        + #""sub_dimension_size": \#(size), "input_basis": "dense", \#(rest)}"#
    }
    let same = try Self.read(ffn: ffn(8, 4, 4, #""gate": "unit""#)).mohd?.ffn.first
    #expect(same?.size == nil && same?.width(hiddenSize: 32) == 32)
    let odd = try #require(
      Self.read(ffn: ffn(5, 2, 9, #""sparse_side": "input""#)).mohd?.ffn.first)
    #expect(odd.size == 9 && odd.width(hiddenSize: 32) == 45)
    #expect(odd.outputWidth(hiddenSize: 32) == 32 && odd.activeOutputs(hiddenSize: 32) == 32)
    let small = try #require(Self.read(ffn: ffn(5, 5, 3, #""gate": "unit""#)).mohd?.ffn.first)
    #expect(small.keepsUsedOutputs(hiddenSize: 32) && small.outputWidth(hiddenSize: 32) == 15)
    try Self.expectRefusal(
      of: ffn(5, 2, 9, #""gate": "unit""#), "sub_dimensions: expected a divisor")
    let alone = try JSONText.encode(odd)
    #expect(try JSONDecoder().decode(SubDimensions.self, from: Data(alone)) == odd)
  }

  @Test("without mohd it is the paper's preset, and the dense keys have their own defaults")
  func preset() throws {
    let bytes = Array(#"{"model_type": "mohd", "attention_bias": true}"#.utf8)
    let configuration = try ModelConfiguration(json: bytes, path: "config.json")
    #expect(configuration.mohd == MoHDSettings(preset: .half, layerCount: 32))
    #expect(configuration.attentionOutputBias && configuration.queryKeyValueBias)
    #expect(configuration.slidingWindow == nil && !configuration.mlpBias)
    for preset in MoHDSettings.Preset.allCases {
      let settings = SubDimensions(preset: preset)
      #expect(settings.sharedCount == 3 && settings.fusion == .monarch)
      #expect(settings.fusionBlockCount == settings.count)
      #expect(settings.count == preset.counts.all && settings.activeCount == preset.counts.active)
    }
  }

  @Test("settings may differ from layer to layer, and writing and reading changes nothing")
  func roundTrip() throws {
    let other = #"{"sub_dimensions": 16, "shared": 0, "top_k": 3, "low_rank": 2}"#
    let configuration = try Self.read(ffn: "[\(Self.component), \(other)]")
    #expect(configuration.mohd?.ffn.map(\.count) == [8, 16])
    #expect(configuration.mohd?.attention.map(\.count) == [8, 8])
    let bytes = try JSONText.encode(configuration)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains(#""ffn" : ["#) && text.contains(#""attention" : {"#))
    let again = try ModelConfiguration(json: bytes, path: "config.json")
    #expect(again == configuration)
    #expect(try JSONText.encode(again) == bytes)
    let settings = try #require(configuration.mohd?.ffn[1])
    let alone = try JSONText.encode(settings)
    #expect(try JSONDecoder().decode(SubDimensions.self, from: Data(alone)) == settings)
  }

  @Test(
    "a wrong setting is named, with what is expected",
    arguments: [
      (#""sub_dimensions": 5"#, "sub_dimensions: expected a divisor of the hidden size (32)"),
      (#""sub_dimensions": 0"#, "sub_dimensions: expected an integer in 1…32, found 0"),
      (#""sub_dimensions": true"#, "sub_dimensions"),
      (#""sub_dimensions": 9223372036854775807"#, "1…32"),
      (#""top_k": 9"#, "top_k: expected an integer in 1…8, found 9"),
      (#""shared": 5"#, "shared: expected an integer in 0…4, found 5"),
      (#""shared": -1"#, "shared: expected an integer in 0…4, found -1"),
      (#""fusion_blocks": 3"#, "fusion_blocks: expected a divisor of the hidden size (32)"),
      (#""low_rank": -1"#, "low_rank: expected an integer in 0…32, found -1"),
      (#""router": "linear""#, "supported: centroid, energy"),
      (#""gate": "sigmoid""#, "supported: softmax, unit"),
      (#""gate_at": "input""#, "supported: output, every_projection"),
      (#""scaling": null"#, "scaling"),
      (#""sparse_side": "output""#, "supported: input, both"),
      (#""fusion": "dense""#, "supported: none, block_diagonal, monarch"),
      (#""input_basis": "pca""#, "supported: none, dense, monarch"),
      (#""inactive_bias": 1"#, "inactive_bias"),
      (#""balance_weight": -0.5"#, "balance_weight: expected a finite number of at least 0"),
      (#""topk": 4"#, "key topk is not supported"),
      (#""sub_dimension_size": 0"#, "sub_dimension_size: expected an integer in 1…"),
      (#""sub_dimension_size": 9223372036854775807"#, "sub_dimension_size: expected"),
      (#""sub_dimension_size": 5"#, "a width of 40, which needs"),
    ])
  func wrongSetting(change: String, message: String) throws {
    let key = change.prefix { $0 != ":" }
    let kept = [#""sub_dimensions": 8"#, #""shared": 3"#, #""top_k": 4"#]
      .filter { !$0.hasPrefix(key) }
    try Self.expectRefusal(of: "{\((kept + [change]).joined(separator: ", "))}", message)
  }

  @Test(
    "a wrong list or object is named",
    arguments: [
      (#"{"sub_dimensions": 8, "shared": 3}"#, "mohd.ffn.top_k: expected an integer, found none"),
      ("[\(component)]", "mohd.ffn: expected one entry for each of 2 layers, found 1"),
      ("[\(component), {}]", "mohd.ffn[1].sub_dimensions: expected an integer"),
      ("8", "mohd.ffn"), ("[]", "found 0"), ("null", "mohd.ffn"), ("[8, 8]", "mohd.ffn"),
      (component + #", "other": {}"#, "key other is not supported"),
    ])
  func wrongObject(ffn: String, message: String) throws {
    try Self.expectRefusal(of: ffn, message)
  }

  private static func expectRefusal(of ffn: String, _ message: String) throws {
    do {
      _ = try read(ffn: ffn)
      Issue.record("accepted")
    } catch let error as any ReportableError {
      #expect(error.exitStatus == .badInput)
      #expect(error.description.hasPrefix("config.json: "))
      #expect(error.description.contains("mohd") && error.description.contains(message))
    }
  }

  @Test("an old-style rope_scaling and transformers 5's rope_parameters mean the same")
  func rope() throws {
    func read(_ rope: String) throws -> ModelConfiguration {
      let json = #"{"model_type": "mohd", \#(rope)}"#
      return try ModelConfiguration(json: Array(json.utf8), path: "config.json")
    }
    let new = try read(
      #""rope_parameters": {"rope_type": "linear", "rope_theta": 500000.0, "factor": 2.0}"#)
    let old = try read(
      #""rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2}"#)
    #expect(new == old && new.ropeScaling == .linear(factor: 2) && new.ropeTheta == 500_000)
  }

  @Test("a window slides in the layers that are named, else in all")
  func windows() throws {
    func windows(_ fields: String) throws -> [Int?] {
      let json = #"{"model_type": "mohd", "num_hidden_layers": 2, \#(fields)}"#
      let configuration = try ModelConfiguration(json: Array(json.utf8), path: "config.json")
      return (0..<2).map(configuration.slidingWindow(layer:))
    }
    #expect(try windows(#""sliding_window": 4"#) == [4, 4])
    #expect(try windows(#""sliding_window": null, "layer_types": null"#) == [nil, nil])
    let mixed = #""layer_types": ["full_attention", "sliding_attention"]"#
    #expect(try windows(#""sliding_window": 4, "# + mixed) == [nil, 4])
    #expect(try windows(mixed) == [nil, nil])
  }
}
