"""Makes Tests/Fixtures/embedded_tokenizers.json: vocabularies as GGUF carries them, and texts with the ids of the tokenizers they came from.

usage: python3 generate_embedded_tokenizers.py     (tokenizers==0.23.3)

A SentencePiece vocabulary with tokens of every type, and a byte-level one whose merges cross everything, with the ids that each
pre-tokeniser named in llama.cpp gives: as the models' own tokenizer.json have it, or as llama.cpp writes it.
"""
import json
import os
import pathlib
import random

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from generate_tokenizers import LLAMA3, QWEN2, metaspace
from tokenizer_text import mixed_text, piece

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
HERE = pathlib.Path(__file__).parent
CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CASED = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
CAPITALS = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
TEKKEN = CASED + "|" + CAPITALS + r"|\p{N}" + TAIL
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+")
# name → the expressions, one after another; "digits" is the step of that name.
PATTERNS = {
    "gpt-2": [GPT2], "exaone4": [GPT2],
    "smollm": ["digits", GPT2], "minerva-7b": ["digits", GPT2],
    "llama-bpe": [LLAMA3], "falcon3": [LLAMA3], "pixtral": [LLAMA3], "smaug-bpe": [LLAMA3], "chatglm-bpe": [LLAMA3],
    "qwen2": [QWEN2], "deepseek-r1-qwen": [QWEN2], "stablelm2": [QWEN2], "hunyuan": [QWEN2],
    "tekken": [TEKKEN],
    "gpt-4o": [CASED + CONTRACTIONS + "?|" + CAPITALS + CONTRACTIONS + r"?|\p{N}{1,3}" + TAIL],
    "qwen35": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", "digits"],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3],
    "bailingmoe": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"],
    "seed-coder": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+"],
    # llama.cpp's own, for files that say nothing.
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
}
COMPOSED = {"qwen2", "deepseek-r1-qwen", "qwen35"}
IGNORES_MERGES = {"llama-bpe", "falcon3", "pixtral", "tekken"}


def pre_tokenizer(steps):
    cuts = [pre_tokenizers.Digits(individual_digits=True) if step == "digits" else pre_tokenizers.Split(Regex(step), "isolated") for step in steps]
    return pre_tokenizers.Sequence(cuts + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def lines(seed):
    return mixed_text(120_000, seed, long_runs=False).split("\n\n")


def train(pre, size, special=("<unk>", "<s>", "</s>")):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator(lines(11), trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return json.loads(tokenizer.to_str())


def byte_level(data, types=None):
    vocabulary = sorted(data["model"]["vocab"], key=data["model"]["vocab"].get)
    return {"model": "gpt2", "tokens": vocabulary, "merges": [" ".join(pair) for pair in data["model"]["merges"]],
            "types": types or [3] * 3 + [1] * (len(vocabulary) - 3)}


def texts(seed, count, tokens):
    """Random pieces with tokens among them, touching words or not."""
    rng = random.Random(seed)
    result = ["", " ", "It's 1234 naïve Tests, don't you?\n\n  x = f(YZ)", "def f(x):\n    return  x\n", "HelpFormatter.camelCase(12345)!!\r\n\t"]
    while len(result) < count:
        parts = [rng.choice(tokens) if tokens and rng.random() < 0.4 else piece(rng, False)[:30] for _ in range(rng.randint(1, 4))]
        result.append("".join(part + rng.choice(("", "", " ", "  ", "\n")) for part in parts)[:100])
    return result


def sentence_pieces():
    """LLaMA 2's tokenizer with added tokens, and its vocabulary: a merge's rank is a piece's score."""
    tokenizer = metaspace()
    tokenizer.add_special_tokens([AddedToken("<|im_end|>", normalized=False)])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("[TOOL]", normalized=False), AddedToken("\n\n", normalized=False)])
    data = json.loads(tokenizer.to_str())
    vocabulary = dict(data["model"]["vocab"])
    types = {0: 2}
    for token in data["added_tokens"][1:]:
        vocabulary[token["content"]] = token["id"]
        types[token["id"]] = 3 if token["special"] else 4
    rank = {}
    for index, (left, right) in enumerate(data["model"]["merges"]):
        rank.setdefault(left + right, index)
    tokens = sorted(vocabulary, key=vocabulary.get)
    kinds = [types.get(i, 6 if len(token) == 6 and token.startswith("<0x") else 1) for i, token in enumerate(tokens)]
    scores = [0.0 if kind in (2, 3, 6) else -1000.0 if kind == 4 else -float(rank.get(token, 100_000 + i)) for i, (token, kind) in enumerate(zip(tokens, kinds))]
    samples = texts(3, 160, ["<unk>", "<s>", "</s>", "<|im_end|>", "<think>", "[TOOL]", "\n\n", "<0x0A>", "<|im_end", "▁"])
    return {"vocabulary": {"model": "llama", "tokens": tokens, "scores": scores, "types": kinds, "bos": 1, "eos": 2, "unknown": 0},
            "texts": samples, "ids": [tokenizer.encode(text).ids for text in samples]}


def reference(data, name):
    data = json.loads(json.dumps(data))
    data["model"]["ignore_merges"] = name in IGNORES_MERGES
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.pre_tokenizer = pre_tokenizer(PATTERNS[name])
    if name in COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    return tokenizer


def main():
    # One word for each line: merges cross what every pattern cuts.
    crossing = train(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), 1500)
    samples = texts(5, 60, ["<unk>", "<s>", "</s>"])
    # What was learned under one pattern, and says nothing of it.
    learned = []
    for name in ("gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "gpt-4o", "deepseek-coder", "deepseek-v3"):
        data = train(pre_tokenizer(PATTERNS[name]), 700)
        plain = [text for text in samples if all(ord(character) < 0x300 for character in text)]
        learned.append({"name": name, "vocabulary": byte_level(data), "texts": plain, "ids": [reference(data, name).encode(text).ids for text in plain]})
    result = {
        "pieces": sentence_pieces(),
        "named": {"vocabulary": byte_level(crossing), "texts": samples,
                  "ids": {name: [reference(crossing, name).encode(text).ids for text in samples] for name in PATTERNS}},
        "learned": learned,
    }
    (HERE / "embedded_tokenizers.json").write_text(json.dumps(result, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
