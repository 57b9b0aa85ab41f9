import Checkpoints
import Testing

/// Tables 1, 2 and 5 print whole millions; the article Definitions allows ±1M, as they mix rounding.
private let tolerance = 1e6

@Suite("Active parameters are the paper's")
struct ActiveParametersTests {
  /// The dense models of Tables 1 and 2: 24 layers, 32 heads.
  struct Shape: Sendable {
    let hidden: Int
    let intermediate: Int
    var keyValueHeads = 32
    let headSize: Int
  }

  static let small = Shape(hidden: 1024, intermediate: 2560, headSize: 32)
  /// Table 1 prints an intermediate size of 2560 for the 495M model; its 396M needs 2048.
  static let middle = Shape(hidden: 1536, intermediate: 2048, keyValueHeads: 16, headSize: 48)
  static let large = Shape(hidden: 2048, intermediate: 4096, headSize: 64)
  static func small(hidden: Int) -> Shape {
    Shape(hidden: hidden, intermediate: 2560, headSize: 32)
  }

  static func configuration(_ shape: Shape, _ mohd: MoHDSettings?) throws -> ModelConfiguration {
    let json = """
      {"model_type": "\(mohd == nil ? "llama" : "mohd")", "hidden_size": \(shape.hidden),
       "intermediate_size": \(shape.intermediate), "num_hidden_layers": 24,
       "num_attention_heads": 32, "num_key_value_heads": \(shape.keyValueHeads),
       "head_dim": \(shape.headSize)}
      """
    var configuration = try ModelConfiguration(json: Array(json.utf8), path: "config.json")
    configuration.mohd = mohd
    return configuration
  }

  @Test(
    "Tables 1, 2 and 5",
    arguments: [
      (small, (8, 8), (8, 8), 289.0), (small, (4, 8), (4, 8), 145),
      // Table 3's 12 sub-dimensions do not divide 1024 and 2048: 75 % is 12 of 16.
      (small, (12, 16), (12, 16), 217), (small(hidden: 2048), (4, 8), (4, 8), 289),
      (small(hidden: 3072), (4, 12), (4, 12), 289),
      (small(hidden: 4096), (4, 16), (4, 16), 289), (middle, (8, 8), (8, 8), 396),
      (middle, (4, 8), (4, 8), 198), (middle, (9, 12), (9, 12), 297),
      (large, (4, 8), (4, 8), 503), (large, (12, 16), (12, 16), 755),
      (small, (8, 8), (4, 8), 195), (small, (4, 8), (8, 8), 239),
      (small, (8, 8), (2, 8), 147), (small, (2, 8), (8, 8), 213), (small, (2, 8), (2, 8), 72),
    ] as [(Shape, (Int, Int), (Int, Int), Double)])
  func tables(shape: Shape, attention: (Int, Int), ffn: (Int, Int), millions: Double) throws {
    func settings(_ cut: (Int, Int)) -> SubDimensions {
      SubDimensions(count: cut.1, sharedCount: min(3, cut.0), activeCount: cut.0)
    }
    let configuration = try Self.configuration(
      shape,
      MoHDSettings(attention: settings(attention), ffn: settings(ffn), layerCount: 24))
    let found = Double(configuration.activeParameters(count: .paper))
    #expect(abs(found - millions * 1e6) < tolerance, "\(found)")
  }

  @Test("a dense model uses all that it has, its embeddings left out")
  func dense() throws {
    let configuration = try Self.configuration(Self.small, nil)
    let projections = 24 * 1024 * (4 * 1024 + 3 * 2560)
    #expect(configuration.activeParameters(count: .paper) == projections)
    #expect(configuration.activeParameters(count: .all) == projections + 49 * 1024)
    #expect(configuration.activeParameters(count: .dense) == projections + 49 * 1024)
  }

  @Test("the count of all adds what else is multiplied, by hand")
  func all() throws {
    let json = """
      {"model_type": "mohd", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1,
       "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "attention_bias": true,
       "mohd": {
         "attention": {"sub_dimensions": 8, "shared": 2, "top_k": 4, "fusion": "monarch",
           "fusion_blocks": 2, "input_basis": "dense", "inactive_bias": true, "low_rank": 3},
         "ffn": {"sub_dimensions": 4, "shared": 1, "top_k": 1, "router": "energy",
           "sparse_side": "input", "input_basis": "monarch"}}}
      """
    let configuration = try ModelConfiguration(json: Array(json.utf8), path: "config.json")
    let paper = 8 * 16 + 8 * 8 + 4 * 40 + 16 * 20
    // Norm, biases of q, k, v, biases of the active half of the outputs; router, scale; basis,
    // fusion (R of two 8 × 8, L of eight 2 × 2); biases of inactive ones, low-rank path.
    let attention =
      (16 + 16 + 8) + (16 * 8 + 8 + 4) + (16 * 16 + 16 * 8 + 16 * 2) + (4 * 16 + 3 * (16 + 16))
    let ffn = 16 + 16 + 1 + (16 * 4 + 16 * 4)  // norm, weight norms, scale, basis
    #expect(configuration.activeParameters(count: .paper) == paper)
    #expect(configuration.activeParameters(count: .all) == paper + attention + ffn + 16)
    let dense = 3 * 16 + 16 + 16 + 16 * (16 + 8 + 40 + 20)
    #expect(configuration.activeParameters(count: .dense) == dense)
  }

  @Test("a width of its own is counted as it is stored, by hand")
  func widths() throws {
    let json = """
      {"model_type": "mohd", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1,
       "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4, "mlp_bias": true,
       "mohd": {
         "attention": {"sub_dimensions": 6, "shared": 2, "top_k": 3, "sub_dimension_size": 4,
           "router": "energy", "gate": "unit", "sparse_side": "input", "input_basis": "dense",
           "low_rank": 2},
         "ffn": {"sub_dimensions": 2, "shared": 2, "top_k": 2, "sub_dimension_size": 3,
           "gate": "unit", "input_basis": "dense"}}}
      """
    let configuration = try ModelConfiguration(json: Array(json.utf8), path: "config.json")
    let paper = 12 * 16 + 16 * 8 + 6 * 40 + 6 * 20
    #expect(configuration.activeParameters(count: .paper) == paper)
    // Norm, weight norms, scale, basis, low rank; norm, biases, router, scale, basis.
    let attention = 16 + 24 + 3 + 24 * 16 + 2 * (24 + 16)
    let ffn = 16 + 40 + 6 + (2 * 16 + 2) + 2 + 6 * 16
    #expect(configuration.activeParameters(count: .all) == paper + 16 + attention + ffn)
  }

  @Test("a fixed choice needs the active rows of its basis, unless something reads the others")
  func fixedChoice() throws {
    func extra(_ shared: Int, _ gate: SubDimensions.Gate, lowRank: Int = 0) throws -> Int {
      let half = SubDimensions(
        count: 8, sharedCount: shared, activeCount: 4, router: .energy, gate: gate,
        inputBasis: .dense, lowRank: lowRank)
      let configuration = try Self.configuration(
        Self.small, MoHDSettings(attention: half, ffn: half, layerCount: 24))
      return configuration.activeParameters(count: .all)
        - configuration.activeParameters(count: .paper)
    }
    let halfOfAllBases = 24 * 2 * 1024 * 512
    #expect(try extra(3, .unit) - extra(4, .unit) == halfOfAllBases)
    #expect(try extra(3, .softmax) == extra(4, .softmax))
    #expect(try extra(3, .unit, lowRank: 2) == extra(4, .unit, lowRank: 2))
  }
}
