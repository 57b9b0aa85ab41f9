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

  /// The configuration, and for a MoHD model where its code is.
  ///
  /// - Parameter type: of the weights beside it.
  public static func configurationFile(
    _ configuration: ModelConfiguration, _ type: FloatingType = .float32
  ) throws -> [UInt8] {
    struct File: Encodable {
      let configuration: ModelConfiguration
      let type: FloatingType

      enum CodingKeys: String, CodingKey {
        case auto_map, dtype, torch_dtype, use_cache
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
        // The name since transformers 5, and the one before.
        try box.encode(type, forKey: .dtype)
        try box.encode(type, forKey: .torch_dtype)
        try box.encode(true, forKey: .use_cache)
      }
    }
    return try JSONText.encode(File(configuration: configuration, type: type))
  }
}
