import Checkpoints
import Files

/// The code beside a MoHD model's weights, and the config.json that leads transformers to it.
public enum ModelingCode {
  /// By name.
  public static var files: [String: [UInt8]] {
    [
      "configuration_mohd.py": PackageResources.configuration_mohd_py,
      "modeling_mohd.py": PackageResources.modeling_mohd_py,
    ]
  }

  /// The configuration, of float32 weights, and for a MoHD model where its code is.
  public static func configurationFile(_ configuration: ModelConfiguration) throws -> [UInt8] {
    struct File: Encodable {
      let configuration: ModelConfiguration

      enum CodingKeys: String, CodingKey {
        case auto_map, torch_dtype, use_cache
      }

      func encode(to encoder: any Encoder) throws {
        try configuration.encode(to: encoder)
        var box = encoder.container(keyedBy: CodingKeys.self)
        if configuration.mohd != nil {
          try box.encode(
            [
              "AutoConfig": "configuration_mohd.MoHDConfig",
              "AutoModel": "modeling_mohd.MoHDModel",
              "AutoModelForCausalLM": "modeling_mohd.MoHDForCausalLM",
            ], forKey: .auto_map)
        }
        try box.encode("float32", forKey: .torch_dtype)
        try box.encode(true, forKey: .use_cache)
      }
    }
    return try JSONText.encode(File(configuration: configuration))
  }
}
