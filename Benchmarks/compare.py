#!/usr/bin/env python3
"""Runs mohd-probe and the peer in turn and prints ratios. Called by run.sh; see README.md."""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess

import numpy  # in the checkers' environment or the peer's; only for the 7B-shaped checkpoint

parser = argparse.ArgumentParser()
for name in ["probe", "forward", "peer", "gguf", "folder", "work"]:
    parser.add_argument("--" + name, required=True)
parser.add_argument("--tokens", type=int, required=True)
parser.add_argument("--pairs", type=int, required=True)
options = parser.parse_args()
work = pathlib.Path(options.work)
work.mkdir(parents=True, exist_ok=True)
HERE = pathlib.Path(__file__).parent


def text_of(tokens):
    """The sample corpora again and again, as one document: enough text for `tokens` tokens."""
    files = sorted((HERE.parent / "notebooks-data" / "corpora").rglob("*.txt"))
    text = "\n\n".join(path.read_text(encoding="utf-8") for path in files)
    while len(text) < tokens * 8:
        text += "\n\n" + text
    path = work / "text.txt"
    path.write_text(text, encoding="utf-8")
    return path


def probe(text, *more, model=options.gguf, tokens=options.tokens):
    run = work / "run"
    shutil.rmtree(run, ignore_errors=True)
    command = [options.probe, "capture", "--model", model, "--corpus", f"bench={text}", "--output", str(run)]
    command += ["--max-tokens", str(tokens), "--sequence-length", "512", "--quiet", "--json", *more]
    summary = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    shutil.rmtree(run, ignore_errors=True)
    return summary


def peer(text, out):
    command = [options.peer, str(HERE / "peer" / "hf_capture.py"), options.folder, str(text)]
    command += [str(options.tokens), "512", out]
    line = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
    return float(re.search(r"([0-9.]+) tokens/s", line).group(1)), line


def seven_billion_shaped(folder):
    """Four layers with the widths of LLaMA-2-7B, random bfloat16 weights, SmolLM2's tokenizer."""
    hidden, intermediate, layers, vocabulary = 4096, 11008, 4, 49152
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {"model.embed_tokens.weight": (vocabulary, hidden), "model.norm.weight": (hidden,)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name in ["q_proj", "k_proj", "v_proj", "o_proj"]:
            shapes[f"{prefix}self_attn.{name}.weight"] = (hidden, hidden)
        shapes[f"{prefix}mlp.gate_proj.weight"] = (intermediate, hidden)
        shapes[f"{prefix}mlp.up_proj.weight"] = (intermediate, hidden)
        shapes[f"{prefix}mlp.down_proj.weight"] = (hidden, intermediate)
        shapes[f"{prefix}input_layernorm.weight"] = (hidden,)
        shapes[f"{prefix}post_attention_layernorm.weight"] = (hidden,)
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        size = 2 * int(numpy.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    generator = numpy.random.default_rng(7)
    with open(folder / "model.safetensors", "wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for shape in shapes.values():
            values = numpy.ones(shape, "<f4") if len(shape) == 1 else generator.standard_normal(shape, "<f4") * 0.02
            file.write((values.view("<u4") >> 16).astype("<u2").tobytes())
    config = dict(architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=hidden, intermediate_size=intermediate,
                  num_hidden_layers=layers, num_attention_heads=32, num_key_value_heads=32, vocab_size=vocabulary, rms_norm_eps=1e-5,
                  rope_theta=10000.0, max_position_embeddings=4096, hidden_act="silu", tie_word_embeddings=True, torch_dtype="bfloat16")
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(pathlib.Path(options.folder) / name, folder)
    return offset


text = text_of(options.tokens)
load = os.getloadavg()[0]
ours, theirs, ratios = [], [], []
probe(text)
for pair in range(options.pairs):
    summary = probe(text)
    rate, line = peer(text, str(work / "peer.h5"))
    (work / "peer.h5").unlink(missing_ok=True)
    ours.append(summary["tokens_per_second"])
    theirs.append(rate)
    ratios.append(ours[-1] / rate)
    print(f"pair {pair + 1}: mohd-probe {ours[-1]:.0f} tokens/s, {summary['peak_memory_bytes'] / 1e9:.2f} GB; transformers {line}", flush=True)

forward = json.loads(subprocess.run([options.forward, options.gguf, str(options.tokens)], check=True, capture_output=True, text=True).stdout)
overheads = []
for pair in range(options.pairs):
    bare = probe(text, "--bare")
    full = probe(text)
    overheads.append(full["seconds"] / bare["seconds"] - 1)
    print(f"pair {pair + 1}: capture {full['seconds']:.2f} s, bare forward {bare['seconds']:.2f} s", flush=True)

print(f"\nmedian of {options.pairs} interleaved pairs, {options.tokens} tokens, four hook points, float16 (load before: {load:.2f})")
print(f"capture, mohd-probe / transformers + h5py:  {statistics.median(ratios):.2f}x  (bar 1.25, aim 1.5)")
print(f"cost of capturing over the bare forward:    {100 * statistics.median(overheads):.1f} %  (bar 8, aim 3)")
print(f"dense FLOP/s over the run / sgemm's rate:   {100 * forward['share_of_sgemm_rate']:.0f} %  (bar 72, aim 80)   {forward['dense_gigaflops_over_the_run']:.0f} of {forward['sgemm_gigaflops']:.0f} GFLOP/s")
print(f"peak resident memory:                       {summary['peak_memory_bytes'] / 1e9:.2f} GB  (bar 1.5)")

folder = work / "seven-billion-shaped"
size = seven_billion_shaped(folder)
summary = probe(text, model=str(folder), tokens=2048)
print(f"7B-shaped, 4 layers, 2048 tokens:           {summary['tokens_per_second']:.0f} tokens/s, {summary['peak_anonymous_bytes'] / 1e9:.2f} GB resident beyond the mapped file of {size / 1e9:.1f} GB  (bar 3)")
shutil.rmtree(folder)
