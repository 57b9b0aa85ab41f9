/// Reads the "normalizer" and "pre_tokenizer" of a tokenizer.json.
struct StepReader {
  let document: JSONDocument

  private static let stepLimit = 64
  private static let growthLimit = 64
  private static let normalizers =
    "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace"
  private static let preTokenizers = "Sequence, ByteLevel, Digits, Split, Metaspace"

  init(document: JSONDocument) {
    self.document = document
  }

  // MARK: Normalizers

  /// The steps of a normalizer, sequences within sequences made flat.
  func normalizer(_ node: JSONDocument.Node?) throws(TokenizerError) -> [Normalizer.Step] {
    var steps: [Normalizer.Step] = []
    if let node { try addNormalizer(node, "normalizer", to: &steps) }
    try checkGrowth(steps)
    return steps
  }

  /// Refuses steps that could blow up a text: each alone is harmless, a chain of them is not.
  private func checkGrowth(_ steps: [Normalizer.Step]) throws(TokenizerError) {
    var growth = 1
    for step in steps {
      switch step {
      case .prepend(let prefix): growth *= 1 + prefix.count / 64
      case .replace(let pattern, let content):
        growth *= max(1, (content.count + pattern.count - 1) / pattern.count)
      case .replaceExpression(_, let content): growth *= 1 + content.count
      case .unicode, .lowercase, .strip: break
      }
      guard growth <= Self.growthLimit else {
        throw .limitExceeded(
          file: document.file, field: "normalizer (times that a text may grow)", found: growth,
          limit: Self.growthLimit)
      }
    }
  }

  private func addNormalizer(
    _ node: JSONDocument.Node, _ field: String, to steps: inout [Normalizer.Step]
  ) throws(TokenizerError) {
    let members = try document.members(of: node, field: field)
    try checkCount(steps.count, field)
    let kind = try text(members, "type", field)
    switch kind {
    case "Sequence":
      for child in try elements(members, "normalizers", field) {
        try addNormalizer(child, "\(field).normalizers", to: &steps)
      }
    case "NFC", "NFD", "NFKC", "NFKD":
      if let form = UnicodeForm(rawValue: kind) { steps.append(.unicode(form)) }
    case "Lowercase": steps.append(.lowercase)
    case "Strip":
      steps.append(
        .strip(
          left: try flag(members, "strip_left", field, nil),
          right: try flag(members, "strip_right", field, nil)))
    case "Prepend": steps.append(.prepend(try bytes(members, "prepend", field)))
    case "Replace":
      let content = try bytes(members, "content", field)
      let (pattern, isExpression) = try pattern(members, field)
      if isExpression {
        steps.append(.replaceExpression(try expression(pattern, field), with: content))
      } else {
        steps.append(.replace(pattern, with: content))
      }
    default: throw unsupported(field, kind, Self.normalizers)
    }
  }

  // MARK: Pre-tokenizers

  /// The steps of a pre-tokenizer, and whether its last one spells bytes in `ByteAlphabet`.
  func preTokenizer(
    _ node: JSONDocument.Node?
  ) throws(TokenizerError) -> (steps: [PreTokenizer.Step], isByteLevel: Bool) {
    var steps: [PreTokenizer.Step] = []
    var isByteLevel = false
    if let node {
      try addPreTokenizer(node, "pre_tokenizer", to: &steps, &isByteLevel)
    }
    return (steps, isByteLevel)
  }

  private func addPreTokenizer(
    _ node: JSONDocument.Node, _ field: String, to steps: inout [PreTokenizer.Step],
    _ isByteLevel: inout Bool
  ) throws(TokenizerError) {
    let members = try document.members(of: node, field: field)
    try checkCount(steps.count, field)
    let kind = try text(members, "type", field)
    if kind != "Sequence", isByteLevel {
      throw unsupported(field, "\(kind) after ByteLevel", "ByteLevel as the last step")
    }
    switch kind {
    case "Sequence":
      for child in try elements(members, "pretokenizers", field) {
        try addPreTokenizer(child, "\(field).pretokenizers", to: &steps, &isByteLevel)
      }
    case "ByteLevel":
      if try flag(members, "add_prefix_space", field, nil) { steps.append(.prefixSpace) }
      if try flag(members, "use_regex", field, true) { steps.append(.pattern(.gpt2)) }
      isByteLevel = true
    case "Digits":
      steps.append(.digits(individual: try flag(members, "individual_digits", field, nil)))
    case "Split": steps.append(try split(members, field))
    case "Metaspace": steps.append(try metaspace(members, field))
    default: throw unsupported(field, kind, Self.preTokenizers)
    }
  }

  private func split(
    _ members: [String: JSONDocument.Node], _ field: String
  ) throws(TokenizerError) -> PreTokenizer.Step {
    let (pattern, isExpression) = try pattern(members, field)
    let name = try text(members, "behavior", field)
    guard let behaviour = PreTokenizer.SplitBehaviour(rawValue: name) else {
      throw unsupported(
        "\(field).behavior", name,
        "Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous")
    }
    let isInverted = try flag(members, "invert", field, nil)
    if isExpression, behaviour == .isolated || behaviour == .removed && isInverted,
      let known = KnownPattern(expression: String(decoding: pattern, as: UTF8.self))
    {
      return .pattern(known)
    }
    return .expression(
      try expression(isExpression ? pattern : Self.escaped(pattern), field),
      behaviour: behaviour, isInverted: isInverted)
  }

