import Files

/// What the files beside a tokenizer say of its tokens: tokenizer_config.json,
/// special_tokens_map.json and added_tokens.json.
///
/// Source: transformers 5.23, `PreTrainedTokenizerBase._from_pretrained` and
/// `TokenizersBackend.__init__`: where tokenizer_config.json has `added_tokens_decoder`, the other
/// two files are not looked at; else special_tokens_map.json goes before tokenizer_config.json.
struct TokensBeside {
  /// A token as one of the files names it.
  struct Entry: Equatable {
    var content: [UInt8]
    /// The id that the file states, if it does.
    var id: Int?
    var isSingleWord = false
    var stripsLeft = false
    var stripsRight = false
    /// nil: only what is not special is normalised.
    var isNormalized: Bool?
    var isSpecial = true
    /// A text and nothing more.
    var isBare = false
    /// An object of tokenizer_config.json, which transformers makes a token of after it has read
    /// added_tokens.json.
    var isLate = false

    init(_ content: [UInt8]) {
      self.content = content
      isBare = true
    }

    init(_ token: AddedToken) {
      content = token.content
      id = Int(token.id)
      isSingleWord = token.isSingleWord
      stripsLeft = token.stripsLeft
      stripsRight = token.stripsRight
      isNormalized = token.isNormalized
      isSpecial = token.isSpecial
    }
  }

  /// `bos_token`, `pad_token` and the like; in the order in which they are given ids.
  private(set) var named: [(name: String, entry: Entry)] = []
  /// Special tokens without a name of their own; nil: the files say nothing of them.
  private(set) var extra: [Entry]?
  /// Those of special_tokens_map.json, which a tokenizer.model's own marked pieces replace.
  private(set) var additional: [Entry]?
  /// `added_tokens_decoder` or added_tokens.json, by id.
  private(set) var listed: [Entry] = []
  /// `add_bos_token` and `add_eos_token`.
  private(set) var addsBegin: Bool?
  private(set) var addsEnd: Bool?
  /// `tokenizer_class`, without "Fast".
  private(set) var tokenizerClass: String?
  /// `legacy`: a space stands before every text after a token, too.
  private(set) var isLegacy = false
  private(set) var addsPrefixSpace: Bool?
  /// `split_special_tokens`: special tokens that a text spells are text.
  private(set) var splitsSpecialTokens = false
  /// Attributes that are null: the model has no such token, whatever its class.
  private var absent: Set<String> = []
  /// Whether tokenizer_config.json has `added_tokens_decoder`.
  private(set) var hasDecoder = false

  /// transformers' attributes, in its order.
  private static let attributes = [
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
  ]

  /// LLaMA's tokenizer classes begin every text with a token unless told otherwise.
  var isLlamaClass: Bool { tokenizerClass?.contains("LlamaTokenizer") ?? false }

  /// - Throws: `TokenizerError` when a file is not what it should be; `FileError`.
  init(folder: String) throws {
    if let document = try Self.document(folder + "/tokenizer_config.json") {
      try readConfiguration(document)
    }
    if hasDecoder { return }
    if let document = try Self.document(folder + "/special_tokens_map.json") {
      let members = try document.members(of: document.root, field: "(top level)")
      try readNamed(document, members, isSpecial: true)
      if let node = document.member(members, "extra_special_tokens") {
        try readExtra(document, node)
      } else if extra == nil, let node = document.member(members, "additional_special_tokens") {
        additional = try Self.entries(
          document, node, "additional_special_tokens", isSpecial: true)
      }
    }
    if let document = try Self.document(folder + "/added_tokens.json") {
      try readAddedTokens(document)
    }
  }

  /// The token of an attribute.
  subscript(name: String) -> [UInt8]? { named.first { $0.name == name }?.entry.content }

  // MARK: - Reading

