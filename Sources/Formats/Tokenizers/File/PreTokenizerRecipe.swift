/// How a byte-level vocabulary cuts text into words, and what goes with it.
struct PreTokenizerRecipe: Sendable, Equatable {
  /// One cut after another; each cuts the pieces that the one before it left.
  enum Cut: Sendable, Equatable {
    /// Each number character alone.
    case digits
    case pattern(KnownPattern)
    /// What an expression matches, alone; what it does not match, as it stands.
    case expression(String)
  }

  /// A name for it in `tokenizer.ggml.pre`.
  var name: String
  /// For messages.
  var title: String
  var cuts: [Cut]
  /// Text is composed (NFC) first.
  var isComposed = false
  /// A word that is a token becomes that token, merges or not.
  var ignoresMerges = false
  /// BOS stands before a text unless the file says otherwise.
  var addsBOS = false

  /// The recipe that a name stands for; nil for a name that we do not know.
  init?(name: String) {
    guard let recipe = Self.byName[name] else { return nil }
    self = recipe
  }

  private init(
    _ name: String, _ title: String, _ cuts: [Cut], isComposed: Bool = false,
    ignoresMerges: Bool = false, addsBOS: Bool = false
  ) {
    self.name = name
    self.title = title
    self.cuts = cuts
    self.isComposed = isComposed
    self.ignoresMerges = ignoresMerges
    self.addsBOS = addsBOS
  }

  /// The names that we know, in order.
  static var names: [String] { byName.keys.sorted() }

  /// The pre-tokeniser's steps.
  func steps(source: String) throws(TokenizerError) -> [PreTokenizer.Step] {
    var steps: [PreTokenizer.Step] = []
    for cut in cuts {
      switch cut {
      case .digits: steps.append(.digits(individual: true))
      case .pattern(let pattern): steps.append(.pattern(pattern))
      case .expression(let text):
        var failure = ""
        guard let expression = RegularExpression(Array(text.utf8), failure: &failure) else {
          throw .wrongField(
            file: source, field: "tokenizer.ggml.pre", expected: "a regular expression",
            found: failure)
        }
        steps.append(.expression(expression, behaviour: .isolated, isInverted: false))
      }
    }
    return steps
  }

  // MARK: - The table

  /// llama.cpp's own "default", for a vocabulary of which nothing is known.
  static let fallback = PreTokenizerRecipe(
    "default", "llama.cpp's default",
    [
      .expression(#"[\p{P}\$\+<=>\^~\|]+"#), .pattern(.gpt2), .expression(#"\p{N}+"#),
      .expression("[0-9][0-9][0-9]"),
    ])

  /// Names that share a recipe; the first is its own.
  ///
  /// Source: llama.cpp (ggml-org/llama.cpp, MIT), `llama-vocab.cpp`, which names stand for which
  /// pattern; the patterns themselves as the models' tokenizer.json have them. Qwen's tokenizers
  /// compose text, which llama.cpp leaves out. "default" is settled otherwise.
  private static let byName: [String: PreTokenizerRecipe] = {
    let llama3 = PreTokenizerRecipe(
      "llama-bpe", "LLaMA 3", [.pattern(.llama3)], ignoresMerges: true, addsBOS: true)
    let rows: [(recipe: PreTokenizerRecipe, names: String)] = [
      (
        PreTokenizerRecipe("gpt-2", "GPT-2", [.pattern(.gpt2)]),
        "phi-2 mpt olmo jais trillion granite-docling gigachat mellum a.x-4.0 exaone4 modern-bert "
          + "jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code roberta-bpe"
      ),
      (
        PreTokenizerRecipe("smollm", "SmolLM", [.digits, .pattern(.gpt2)]),
        "starcoder refact command-r codeshell exaone minerva-7b mellum2"
      ),
      (llama3, "llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano"),
      (
        PreTokenizerRecipe("dbrx", "LLaMA 3", [.pattern(.llama3)]),
        "smaug-bpe glm4 chatglm-bpe"
      ),
      (
        PreTokenizerRecipe("qwen2", "Qwen 2", [.pattern(.qwen2)], isComposed: true),
        "deepseek-r1-qwen kormo f2llmv2 megrez"
      ),
      (
        PreTokenizerRecipe("stablelm2", "Qwen 2", [.pattern(.qwen2)]),
        "hunyuan solar-open grok-2"
      ),
      (
        PreTokenizerRecipe(
          "tekken", "Tekken", [.expression(Self.tekken)], ignoresMerges: true, addsBOS: true), ""
      ),
      (
        PreTokenizerRecipe("gpt-4o", "GPT-4o", [.expression(Self.gpt4o)]),
        "llama4 kanana2 talkie minimax-m2"
      ),
      (
        PreTokenizerRecipe(
          "qwen35", "Qwen 3.5", [.expression(Self.qwen35)], isComposed: true), ""
      ),
      (
        PreTokenizerRecipe(
          "falcon", "Falcon",
          [
            .expression(#"[\p{P}\$\+<=>\^~\|`]+"#), .pattern(.gpt2),
            .expression("[0-9][0-9][0-9]"),
          ]), ""
      ),
      (
        PreTokenizerRecipe(
          "deepseek-coder", "DeepSeek Coder",
          [
            .expression("[\r\n]"), .expression(#"\s?\p{L}+"#), .expression(#"\s?\p{P}+"#),
            .expression("[\u{4E00}-\u{9FA5}\u{800}-\u{4E00}\u{AC00}-\u{D7FF}]+"), .digits,
          ]), ""
      ),
      (
        PreTokenizerRecipe(
          "deepseek-v3", "DeepSeek V3",
          [
            .expression(#"\p{N}{1,3}"#),
            .expression("[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+"),
            .expression(Self.deepSeek3),
          ]), "hunyuan-dense joyai-llm hy_v4"
      ),
      (
        PreTokenizerRecipe(
          "bailingmoe", "Bailing",
          [
            .expression(
              #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"#
                + #"|\s*[\r\n]|\s+(?!\S)|\s+"#)
          ]), "bailingmoe2 llada-moe"
      ),
      (
        PreTokenizerRecipe(
          "seed-coder", "Seed Coder",
          [
            .expression(
              Self.contractions
                + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"#
            )
          ]), ""
      ),
    ]
    var table: [String: PreTokenizerRecipe] = [:]
    for (recipe, names) in rows {
      for name in [recipe.name] + names.split(separator: " ").map(String.init) {
        table[name] = recipe
      }
    }
    return table
  }()

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let tail = #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Capitals before small letters, as one word.
  private static let cased =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"#
  private static let capitals =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
  private static let tekken = cased + "|" + capitals + #"|\p{N}"# + tail
  private static let gpt4o =
    cased + contractions + "?|" + capitals + contractions + #"?|\p{N}{1,3}"# + tail
  private static let qwen35 =
    contractions
    + #"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+"#
    + #"|\s+(?!\S)|\s+"#
  private static let deepSeek3 =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
    + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
}
