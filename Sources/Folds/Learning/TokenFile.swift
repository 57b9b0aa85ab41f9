import Checkpoints
import Files

/// A domain's tokens in one safetensors file, which any program reads:
///
///     token_ids        uint16 or uint32, [tokens]
///     document_starts  int64, [documents + 1]: where each begins, and the number of tokens
///     document_bytes   int64, [documents]: of UTF-8 text
///     document_sha256  int64, [documents]: the first eight bytes of each text's digest, as one number
///
/// Metadata: format, version, domain, tokenizer, vocabulary_size.
public enum TokenFile {
  public static let suffix = ".tokens.safetensors"
  private static let format = "mohd-tokens"
  private static let version = "1"

  public static func write(_ domain: TokenizedDomain, to path: String) throws {
    let ids: SafetensorsWriter.Tensor =
      switch domain.tokens {
      case .narrow(let ids): .init("token_ids", ids)
      case .wide(let ids): .init("token_ids", ids)
      }
    try SafetensorsWriter.write(
      [
        ids, .init("document_starts", domain.starts), .init("document_bytes", domain.byteCounts),
        .init("document_sha256", domain.digests.map { Int(Int64(bitPattern: $0)) }),
      ],
      metadata: [
        "format": format, "version": version, "domain": domain.name,
        "tokenizer": domain.tokenizer, "vocabulary_size": "\(domain.vocabularySize)",
      ], to: path)
  }

  /// - Throws: `FileError`, `SafetensorsError`, `LearningError.badTokenFile`.
  public static func read(_ path: String) throws -> TokenizedDomain {
    let file = try SafetensorsFile(path: path)
    func wrong(_ reason: String) -> LearningError { .badTokenFile(path: path, reason: reason) }
    guard file.metadata["format"] == format, file.metadata["version"] == version else {
      throw wrong(
        "expected a file of mohd-train tokens, version \(version), found format "
          + "\(file.metadata["format"] ?? "none"), version \(file.metadata["version"] ?? "none")")
    }
    guard let name = file.metadata["domain"], let tokenizer = file.metadata["tokenizer"],
      let size = file.metadata["vocabulary_size"].flatMap({ Int($0) })
    else { throw wrong("expected domain, tokenizer and vocabulary_size in its metadata") }
    func numbers(_ name: String, _ types: Set<ElementType>) throws -> [UInt64] {
      guard let tensor = file.tensors.first(where: { $0.name == name }), tensor.shape.count == 1,
        types.contains(tensor.elementType), let numbers = file.integers(tensor)
      else {
        throw wrong(
          "expected a vector \(name) of \(types.map(\.rawValue).sorted().joined(separator: " or "))"
        )
      }
      return numbers
    }
    let ids = try numbers("token_ids", [.uint16, .uint32]).map { Int32(truncatingIfNeeded: $0) }
    let starts = try numbers("document_starts", [.int64]).map { Int(truncatingIfNeeded: $0) }
    let bytes = try numbers("document_bytes", [.int64]).map { Int(truncatingIfNeeded: $0) }
    let digests = try numbers("document_sha256", [.int64])
    guard starts.first == 0, starts.last == ids.count, starts.count == bytes.count + 1,
      digests.count == bytes.count, zip(starts, starts.dropFirst()).allSatisfy({ $0 <= $1 })
    else { throw wrong("its documents do not cover its \(ids.count) tokens in order") }
    if let id = ids.first(where: { $0 < 0 || Int($0) >= size }) {
      throw wrong("expected ids below \(size), found \(id)")
    }
    return TokenizedDomain(
      name: name, tokens: TokenIDs(ids, vocabularySize: size), starts: starts, byteCounts: bytes,
      digests: digests, vocabularySize: size, tokenizer: tokenizer)
  }
}
