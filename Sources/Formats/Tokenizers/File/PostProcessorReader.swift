/// Reads the "post_processor" of a tokenizer.json, as far as it adds ids to a single text.
struct PostProcessorReader {
  let document: JSONDocument

  /// The ids before and after every text.
  struct SpecialTokens {
    var prefix: [Int32] = []
    var suffix: [Int32] = []
  }

  private static let supported = "TemplateProcessing, ByteLevel, Sequence of them"
  private static let countLimit = 64

  /// - Parameter limit: ids must be below it.
  func specialTokens(
    _ node: JSONDocument.Node?, limit: Int
  ) throws(TokenizerError) -> SpecialTokens {
    var found: SpecialTokens?
    if let node { try read(node, "post_processor", limit, into: &found) }
    return found ?? SpecialTokens()
  }

  private func read(
    _ node: JSONDocument.Node, _ field: String, _ limit: Int, into found: inout SpecialTokens?
  ) throws(TokenizerError) {
    let members = try document.members(of: node, field: field)
    let kind = try string(members, "type", field)
    switch kind {
    case "ByteLevel": break
    case "Sequence":
      guard let list = document.member(members, "processors"), document.kind(list) == .array
      else { throw wrong("\(field).processors", "an array", "none") }
      try document.forEachElement(of: list) { element throws(TokenizerError) in
        try read(element, "\(field).processors", limit, into: &found)
      }
    case "TemplateProcessing":
      guard found == nil else {
        throw .unsupported(
          file: document.file, field: field, found: "two templates", supported: Self.supported)
      }
      found = try template(members, field, limit)
    default:
      throw .unsupported(
        file: document.file, field: field, found: TokenizerError.excerpt(kind.utf8),
        supported: Self.supported)
    }
  }

  private func template(
    _ members: [String: JSONDocument.Node], _ field: String, _ limit: Int
  ) throws(TokenizerError) -> SpecialTokens {
    guard let single = document.member(members, "single"), document.kind(single) == .array,
      let special = document.member(members, "special_tokens")
    else { throw wrong("\(field).single", "an array, and special_tokens beside it", "less") }
    let tokens = try document.members(of: special, field: "\(field).special_tokens")
    var result = SpecialTokens()
    var sequences = 0
    try document.forEachElement(of: single) { element throws(TokenizerError) in
      let piece = try document.members(of: element, field: "\(field).single")
      if let node = piece["Sequence"] {
        let sequence = try document.members(of: node, field: "\(field).single.Sequence")
        guard try string(sequence, "id", "\(field).single.Sequence") == "A" else {
          throw wrong("\(field).single.Sequence.id", "A", "another sequence")
        }
        sequences += 1
        return
      }
      guard let node = piece["SpecialToken"] else {
        throw wrong("\(field).single", "SpecialToken or Sequence", "something else")
      }
      let reference = try document.members(of: node, field: "\(field).single.SpecialToken")
      let name = try string(reference, "id", "\(field).single.SpecialToken")
      guard let entry = tokens[name] else {
        throw wrong(
          "\(field).special_tokens", "an entry for \(TokenizerError.excerpt(name.utf8))", "none")
      }
      let ids = try identifiers(entry, "\(field).special_tokens", limit)
      if sequences == 0 {
        result.prefix.append(contentsOf: ids)
      } else {
        result.suffix.append(contentsOf: ids)
      }
      guard result.prefix.count + result.suffix.count <= Self.countLimit else {
        throw .limitExceeded(
          file: document.file, field: "\(field).single (ids)",
          found: result.prefix.count + result.suffix.count, limit: Self.countLimit)
      }
    }
    guard sequences == 1 else {
      throw wrong("\(field).single", "the sequence A once", "\(sequences) times")
    }
    return result
  }

  private func identifiers(
    _ node: JSONDocument.Node, _ field: String, _ limit: Int
  ) throws(TokenizerError) -> [Int32] {
    let members = try document.members(of: node, field: field)
    guard let list = document.member(members, "ids"), document.kind(list) == .array else {
      throw wrong("\(field).ids", "an array", "none")
    }
    var ids: [Int32] = []
    try document.forEachElement(of: list) { element throws(TokenizerError) in
      guard let id = document.naturalNumber(element), id < limit, ids.count < Self.countLimit
      else { throw wrong("\(field).ids", "ids below \(limit)", "something else") }
      ids.append(Int32(id))
    }
    return ids
  }

  private func string(
    _ members: [String: JSONDocument.Node], _ name: String, _ field: String
  ) throws(TokenizerError) -> String {
    guard let node = document.member(members, name) else {
      throw wrong("\(field).\(name)", "a string", "nothing")
    }
    return try document.text(node, "\(field).\(name)")
  }

  private func wrong(_ field: String, _ expected: String, _ found: String) -> TokenizerError {
    .wrongField(file: document.file, field: field, expected: expected, found: found)
  }
}
