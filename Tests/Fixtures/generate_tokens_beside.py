"""Makes Tests/Fixtures/tokens_beside.json: tokens that the files beside a tokenizer name, and texts with the ids of AutoTokenizer.

usage: python3 generate_tokens_beside.py     (transformers==5.23.0, sentencepiece==0.2.3, protobuf)

Each case is a folder: one of Tests/Fixtures/tokenizers with the files given here. Where there is only a tokenizer.model, texts begin
with a letter and no BOS is asked for: of the space before a document and of BOS without a word transformers 5 thinks otherwise
than SentencePiece and transformers 4.
"""
import json
import os
import pathlib
import random
import shutil
import tempfile

os.environ.update(TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
import transformers
from transformers import AutoTokenizer

from tokenizer_text import piece

assert transformers.__version__ == "5.23.0", transformers.__version__
transformers.logging.set_verbosity_error()
HERE = pathlib.Path(__file__).parent
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
LLAMA = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": False, "add_eos_token": False}


def token(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False, **flags}


def files(**named):
    return {name + ".json": value for name, value in named.items()}


JSON_CASES = {
    "pad token": files(tokenizer_config={**FAST, "pad_token": "<pad>"}),
    "pad token of another file": files(special_tokens_map={"pad_token": token("<pad>", lstrip=True, rstrip=True)}),
    "the map goes before the configuration": files(tokenizer_config={**FAST, "pad_token": "<pad>"}, special_tokens_map={"pad_token": "<mask>"}),
    "added_tokens.json": files(tokenizer_config=FAST, added_tokens={"<x>": 9000, "<pad>": 8999}),
    "added_tokens.json with a special one": files(tokenizer_config={**FAST, "pad_token": "<pad>"}, added_tokens={"<x>": 9000, "<pad>": 8999}),
    "decoder": files(tokenizer_config={**FAST, "added_tokens_decoder": {
        "9001": token("<x>", lstrip=True), "9000": token("<pad>", special=True), "9002": token("the", single_word=True), "9003": token("  ", normalized=True)}}),
    "decoder alone counts": files(tokenizer_config={**FAST, "added_tokens_decoder": {"9000": token("<x>")}, "pad_token": "<pad>"},
                                  added_tokens={"<tool>": 9001}, special_tokens_map={"mask_token": "<mask>"}),
    "decoder changes flags": files(tokenizer_config={**FAST, "added_tokens_decoder": {"0": token("<|endoftext|>", special=True, lstrip=True, rstrip=True),
                                                                                       "1": token("<|im_start|>", normalized=True)}}),
    "extra tokens": files(tokenizer_config={**FAST, "extra_special_tokens": ["<x>"], "additional_special_tokens": ["<pad>"], "image_token": "<tool>"}),
    "additional tokens": files(tokenizer_config={**FAST, "additional_special_tokens": ["<x>", "<pad>"]}),
    "additional tokens in the map": files(tokenizer_config=FAST, special_tokens_map={"additional_special_tokens": ["<x>", "<pad>"], "tool_token": "<tool>", "tool": "<mask>"}),
    "extra tokens by name": files(tokenizer_config={**FAST, "extra_special_tokens": {"image": "<x>", "audio_token": "<pad>"}}),
    "special tokens are split": files(tokenizer_config={**FAST, "pad_token": "<pad>", "split_special_tokens": True, "added_tokens_decoder": {"9000": token("<x>")}}),
    "named twice, the last counts": files(tokenizer_config={**FAST, "additional_special_tokens": ["<x>", "<pad>"]},
                                          special_tokens_map={"cls_token": token("<x>", lstrip=True), "mask_token": "<pad>", "sep_token": token("<pad>", rstrip=True)}),
    "special once": files(tokenizer_config={**FAST, "split_special_tokens": True, "added_tokens_decoder": {"0": token("<|endoftext|>"), "9000": token("<x>")}}),
    "an object beside added_tokens.json": files(tokenizer_config={**FAST, "additional_special_tokens": [{"__type": "AddedToken", **token("<x>")}, "<pad>"]},
                                                added_tokens={"<x>": 9000, "<pad>": 9001}),
    "nothing but a class": files(tokenizer_config=FAST),
}
PIECE_CASES = {
    "pieces, added_tokens.json": files(tokenizer_config={**LLAMA, "legacy": True}, added_tokens={"<pad>": 900, "<x>": 901}),
    "pieces, not legacy": files(tokenizer_config={**LLAMA, "legacy": False}, added_tokens={"<pad>": 900, "<x>": 901}),
    "pieces, decoder": files(tokenizer_config={**LLAMA, "legacy": True, "pad_token": "<pad>", "added_tokens_decoder": {
        "0": token("<unk>", special=True), "1": token("<s>", special=True), "2": token("</s>", special=True), "900": token("<x>"), "901": token("<pad>", special=True, rstrip=True)}}),
    "pieces, map": files(tokenizer_config={**LLAMA, "legacy": False}, special_tokens_map={"pad_token": "<pad>", "additional_special_tokens": ["<x>"]}),
    "pieces, named twice": files(tokenizer_config={**LLAMA, "legacy": True, "additional_special_tokens": ["<unk>"], "pad_token": {"__type": "AddedToken", **token("<unk>", lstrip=True)}}),
    "pieces, defaults of the class": files(tokenizer_config={"tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "legacy": True}),
}


def texts(seed, count, letter):
    rng = random.Random(seed)
    names = ["<pad>", "<x>", "<tool>", "<mask>", "<s>", "</s>", "<unk>", "<|endoftext|>", "<|im_start|>", "the", "  ", "[INST]"]
    result = []
    while len(result) < count:
        parts = [rng.choice(names) if rng.random() < 0.5 else "".join(c for c in piece(rng, False)[:20] if c != "▁") for _ in range(rng.randint(2, 5))]
        text = "".join(part + rng.choice(("", "", " ", "\n")) for part in parts)[:80]
        result.append("a" + text if letter else text)
    return result


def main():
    # Texts that SentencePiece's own symbols and rules leave alone, beside the added tokens.
    plain = [text.replace("[INST]", "") for text in texts(2, 40, True)]
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for base, group, samples in (("gpt2.tokenizer.json", JSON_CASES, texts(1, 40, False)), ("llama2_legacy.tokenizer.json", JSON_CASES, texts(1, 40, False)),
                                     ("sentencepiece_bpe.model", PIECE_CASES, plain)):
            for name, given in group.items():
                path = pathlib.Path(folder) / f"{len(cases)}"
                path.mkdir()
                shutil.copy(HERE / "tokenizers" / base, path / ("tokenizer.json" if base.endswith("json") else "tokenizer.model"))
                (path / "config.json").write_text('{"model_type": "llama"}')
                for file, content in given.items():
                    (path / file).write_text(json.dumps(content))
                tokenizer = AutoTokenizer.from_pretrained(path)
                cases.append({"name": name, "base": base, "files": {file: json.dumps(content) for file, content in given.items()},
                              "texts": samples, "ids": [tokenizer(text)["input_ids"] for text in samples]})
    (HERE / "tokens_beside.json").write_text(json.dumps(cases, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
