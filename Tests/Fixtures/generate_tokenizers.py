"""Makes Tests/Fixtures/tokenizers: small tokenizers of each family, and texts with the ids that the packages give.

usage: python3 generate_tokenizers.py     (tokenizers==0.23.3, sentencepiece==0.2.3)
"""
import hashlib
import io
import json
import os
import pathlib
import random

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2  # noqa: F401  (ships with the package)
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_text import mixed_text, piece

assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
assert sentencepiece.__version__ == "0.2.3", sentencepiece.__version__
FOLDER = pathlib.Path(__file__).parent / "tokenizers"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
TRAINING = mixed_text(300_000, 1, long_runs=False)


def lines():
    return TRAINING.split("\n")


def byte_level(pre, normalizer=None, size=600, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"], show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    return tokenizer


def template(tokenizer, first, last=None):
    single = f"{first} $A" + (f" {last}" if last else "")
    names = [first] + ([last] if last else [])
    return processors.TemplateProcessing(single=single, special_tokens=[(name, tokenizer.token_to_id(name)) for name in names])


def metaspace(pre=None, legacy=True, size=700, prefix=True):
    """LLaMA 2's: characters with byte fallback, spaces written as U+2581."""
    trained = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    trained.train_from_iterator(lines(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, show_progress=False, limit_alphabet=200))
    data = json.loads(trained.to_str())
    vocabulary, merges = data["model"]["vocab"], data["model"]["merges"]
    # LLaMA has tokens for runs of spaces.
    for run in ("▁▁", "▁▁▁▁"):
        vocabulary.setdefault(run, len(vocabulary))
        half = run[: len(run) // 2]
        if [half, half] not in merges:
            merges.append([half, half])
    data["added_tokens"] = [{"id": i, "content": c, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                             "special": True} for i, c in enumerate(special[:3])]
    tokenizer = Tokenizer.from_str(json.dumps(data))
    if legacy:
        steps = ([normalizers.Prepend("▁")] if prefix else []) + [normalizers.Replace(" ", "▁")]
        tokenizer.normalizer = normalizers.Sequence(steps)
        tokenizer.pre_tokenizer = pre
        if pre is None:
            data = json.loads(tokenizer.to_str())
            data["pre_tokenizer"] = None
            tokenizer = Tokenizer.from_str(json.dumps(data))
    else:
        tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = template(tokenizer, "<s>")
    return tokenizer


def with_added(tokenizer):
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True), AddedToken("<|tool|>", rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("<word>", single_word=True, normalized=False), AddedToken("Zürich", normalized=True),
                          AddedToken("  ", normalized=False), AddedToken("can", single_word=True, normalized=True, lstrip=True, rstrip=True)])
    return tokenizer


def tokenizer_files():
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
    no_pattern = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    smollm = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])
    llama3 = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), no_pattern])
    qwen2 = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), no_pattern])
    yield "gpt2", byte_level(gpt2)
    yield "smollm", byte_level(smollm)
    three = byte_level(llama3, ignore_merges=True)
    three.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template(three, "<|im_start|>", "<|im_end|>")])
    yield "llama3", three
    yield "qwen2", byte_level(qwen2, normalizers.NFC())
    yield "llama2_legacy", metaspace()
    yield "llama2_first", metaspace(pre_tokenizers.Metaspace(prepend_scheme="first", split=False), legacy=False)
    yield "llama2_always", metaspace(pre_tokenizers.Metaspace(prepend_scheme="always", split=True), legacy=False)
    yield "llama2_never", metaspace(pre_tokenizers.Metaspace(prepend_scheme="never", split=True), legacy=False)
    yield "added_gpt2", with_added(byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), size=400))
    yield "added_llama2", with_added(metaspace())
    other = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r"\p{Lu}?[a-z]+|\d{2}"), "merged_with_previous"), pre_tokenizers.Split("e", "merged_with_next"),
        pre_tokenizers.Split(Regex(r"(?<=\w) "), "contiguous"), pre_tokenizers.Split(Regex(r"z*"), "removed", invert=False),
        pre_tokenizers.Digits(individual_digits=False), no_pattern])
    yield "expressions", byte_level(other, normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Strip(),
                                    normalizers.Replace(Regex(r"[0-9]{5,}"), "#"), normalizers.Replace("the", "THE")]), size=400)
    yield "nfd", byte_level(gpt2, normalizers.NFD(), size=300)
    yield "nfkd", byte_level(gpt2, normalizers.NFKD(), size=300)


