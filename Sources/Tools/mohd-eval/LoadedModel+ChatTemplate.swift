import Checkpoints
import Console
import Files
import Foundation

extension LoadedModel {
  /// The Jinja template that the model's files bring, for clients that render chats; nil without one,
  /// or with several.
  var chatTemplate: String? {
    if let gguf = checkpoint.gguf { return try? gguf.string("tokenizer.chat_template") }
    let folder = URL(filePath: checkpoint.folder)
    if let text = try? String(
      contentsOf: folder.appending(path: "chat_template.jinja"), encoding: .utf8)
    {
      return text
    }
    struct Settings: Decodable { let chat_template: String? }
    let path = folder.appending(path: "tokenizer_config.json").path
    guard let bytes = FileManager.default.contents(atPath: path) else { return nil }
    return (try? JSONText.decode(Settings.self, from: Array(bytes), path: path))?.chat_template
  }
}