  private func metaspace(
    _ members: [String: JSONDocument.Node], _ field: String
  ) throws(TokenizerError) -> PreTokenizer.Step {
    let replacement = try bytes(members, "replacement", field)
    guard replacement == Metaspace.bytes else {
      throw unsupported(
        "\(field).replacement", String(decoding: replacement, as: UTF8.self), "U+2581")
    }
    let name =
      document.member(members, "prepend_scheme") == nil
      ? "always" : try text(members, "prepend_scheme", field)
    guard var scheme = PreTokenizer.PrependScheme(rawValue: name) else {
      throw unsupported("\(field).prepend_scheme", name, "always, first, never")
    }
    if try !flag(members, "add_prefix_space", field, true) {
      guard scheme == .never || document.member(members, "prepend_scheme") == nil else {
        throw .wrongField(
          file: document.file, field: "\(field).add_prefix_space",
          expected: "true with prepend_scheme \"\(name)\"", found: "false")
      }
      scheme = .never
    }
    return .metaspace(
      replacement: replacement, scheme: scheme, splits: try flag(members, "split", field, true))
  }

  /// A literal text as an expression.
  private static func escaped(_ literal: [UInt8]) -> [UInt8] {
    literal.flatMap { byte -> [UInt8] in
      "\\.+*?()|[]{}^$#&-~".utf8.contains(byte) ? [UInt8(ascii: "\\"), byte] : [byte]
    }
  }

  // MARK: Fields

  private func pattern(
    _ members: [String: JSONDocument.Node], _ field: String
  ) throws(TokenizerError) -> (bytes: [UInt8], isExpression: Bool) {
    guard let node = document.member(members, "pattern") else {
      throw .wrongField(
        file: document.file, field: "\(field).pattern", expected: "a pattern", found: "nothing")
    }
    let pattern = try document.members(of: node, field: "\(field).pattern")
    let isExpression = pattern["Regex"] != nil
    let bytes = try bytes(pattern, isExpression ? "Regex" : "String", "\(field).pattern")
    guard isExpression || !bytes.isEmpty else {
      throw unsupported("\(field).pattern", "an empty text", "a text or an expression")
    }
    return (bytes, isExpression)
  }

  private func expression(
    _ pattern: [UInt8], _ field: String
  ) throws(TokenizerError) -> RegularExpression {
    guard pattern.count <= RegularExpression.lengthLimit else {
      throw .limitExceeded(
        file: document.file, field: "\(field).pattern (bytes)", found: pattern.count,
        limit: RegularExpression.lengthLimit)
    }
    var failure = ""
    guard let expression = RegularExpression(pattern, failure: &failure) else {
      throw .wrongField(
        file: document.file, field: "\(field).pattern", expected: "a regular expression",
        found: failure)
    }
    return expression
  }

  private func elements(
    _ members: [String: JSONDocument.Node], _ name: String, _ field: String
  ) throws(TokenizerError) -> [JSONDocument.Node] {
    guard let node = document.member(members, name), document.kind(node) == .array else {
      throw .wrongField(
        file: document.file, field: "\(field).\(name)", expected: "an array", found: "none")
    }
    var nodes: [JSONDocument.Node] = []
    try document.forEachElement(of: node) { element throws(TokenizerError) in
      try checkCount(nodes.count, field)
      nodes.append(element)
    }
    return nodes
  }

  private func checkCount(_ count: Int, _ field: String) throws(TokenizerError) {
    guard count < Self.stepLimit else {
      throw .limitExceeded(
        file: document.file, field: "\(field) (steps)", found: count + 1, limit: Self.stepLimit)
    }
  }

  private func bytes(
    _ members: [String: JSONDocument.Node], _ name: String, _ field: String
  ) throws(TokenizerError) -> [UInt8] {
    guard let node = document.member(members, name), document.kind(node) == .string else {
      throw .wrongField(
        file: document.file, field: "\(field).\(name)", expected: "a string", found: "none")
    }
    return try document.string(node)
  }

  private func text(
    _ members: [String: JSONDocument.Node], _ name: String, _ field: String
  ) throws(TokenizerError) -> String {
    String(decoding: try bytes(members, name, field), as: UTF8.self)
  }

  private func flag(
    _ members: [String: JSONDocument.Node], _ name: String, _ field: String, _ standard: Bool?
  ) throws(TokenizerError) -> Bool {
    guard let node = document.member(members, name) else {
      if let standard { return standard }
      throw .wrongField(
        file: document.file, field: "\(field).\(name)", expected: "true or false",
        found: "nothing")
    }
    return try document.flag(node, "\(field).\(name)")
  }

  private func unsupported(
    _ field: String, _ found: String, _ supported: String
  ) -> TokenizerError {
    .unsupported(
      file: document.file, field: field, found: TokenizerError.excerpt(found.utf8),
      supported: supported)
  }
}