  private static func document(_ path: String) throws -> JSONDocument? {
    if Folder.kind(of: path) == .missing { return nil }
    return try JSONDocument(try Tokenizer.read(path), file: path)
  }

  private mutating func readConfiguration(_ document: JSONDocument) throws(TokenizerError) {
    let members = try document.members(of: document.root, field: "(top level)")
    func flag(_ name: String) -> Bool? {
      document.member(members, name).flatMap { document.boolean($0) }
    }
    addsBegin = flag("add_bos_token")
    addsEnd = flag("add_eos_token")
    isLegacy = flag("legacy") ?? false
    addsPrefixSpace = flag("add_prefix_space")
    splitsSpecialTokens = flag("split_special_tokens") ?? false
    if let node = document.member(members, "tokenizer_class") {
      let name = try document.text(node, "tokenizer_class")
      tokenizerClass = name.hasSuffix("Fast") ? String(name.dropLast(4)) : name
    }
    try readNamed(document, members, isSpecial: false)
    for name in ["extra_special_tokens", "additional_special_tokens"] where extra == nil {
      guard let node = document.member(members, name) else { continue }
      switch document.kind(node) {
      case .array: extra = try Self.entries(document, node, name, isSpecial: false)
      case .object:
        let tokens = try document.members(of: node, field: name)
        try readNamed(document, tokens, isSpecial: false, all: true)
      default: break
      }
    }
    guard let node = document.member(members, "added_tokens_decoder") else { return }
    hasDecoder = true
    guard document.kind(node) == .object else {
      throw .wrongField(
        file: document.file, field: "added_tokens_decoder", expected: "an object",
        found: document.kind(node).rawValue)
    }
    try document.forEachMember(of: node) { key, value throws(TokenizerError) in
      let text = String(decoding: try document.string(key), as: UTF8.self)
      guard let id = Int(text), id >= 0,
        var entry = try Self.entry(document, value, isSpecial: false)
      else {
        throw .wrongField(
          file: document.file, field: "added_tokens_decoder.\(TokenizerError.excerpt(text.utf8))",
          expected: "an id and a token", found: "something else")
      }
      entry.id = id
      listed.append(entry)
    }
    sortListed()
  }

  /// special_tokens_map.json's `extra_special_tokens`: more of them, or tokens by name.
  private mutating func readExtra(
    _ document: JSONDocument, _ node: JSONDocument.Node
  ) throws(TokenizerError) {
    if document.kind(node) == .object {
      let tokens = try document.members(of: node, field: "extra_special_tokens")
      try readNamed(document, tokens, isSpecial: true, all: true)
    }
    for entry in try Self.entries(document, node, "extra_special_tokens", isSpecial: true)
    where extra?.contains(entry) != true {
      extra = (extra ?? []) + [entry]
    }
  }

  /// Names the special tokens that a class has where its files name none.
  mutating func addClassDefaults() {
    let defaults: KeyValuePairs<String, String> =
      switch tokenizerClass {
      case "LlamaTokenizer":
        ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"]
      case "Qwen2Tokenizer":
        [
          "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>",
          "pad_token": "<|endoftext|>",
        ]
      case "GPT2Tokenizer":
        [
          "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
          "unk_token": "<|endoftext|>",
        ]
      default: [:]
      }
    for (name, content) in defaults { setDefault(name, Array(content.utf8)) }
  }

  /// - Parameters:
  ///   - isSpecial: what an object is that does not say.
  ///   - all: every member names a token, not only those whose names end in "_token".
  private mutating func readNamed(
    _ document: JSONDocument, _ members: [String: JSONDocument.Node], isSpecial: Bool,
    all: Bool = false
  ) throws(TokenizerError) {
    // Those with attributes first, the others in the order of the file.
    let others = members.filter { !Self.attributes.contains($0.key) }.sorted { $0.value < $1.value }
      .map(\.key)
    for name in Self.attributes + others {
      guard let node = members[name], all || name.hasSuffix("_token") else { continue }
      if document.kind(node) == .null {
        named.removeAll { $0.name == name }
        absent.insert(name)
      }
      if let entry = try Self.entry(document, node, isSpecial: isSpecial) { set(name, entry) }
    }
  }

