#!/usr/bin/env python3
"""Holds the steps of mohd-train against PyTorch's, in turn, on this machine.

    python3 Benchmarks/compare_training.py [--pairs 7] [--bin .build/release] [--only nano]

Same model, float32, as many threads as processors, sequences of 256, 16 a step; PyTorch at its best of eager
and compiled, sdpa, fused AdamW. Prints medians of tokens/s and of the ratios of each round. Needs torch and
transformers in the Python that runs it.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SEQUENCES, LENGTH = 16, 256


def llama(hidden, inner, layers, heads, vocabulary):
    return dict(
        model_type="llama", hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=heads, head_dim=32, vocab_size=vocabulary,
        max_position_embeddings=LENGTH, rms_norm_eps=1e-5, tie_word_embeddings=False, bos_token_id=0,
        eos_token_id=0,
    )


def mohd(dense, widening=1):
    settings = dict(sub_dimensions=8, shared=3, top_k=4, fusion="monarch")
    config = dict(dense, model_type="mohd", mohd={"attention": settings, "ffn": settings})
    config["hidden_size"] *= widening
    return config


NANO, SMALL = llama(128, 320, 4, 4, 1024), llama(256, 640, 8, 8, 2048)
# Name, model, who is compared with it (ours, by name, or PyTorch's modes), steps of a burst.
LINES = [
    ("nano", NANO, ["eager", "compiled"], 12),
    ("d256", SMALL, ["eager", "compiled"], 3),
    ("d256-50%", mohd(SMALL), ["d256", "eager"], 3),
    ("nano-x2", mohd(NANO, 2), ["nano"], 6),
]
BARS = {
    ("nano", "torch"): 1.2, ("d256", "torch"): 1.2, ("d256-50%", "d256"): 1.25, ("d256-50%", "torch"): 3,
    ("nano-x2", "nano"): 1 / 1.6,
}


class Ours:
    def __init__(self, tool, folder, name, config):
        self.tool, self.folder, self.name = tool, folder, name
        self.config = folder / f"{name}.json"
        self.config.write_text(json.dumps(config))

    def burst(self, steps):
        with tempfile.TemporaryDirectory() as run:
            subprocess.run(
                [
                    self.tool, "run", "--config", self.config, "--tokenizer", ROOT / "notebooks-data/tokenizer-1024",
                    "--prepared", self.folder / "tokens", "--tokens", str((steps + 1) * SEQUENCES * LENGTH),
                    "--evaluation-tokens", "256", "--max-epochs", "1e6", "--checkpoint-every", "1000000",
                    "--evaluate-every", "1000000", "--output", run, "--quiet",
                ],
                check=True, capture_output=True,
            )
            lines = (pathlib.Path(run) / "train.jsonl").read_text().splitlines()
            tokens = sum(json.loads(line)["tokens"] for line in lines)
            events = [json.loads(line) for line in (pathlib.Path(run) / "train.log").read_text().splitlines()]
            return tokens / sum(event.get("parts", {}).get("steps", 0) for event in events)


class Torch:
    def __init__(self, config, mode):
        self.process = subprocess.Popen(
            [sys.executable, ROOT / "Benchmarks/peer/torch_train.py", config, str(SEQUENCES), str(LENGTH), mode],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{mode}: the peer did not start")

    def burst(self, steps):
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def core_type(tool):
    """What OpenBLAS takes this processor for; our products choose for themselves."""
    found = subprocess.run(
        [tool, "--version"], env={**os.environ, "OPENBLAS_VERBOSE": "2"}, capture_output=True, text=True)
    match = re.search(r"Core: (\S+)", found.stderr + found.stdout)
    return match.group(1) if match else "unknown"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / ".build/release")
    parser.add_argument("--only")
    parser.add_argument("--no-compile", action="store_true", help="leave PyTorch's compiler out")
    args = parser.parse_args()
    tool = args.bin / "mohd-train"
    print(f"OpenBLAS core type: {core_type(tool)}; processors: {os.cpu_count()}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        text = "\n".join(p.read_text() for p in sorted(ROOT.glob("notebooks-data/corpora/*/*.txt")))
        (folder / "text.txt").write_text(text * 4)
        subprocess.run(
            [
                tool, "tokens", "--tokenizer", ROOT / "notebooks-data/tokenizer-1024", "--corpus",
                f"all={folder}/text.txt", "--output", folder / "tokens",
            ],
            check=True, capture_output=True,
        )
        ours = {name: Ours(tool, folder, name, config) for name, config, _, _ in LINES}
        for name, _, peers, steps in LINES:
            if args.only and args.only != name:
                continue
            modes = [m for m in peers if m in ("eager", "compiled") and not (args.no_compile and m == "compiled")]
            others = {m: Torch(ours[name].config, m) for m in modes}
            others |= {p: ours[p] for p in peers if p in ours}
            rounds = []
            for _ in range(args.pairs):
                rounds.append({"ours": ours[name].burst(steps)} | {
                    k: v.burst(steps) for k, v in others.items()})
            for other in others.values():
                if isinstance(other, Torch):
                    other.close()
            medians = {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
            print(f"{name}: " + ", ".join(f"{k} {v:,.0f} tokens/s" for k, v in medians.items()), flush=True)
            best = max(modes, key=medians.get, default=None)
            for key, who in [("torch", best)] + [(p, p) for p in peers if p in ours]:
                if who is None:
                    continue
                ratio = statistics.median(r["ours"] / r[who] for r in rounds)
                bar = BARS.get((name, key))
                print(f"  over {who} ({key}): {ratio:.2f}, bar {bar:.2f}, {'met' if ratio >= bar else 'MISSED'}")


if __name__ == "__main__":
    main()
