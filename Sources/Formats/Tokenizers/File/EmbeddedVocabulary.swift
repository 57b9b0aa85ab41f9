/// A vocabulary that a checkpoint carries within itself (GGUF's `tokenizer.ggml.*` keys), as plain
/// values: this module knows no checkpoint format.
public struct EmbeddedVocabulary: Sendable, Equatable {
  /// `tokenizer.ggml.model`: "gpt2" (byte-level BPE) or "llama" (SentencePiece BPE).
  public var model: String
  /// `tokenizer.ggml.pre`: the name of the pre-tokeniser.
  public var pre: String?
  /// `tokenizer.ggml.tokens`: the bytes of each token as the file spells it, by id.
  public var tokens: [[UInt8]]
  /// `tokenizer.ggml.scores`: one for each token.
  public var scores: [Float]?
  /// `tokenizer.ggml.token_type`: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
  public var tokenTypes: [Int32]?
  /// `tokenizer.ggml.merges`: "left right", most urgent first.
  public var merges: [[UInt8]]?
  /// `tokenizer.ggml.bos_token_id`.
  public var bosID: Int?
  /// `tokenizer.ggml.eos_token_id`.
  public var eosID: Int?
  /// `tokenizer.ggml.unknown_token_id`.
  public var unknownID: Int?
  /// `tokenizer.ggml.add_bos_token`; when absent, what the model's kind implies.
  public var addsBOS: Bool?
  /// `tokenizer.ggml.add_eos_token`; absent means no.
  public var addsEOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`; absent means yes.
  public var addsSpacePrefix: Bool?
  /// `tokenizer.ggml.padding_token_id`.
  public var paddingID: Int?
  /// `tokenizer.ggml.seperator_token_id`, as the format spells it.
  public var separatorID: Int?
  /// `tokenizer.ggml.mask_token_id`.
  public var maskID: Int?
  /// `general.architecture`: which model the vocabulary is part of.
  public var architecture: String?
  /// `tokenizer.chat_template` under the name "default", and `tokenizer.chat_template.NAME`.
  public var chatTemplates: [ChatTemplate] = []
  /// `tokenizer.huggingface.json`: a whole tokenizer.json. It decides alone when it is there.
  public var huggingFaceJSON: [UInt8]?

  /// How a conversation becomes text, in Jinja.
  public struct ChatTemplate: Sendable, Equatable {
    public var name: String
    public var template: String

    public init(name: String, template: String) {
      self.name = name
      self.template = template
    }
  }

  /// A vocabulary of `tokens`; everything else is set as the checkpoint has it.
  public init(model: String, pre: String? = nil, tokens: [[UInt8]]) {
    self.model = model
    self.pre = pre
    self.tokens = tokens
  }
}
