/// Every way of storing numbers that a safetensors or a GGUF file can name.
///
/// Raw values are the formats' own names. Files may hold tensors of any of these types; weights can
/// be read from those in `supported`.
public enum ElementType: String, Sendable, Codable, CaseIterable {
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q5_0 = "Q5_0"
  case q5_1 = "Q5_1"
  case q8_0 = "Q8_0"
  case q4_K = "Q4_K"
  case q5_K = "Q5_K"
  case q6_K = "Q6_K"
  // Known by size only.
  case q8_1 = "Q8_1"
  case q2_K = "Q2_K"
  case q3_K = "Q3_K"
  case q8_K = "Q8_K"
  case iq2_XXS = "IQ2_XXS"
  case iq2_XS = "IQ2_XS"
  case iq3_XXS = "IQ3_XXS"
  case iq1_S = "IQ1_S"
  case iq4_NL = "IQ4_NL"
  case iq3_S = "IQ3_S"
  case iq2_S = "IQ2_S"
  case iq4_XS = "IQ4_XS"
  case iq1_M = "IQ1_M"
  case tq1_0 = "TQ1_0"
  case tq2_0 = "TQ2_0"
  case mxfp4 = "MXFP4"
  case nvfp4 = "NVFP4"
  case q1_0 = "Q1_0"
  case float64 = "F64"
  case int8 = "I8"
  case int16 = "I16"
  case int32 = "I32"
  case int64 = "I64"
  case uint8 = "U8"
  case uint16 = "U16"
  case uint32 = "U32"
  case uint64 = "U64"
  case bool = "BOOL"
  case complex64 = "C64"
  case float8E4M3 = "F8_E4M3"
  case float8E5M2 = "F8_E5M2"
  case float8E8M0 = "F8_E8M0"
  case float6E2M3 = "F6_E2M3"
  case float6E3M2 = "F6_E3M2"
  case float4 = "F4"

  /// The types that `WeightTensor.widen` reads.
  public static let supported: [ElementType] = [
    .float32, .float16, .bfloat16, .float64, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q4_K, .q5_K, .q6_K,
  ]

  /// Whether weights can be read from tensors of this type.
  public var isSupported: Bool { ElementType.supported.contains(self) }

  /// Whether elements share scales in blocks, so that a row must be whole blocks.
  public var isQuantised: Bool { layout.blockElements > 1 && bitWidth == nil }

  /// Elements and bytes of one block. Source: GGML_QUANT_SIZES of the gguf package, 0.19.
  package var layout: (blockElements: Int, blockBytes: Int) {
    switch self {
    case .float32, .int32, .uint32: (1, 4)
    case .float16, .bfloat16, .int16, .uint16: (1, 2)
    case .int8, .uint8, .bool, .float8E4M3, .float8E5M2, .float8E8M0: (1, 1)
    case .float64, .int64, .uint64, .complex64: (1, 8)
    // Four elements of six bits fill three bytes, two of four bits fill one.
    case .float6E2M3, .float6E3M2: (4, 3)
    case .float4: (2, 1)
    case .q4_0, .iq4_NL: (32, 18)
    case .q4_1: (32, 20)
    case .q5_0: (32, 22)
    case .q5_1: (32, 24)
    case .q8_0: (32, 34)
    case .q8_1: (32, 40)
    case .q2_K: (256, 84)
    case .q3_K, .iq3_S: (256, 110)
    case .q4_K: (256, 144)
    case .q5_K: (256, 176)
    case .q6_K: (256, 210)
    case .q8_K: (256, 292)
    case .iq2_XXS, .tq2_0: (256, 66)
    case .iq2_XS: (256, 74)
    case .iq3_XXS: (256, 98)
    case .iq1_S: (256, 50)
    case .iq2_S: (256, 82)
    case .iq4_XS: (256, 136)
    case .iq1_M: (256, 56)
    case .tq1_0: (256, 54)
    case .mxfp4: (32, 17)
    case .nvfp4: (64, 36)
    case .q1_0: (128, 18)
    }
  }

  /// Bits of one element where elements stand alone; nil where they share scales.
  private var bitWidth: Int? {
    switch self {
    case .float6E2M3, .float6E3M2: return 6
    case .float4: return 4
    default:
      let (elements, bytes) = layout
      return elements == 1 ? 8 * bytes : nil
    }
  }

  /// Bytes of a tensor in which `elementCount` elements follow each other; nil when they are no
  /// whole number of blocks or the product overflows.
  package func byteCount(elementCount: Int) -> Int? {
    let (elements, bytes) = layout
    guard elementCount >= 0, elementCount % elements == 0 else { return nil }
    let (result, overflow) = (elementCount / elements).multipliedReportingOverflow(by: bytes)
    return overflow ? nil : result
  }

  /// GGUF's number for each type that it can hold. Source: GGMLQuantizationType, gguf 0.19.
  package init?(ggufIdentifier: UInt32) {
    switch ggufIdentifier {
    case 0: self = .float32
    case 1: self = .float16
    case 2: self = .q4_0
    case 3: self = .q4_1
    case 6: self = .q5_0
    case 7: self = .q5_1
    case 8: self = .q8_0
    case 9: self = .q8_1
    case 10: self = .q2_K
    case 11: self = .q3_K
    case 12: self = .q4_K
    case 13: self = .q5_K
    case 14: self = .q6_K
    case 15: self = .q8_K
    case 16: self = .iq2_XXS
    case 17: self = .iq2_XS
    case 18: self = .iq3_XXS
    case 19: self = .iq1_S
    case 20: self = .iq4_NL
    case 21: self = .iq3_S
    case 22: self = .iq2_S
    case 23: self = .iq4_XS
    case 24: self = .int8
    case 25: self = .int16
    case 26: self = .int32
    case 27: self = .int64
    case 28: self = .float64
    case 29: self = .iq1_M
    case 30: self = .bfloat16
    case 34: self = .tq1_0
    case 35: self = .tq2_0
    case 39: self = .mxfp4
    case 40: self = .nvfp4
    case 41: self = .q1_0
    default: return nil
    }
  }

  /// The types a safetensors header can name; Source: `Dtype` of the safetensors crate, 0.7.
  package init?(safetensorsName: String) {
    guard let type = ElementType(rawValue: safetensorsName) else { return nil }
    switch type {
    case .float32, .float16, .bfloat16, .float64, .int8, .int16, .int32, .int64, .uint8, .uint16,
      .uint32, .uint64, .bool, .complex64, .float8E4M3, .float8E5M2, .float8E8M0, .float6E2M3,
      .float6E3M2, .float4:
      self = type
    default: return nil
    }
  }
}
