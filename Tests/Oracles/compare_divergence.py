#!/usr/bin/env python3
"""mohd-eval compare against transformers: perplexities, KL(dense||converted), top-1 agreement, reconstruction.

    python Tests/Oracles/compare_divergence.py --eval .build/release/mohd-eval --dense SMOLLM2_HF --converted OTHER_HF

Both are Hugging Face folders of one tokenizer; OTHER_HF may be what mohd-convert writes, or perturb_model.py. Reads
512 tokens (or --tokens) of each of four sample corpora in sequences of 256, in float32. Exits with 1 when a perplexity differs by
0.1 %, or KL, agreement, R², cosine or RMS ratio in 3 significant digits. The code of OTHER_HF is run.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys

import numpy
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

DOMAINS = ["books", "code", "science", "questions_and_answers"]
LENGTH = 256
CORPORA = pathlib.Path(__file__).resolve().parents[2] / "notebooks-data" / "corpora"
parser = argparse.ArgumentParser()
for name in ["eval", "dense", "converted"]:
    parser.add_argument("--" + name, required=True)
parser.add_argument("--tokens", type=int, default=512, help="tokens of each domain")
options = parser.parse_args()
torch.set_num_threads(2)
found = json.loads(subprocess.run(
    [options.eval, "compare", options.dense, options.converted, "--corpus", *[f"{d}={CORPORA / d}" for d in DOMAINS],
     "--max-tokens-per-domain", str(options.tokens), "--sequence-length", str(LENGTH), "--rounds", "0", "--json", "--quiet"],
    check=True, capture_output=True, text=True).stdout)

tokenizer = Tokenizer.from_file(str(pathlib.Path(options.dense) / "tokenizer.json"))
sequences = []
for domain in DOMAINS:
    room = options.tokens
    for path in sorted((CORPORA / domain).iterdir(), key=lambda path: path.name.encode()):
        texts = [path.read_bytes().decode()] if path.suffix == ".txt" else [
            json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for text in texts:
            ids = tokenizer.encode(text).ids[:room]
            room -= len(ids)
            sequences += [(domain, ids[start:start + LENGTH]) for start in range(0, len(ids), LENGTH)]

models = [AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager",
                                               trust_remote_code=True).eval()
          for path in [options.dense, options.converted]]
taps = [{}, {}]
for model, values in zip(models, taps):
    for index, layer in enumerate(model.model.layers):
        for name, module in [("attention_output", layer.self_attn), ("ffn_output", layer.mlp), ("residual_post", layer)]:
            def hook(_, __, output, key=(index, name), values=values):
                output = output[0] if isinstance(output, tuple) else output
                values.setdefault(key, []).append(output.reshape(-1, output.shape[-1])[1:].double())
            module.register_forward_hook(hook)

sums = {domain: numpy.zeros(6) for domain in DOMAINS}
with torch.inference_mode():
    for domain, ids in sequences:
        tokens = torch.tensor([ids])
        p, q = [model(tokens).logits[0].double().log_softmax(-1) for model in models]
        targets = tokens[0, 1:, None]
        sums[domain] += [-p[:-1].gather(1, targets).sum(), -q[:-1].gather(1, targets).sum(), len(ids) - 1,
                         (p.exp() * (p - q)).sum(), (p.argmax(-1) == q.argmax(-1)).sum(), len(ids)]
failed = False


def check(what, expected, value, relative, absolute=0.0):
    global failed
    passed = abs(value - expected) <= relative * abs(expected) + absolute
    failed |= not passed
    if not passed or "layer" not in what:
        print(f"{'ok  ' if passed else 'FAIL'} {what}: transformers {expected:.7g}, mohd-eval {value:.7g}", flush=True)


for row in found["domains"] + [found["all"] | {"domain": "all"}]:
    domain = row["domain"]
    dense, converted, scored, divergence, agreeing, positions = sum(sums.values()) if domain == "all" else sums[domain]
    check(f"{domain}: dense perplexity", math.exp(dense / scored), row["dense_token_perplexity"]["value"], 1e-3)
    check(f"{domain}: converted perplexity", math.exp(converted / scored), row["converted_token_perplexity"]["value"], 1e-3)
    check(f"{domain}: KL", divergence / positions, row["kl_divergence"]["value"], 5e-4, 1e-7)
    check(f"{domain}: top-1 agreement", agreeing / positions, row["top1_agreement"]["value"], 5e-4, 1.5 / positions)
ratios = [(sums[d][1] - sums[d][0]) / sums[d][2] for d in DOMAINS]
check("geometric mean of ratios", math.exp(numpy.mean(ratios)), found["geometric_mean_perplexity_ratio"]["value"], 1e-3)
for row in found["reconstruction"]:
    a, b = [torch.cat(values[row["layer"], row["hook_point"]]) for values in taps]
    place = f"layer {row['layer']}, {row['hook_point']}"
    check(f"{place}: R²", float(1 - (b - a).square().sum() / (a - a.mean(0)).square().sum()), row["r2"], 5e-4, 1e-5)
    check(f"{place}: cosine", float(torch.nn.functional.cosine_similarity(a, b).mean()), row["cosine"], 5e-4)
    check(f"{place}: RMS ratio", float((b.square().mean() / a.square().mean()).sqrt()), row["rms_ratio"], 5e-4)
print(f"{len(found['reconstruction'])} rows of reconstruction compared")
sys.exit(failed)
