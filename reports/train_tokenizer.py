#!/usr/bin/env python3
"""Trains notebooks-data/tokenizer-1024, the small vocabulary that small models are trained with here.

    python3 reports/make_corpus.py CORPUS
    python3 reports/train_tokenizer.py CORPUS notebooks-data/tokenizer-1024      # tokenizers 0.23.3

A byte-level BPE of 1024 entries, trained on the training split of the seven domains in the proportions that models
are trained in: of each domain the documents whose SHA-256 is smallest, up to its part of 24 MB. At a width of 128 a
vocabulary of 1024 keeps the head at a sixth of the rest; 49,000 entries would make it ten times the model. `<|endoftext|>`
(id 0) begins a document. trained.json records what it was trained on.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SIZE, BYTES = 1024, 24_000_000
# Sheared-LLaMA's mix.
MIX = {"cc": 0.67, "c4": 0.15, "github": 0.045, "book": 0.045, "wikipedia": 0.045, "arxiv": 0.025,
       "stackexchange": 0.02}
START = "<|endoftext|>"


def documents(corpus):
    for domain, share in MIX.items():
        lines = (corpus / "train" / f"{domain}.jsonl").read_text().splitlines()
        texts = [json.loads(line)["text"] for line in lines]
        texts.sort(key=lambda text: hashlib.sha256(text.encode()).hexdigest())
        left = share * BYTES
        for text in texts:
            if left <= 0:
                break
            left -= len(text.encode())
            yield domain, text


def main(corpus, folder):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE, special_tokens=[START], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False)
    chosen = list(documents(corpus))
    tokenizer.train_from_iterator((text for _, text in chosen), trainer, length=len(chosen))
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A", pair=f"{START} $A {START} $B", special_tokens=[(START, tokenizer.token_to_id(START))])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": START, "eos_token": START,
        "clean_up_tokenization_spaces": False}, indent=2, sort_keys=True) + "\n")
    sizes = {domain: sum(len(text.encode()) for each, text in chosen if each == domain) for domain in MIX}
    record = json.loads((corpus / "corpus.json").read_text())
    (folder / "trained.json").write_text(json.dumps({
        "tokenizers": importlib.metadata.version("tokenizers"), "bytes": sizes,
        "packages": {name: each["version"] for name, each in record["packages"].items()},
    }, indent=2, sort_keys=True) + "\n")
    for part in ("train", "validation"):
        for domain in MIX:
            lines = (corpus / part / f"{domain}.jsonl").read_text().splitlines()[:200]
            texts = [json.loads(line)["text"] for line in lines]
            tokens = sum(len(each.ids) for each in tokenizer.encode_batch(texts))
            size = sum(len(text.encode()) for text in texts)
            print(f"{part} {domain}: {size / tokens:.2f} bytes a token in {len(texts)} documents")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
