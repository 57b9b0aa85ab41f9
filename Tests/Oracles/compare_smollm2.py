#!/usr/bin/env python3
"""SmolLM2 against transformers: token ids, logits, perplexity and all hook points.

    .venv-oracle/bin/python Tests/Oracles/compare_smollm2.py \\
        --probe .build/release/mohd-probe --gguf .cache/SmolLM2-135M-Instruct.Q4_1.gguf --folder SMOLLM2_HF

SMOLLM2_HF is the float32 folder that Benchmarks/peer/smollm2_to_hf.py makes of the GGUF file. Reads 1024 tokens
of each of four sample corpora, float32, eager attention, from GGUF and from safetensors. Exits with 1 when a
bar is missed: logits within 2e-3, the same argmax at 99.9 % of positions, perplexity to 4 significant digits.
"""
import argparse
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
from transformers import AutoModelForCausalLM
from tokenizers import Tokenizer

LOGITS_ABSOLUTE = 2e-3
SAME_ARGMAX = 0.999
HOOK_POINT_RELATIVE = 1e-4  # 30 layers deep, relative to the largest value of the hook point
DOMAINS = ["books", "code", "science", "questions_and_answers"]
ROOT = pathlib.Path(__file__).resolve().parents[2]

parser = argparse.ArgumentParser()
for name in ["probe", "gguf", "folder"]:
    parser.add_argument("--" + name, required=True)
options = parser.parse_args()
torch.set_num_threads(2)
corpora = [f"{domain}={ROOT / 'notebooks-data/corpora' / domain}" for domain in DOMAINS]
common = ["--corpus", *corpora, "--max-tokens-per-domain", "1024", "--sequence-length", "512", "--quiet", "--json"]
model = AutoModelForCausalLM.from_pretrained(options.folder, dtype=torch.float32, attn_implementation="eager").eval()
work = pathlib.Path(tempfile.mkdtemp(prefix="mohd-oracle-"))
failed = False


def check(what, passed, detail):
    global failed
    failed |= not passed
    print(f"{'ok  ' if passed else 'FAIL'} {what}: {detail}", flush=True)


def run(*command):
    return json.loads(subprocess.run([options.probe, *command], check=True, capture_output=True, text=True).stdout)


def sequences(file):
    starts = [*numpy.flatnonzero(file["position"][:] == 0), len(file["position"])]
    return list(zip(starts[:-1], starts[1:]))


def hooks():
    values, layers = {}, model.model.layers

    def tap(layer, name, module, takes_input):
        def hook(_, arguments, output):
            tensor = arguments[0] if takes_input else output
            tensor = tensor[0] if isinstance(tensor, tuple) else tensor
            values[name, layer] = tensor.reshape(-1, tensor.shape[-1]).numpy().copy()

        module.register_forward_hook(hook)

    for index, layer in enumerate(layers):
        attention, ffn = layer.self_attn, layer.mlp
        for name, module, takes_input in [
            ("residual_pre", layer.input_layernorm, True), ("attention_input", attention.q_proj, True),
            ("query", attention.q_proj, False), ("key", attention.k_proj, False), ("value", attention.v_proj, False),
            ("attention_heads", attention.o_proj, True), ("attention_output", attention.o_proj, False),
            ("residual_mid", layer.post_attention_layernorm, True), ("ffn_input", ffn.gate_proj, True),
            ("ffn_gate", ffn.gate_proj, False), ("ffn_up", ffn.up_proj, False), ("ffn_hidden", ffn.down_proj, True),
            ("ffn_output", ffn.down_proj, False), ("residual_post", layer, False),
        ]:
            tap(index, name, module, takes_input)
    return values


for kind, path in [("gguf", options.gguf), ("safetensors", options.folder)]:
    summary = run("logits", "--model", path, "--output", str(work / "logits.h5"), *common)
    with h5py.File(work / "logits.h5") as file, torch.inference_mode():
        ids = file["token_id"][:]
        worst, agree, scored, negative = 0.0, 0, 0, 0.0
        for start, end in sequences(file):
            expected = model(torch.tensor(ids[None, start:end].astype("int64"))).logits[0]
            found = torch.from_numpy(file["logits"][start:end])
            worst = max(worst, (expected - found).abs().max().item())
            agree += (expected.argmax(-1) == found.argmax(-1)).sum().item()
            targets = torch.tensor(ids[start + 1 : end].astype("int64"))
            negative -= expected[:-1].double().log_softmax(-1).gather(1, targets[:, None]).sum().item()
            scored += len(targets)
    perplexity = math.exp(negative / scored)
    check(f"{kind} logits", worst <= LOGITS_ABSOLUTE, f"largest difference {worst:.2e} over {len(ids)} tokens")
    check(f"{kind} argmax", agree >= SAME_ARGMAX * len(ids), f"{agree} of {len(ids)} positions agree")
    same = f"{perplexity:.4g}" == f"{summary['token_perplexity']:.4g}"
    check(f"{kind} perplexity", same, f"transformers {perplexity:.6f}, mohd-probe {summary['token_perplexity']:.6f}")

texts = []
for domain in DOMAINS:
    for path in sorted((ROOT / "notebooks-data/corpora" / domain).iterdir(), key=lambda path: path.name.encode()):
        if path.suffix == ".txt":
            texts.append(path.read_bytes().decode())
        elif path.suffix == ".jsonl":
            texts += [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
tokenizer = Tokenizer.from_file(str(pathlib.Path(options.folder) / "tokenizer.json"))
with h5py.File(work / "logits.h5") as file:
    found = {document: file["token_id"][:][file["document"][:] == document].tolist() for document in set(file["document"][:].tolist())}
# Documents that a domain's limit left out have no number: each that has one is the next text that begins with its ids.
remaining = iter(texts)
wrong = [document for document, ids in sorted(found.items()) if not any(tokenizer.encode(text).ids[: len(ids)] == ids for text in remaining)]
check("token ids", not wrong, f"{len(found)} documents, {len(wrong)} differ")

shutil.rmtree(work / "run", ignore_errors=True)
run("capture", "--model", options.gguf, "--output", str(work / "run"), "--hook-points", "all", "--dtype", "float32", "--max-tokens", "1024", *common)
values = hooks()
with h5py.File(work / "run" / "activations.h5") as file, torch.inference_mode():
    worst = {}
    ids = file["token_id"][:]
    for start, end in sequences(file):
        model.model(torch.tensor(ids[None, start:end].astype("int64")))
        for (name, layer), expected in values.items():
            found = file[name][layer, start:end]
            error = numpy.abs(found - expected).max() / numpy.abs(expected).max()
            worst[name] = max(worst.get(name, 0.0), float(error))
for name, error in worst.items():
    check(f"hook point {name}", error <= HOOK_POINT_RELATIVE, f"largest relative difference {error:.1e} over 30 layers")
shutil.rmtree(work)
sys.exit(failed)