  /// Names a token that the files leave open.
  mutating func setDefault(_ name: String, _ content: [UInt8]) {
    if self[name] == nil, !absent.contains(name) { set(name, Entry(content)) }
  }

  private mutating func set(_ name: String, _ entry: Entry) {
    if let index = named.firstIndex(where: { $0.name == name }) {
      named[index].entry = entry
      return
    }
    let rank = Self.attributes.firstIndex(of: name) ?? Self.attributes.count
    let place = named.firstIndex {
      (Self.attributes.firstIndex(of: $0.name) ?? Self.attributes.count) > rank
    }
    named.insert((name, entry), at: place ?? named.count)
  }

  private mutating func readAddedTokens(_ document: JSONDocument) throws(TokenizerError) {
    guard document.kind(document.root) == .object else {
      throw .wrongField(
        file: document.file, field: "(top level)", expected: "an object of tokens and ids",
        found: document.kind(document.root).rawValue)
    }
    let special = Set(
      (named.filter { Self.attributes.contains($0.name) }.map(\.entry) + (extra ?? []))
        .filter { !$0.isLate }.map(\.content))
    try document.forEachMember(of: document.root) { key, value throws(TokenizerError) in
      var entry = Entry(try document.string(key))
      entry.isBare = false
      guard let id = document.naturalNumber(value) else {
        throw .wrongField(
          file: document.file, field: TokenizerError.excerpt(entry.content), expected: "an id",
          found: document.kind(value).rawValue)
      }
      entry.id = id
      entry.isSpecial = special.contains(entry.content)
      entry.isNormalized = !entry.isSpecial
      listed.append(entry)
    }
    sortListed()
  }

  /// By id, stably: two tokens of one id are looked at in the order of their file.
  private mutating func sortListed() {
    listed = listed.enumerated().sorted {
      ($0.element.id ?? 0, $0.offset) < ($1.element.id ?? 0, $1.offset)
    }.map(\.element)
  }

  private static func entries(
    _ document: JSONDocument, _ node: JSONDocument.Node, _ field: String, isSpecial: Bool
  ) throws(TokenizerError) -> [Entry] {
    guard document.kind(node) == .array else { return [] }
    var entries: [Entry] = []
    try document.forEachElement(of: node) { element throws(TokenizerError) in
      guard let entry = try entry(document, element, isSpecial: isSpecial) else {
        throw .wrongField(
          file: document.file, field: field, expected: "tokens",
          found: document.kind(element).rawValue)
      }
      entries.append(entry)
    }
    return entries
  }

  /// A token as a string, or as an object with a "content"; nil for anything else.
  ///
  /// - Parameter isSpecial: what an object is that does not say.
  private static func entry(
    _ document: JSONDocument, _ node: JSONDocument.Node, isSpecial: Bool
  ) throws(TokenizerError) -> Entry? {
    if document.kind(node) == .string { return Entry(try document.string(node)) }
    guard document.kind(node) == .object else { return nil }
    let members = try document.members(of: node, field: "a token")
    guard let content = document.member(members, "content"), document.kind(content) == .string
    else { return nil }
    func flag(_ name: String) -> Bool? {
      document.member(members, name).flatMap { document.boolean($0) }
    }
    var entry = Entry(try document.string(content))
    entry.isBare = false
    entry.isLate = !isSpecial
    entry.isSingleWord = flag("single_word") ?? false
    entry.stripsLeft = flag("lstrip") ?? false
    entry.stripsRight = flag("rstrip") ?? false
    entry.isNormalized = flag("normalized")
    entry.isSpecial = isSpecial || flag("special") ?? false
    return entry
  }
}
