#!/usr/bin/env python3
"""mohd-convert --distill against the same training in PyTorch, in turn.

usage: compare_distillation.py --convert MOHD-CONVERT --peer PYTHON --gguf MODEL --folder DENSE_DIR
         --work FOLDER [--pairs 3] [--steps 8]

Both train the default conversion of one model on one text, in steps of 1024 tokens, sequences of
512: KL from the dense model, gradients of the sparse components' projections and bases, Adam. Prints
the ratio of tokens/s, conversion, loading and first step left out. Needs torch and transformers.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("convert", "peer", "gguf", "folder", "work"):
        parser.add_argument(f"--{name}", required=True, type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    script = pathlib.Path(__file__).resolve().parent / "peer/torch_distill.py"
    tokens = 1024 * options.steps
    text, converted = options.work / "text.txt", options.work / "distilled"
    ratios = []
    for pair in range(options.pairs):
        shutil.rmtree(converted, ignore_errors=True)
        result = subprocess.run([
            options.convert, "--model", options.gguf, "--corpus", text, "--max-tokens", "4096",
            "--distill", str(tokens), "--output", converted, "--json", "--quiet",
        ], check=True, capture_output=True, text=True)
        ours = json.loads(result.stdout)["distilled_tokens_per_second"]
        result = subprocess.run(
            [options.peer, script, options.folder, converted, text, str(options.steps)],
            check=True, capture_output=True, text=True)
        theirs = float(result.stdout.split()[-2])
        ratios.append(ours / theirs)
        print(f"pair {pair + 1}: mohd-convert {ours:.1f} tokens/s; transformers {theirs:.1f}", flush=True)
    print(f"training, mohd-convert / transformers: {statistics.median(ratios):.2f}x  (bar 1)")


if __name__ == "__main__":
    main()