def texts(seed, count):
    rng = random.Random(seed)
    fixed = ["", " ", "  ", "\n", "\r\n", "\x00", "a", "é", "e\u0301", "'s", "'S", "'ſ", "I'm", "I'LL'd", "a'", "'", " 's", "x  y", "x   ", "\n\n x", "\t\tx",
             "1", "12", "123", "1234", " 1234", "½²", "<s>", "<s> hi</s>", " <mask>  x", "a<mask>b", "<|tool|>   x", "<|tool|><|tool|>", "<word>", "a<word>", "<word>b <word> ",
             "Zürich", "Zu\u0308rich", "I can do", "can", "cans can", "    can    ", "▁", "▁a", " ▁ a", "<|endoftext|><|endoftext|>", "<|endoftext|", "👩‍👩‍👧‍👦", "the THE", "123456 7",
             "\u0952\u0f75", "\u0cca\u0cd5", "\u1113\u1174", "\u1100\u1161\u11a8\u11a8", "\uac00\u11af", "a\u0301\u0323" * 20]
    result = list(fixed)
    while len(result) < count:
        result.append("".join(piece(rng, False) + rng.choice(("", " ", "\n")) for _ in range(rng.randint(1, 3)))[:120])
    return result


def write(name, data):
    (FOLDER / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def sentence_pieces():
    for name, kind, options in (
        ("sentencepiece_bpe", "bpe", dict(normalization_rule_name="identity", byte_fallback=True, add_dummy_prefix=True, remove_extra_whitespaces=False,
                                          user_defined_symbols=["<sep>", "[INST]", "▁▁"])),
        ("sentencepiece_bpe_plain", "bpe", dict(normalization_rule_name="identity", byte_fallback=False, add_dummy_prefix=False, remove_extra_whitespaces=True)),
        ("sentencepiece_unigram", "unigram", dict(normalization_rule_name="identity", byte_fallback=True, user_defined_symbols=["<sep>", "[INST]"])),
    ):
        output = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([line for line in lines() if line.strip() and "\x00" not in line]), model_writer=output, model_type=kind, vocab_size=900, character_coverage=0.98,
            split_digits=True, allow_whitespace_only_pieces=True, num_threads=1, minloglevel=2, hard_vocab_limit=False, **options)
        yield name, output.getvalue()


def main():
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    samples = texts(7, 160)
    write("texts.json", json.dumps(samples))
    for name, tokenizer in tokenizer_files():
        data = json.loads(tokenizer.to_str())
        if name == "gpt2":  # the older form: a merge is one string
            data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
        write(f"{name}.tokenizer.json", json.dumps(data, ensure_ascii=name == "qwen2", separators=(",", ":")))
        tokenizer = Tokenizer.from_str((FOLDER / f"{name}.tokenizer.json").read_text())
        ids = [tokenizer.encode(text).ids for text in samples]
        write(f"{name}.ids.json", json.dumps(ids, separators=(",", ":")))
    for name, model in sentence_pieces():
        write(f"{name}.model", model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        write(f"{name}.ids.json", json.dumps([processor.encode(text) for text in samples], separators=(",", ":")))
    manifest = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(FOLDER.iterdir())]
    write("SHA256SUMS", "".join(manifest))


if __name__ == "__main__":
    main()
