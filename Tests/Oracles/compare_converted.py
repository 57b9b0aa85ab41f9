#!/usr/bin/env python3
"""Swift's logits of a converted folder against transformers' of the same folder.

usage: compare_converted.py [--replay] PROBE FOLDER TEXT [TOKENS]

Bars: logits within 2e-3, the same most likely token at 99.9 % of positions. Needs torch,
transformers and h5py.

A choice among many fine sub-dimensions is a discontinuity: where two scores are equal but for rounding, the programs
may choose differently, and what follows differs visibly. With --replay transformers therefore makes each choice from
Swift's scores (the router hook points of a capture) and everything else itself. Two more things are checked then: its own
scores agree, and where its own choice would have been another, the scores that decide are ties.
"""
import argparse
import math
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
from transformers import AutoModelForCausalLM

TOLERANCE = 2e-3  # the bar; float32 sums of 30 layers in another order
AGREEMENT = 0.999
# Scores are sums of squares of numbers that agree to about 1e-5 after 30 layers.
SCORES = 1e-4  # relative to the token's largest score
TIE = 2e-4  # relative to the smallest score chosen: ties are decided far below the largest

parser = argparse.ArgumentParser()
parser.add_argument("--replay", action="store_true")
for name in ["probe", "folder", "text"]:
    parser.add_argument(name)
parser.add_argument("tokens", nargs="?", type=int, default=1024)
options = parser.parse_args()


def swift(work):
    """Token ids, positions, logits and, to replay, scores by component: [layers, tokens, N]."""
    common = ["--model", options.folder, "--corpus", options.text, "--max-tokens", str(options.tokens), "--quiet"]
    subprocess.run([options.probe, "logits", *common, "--output", str(work / "logits.h5")], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(work / "logits.h5") as file:
        result = [file["token_id"][:], file["position"][:], file["logits"][:], {}]
    if options.replay:
        points = ["attention_router", "ffn_router"]
        subprocess.run(
            [options.probe, "capture", *common, "--hook-points", *points, "--dtype", "float32", "--output", str(work / "run")],
            check=True, stdout=subprocess.DEVNULL)
        with h5py.File(work / "run" / "activations.h5") as file:
            result[3] = {point: file[point][:] for point in points}
    return result


class Replay:
    """Makes a component's choices from Swift's scores, and remembers how its own would have differed."""

    def __init__(self, mixture, scores):
        self.mixture, self.scores, self.rows = mixture, torch.from_numpy(scores), slice(0, 0)
        self.own_choice, mixture.choose = mixture.choose, self.choose
        self.score_difference = self.margin = 0.0
        self.other_choices = 0

    def choose(self, own):
        given = self.scores[self.rows][None]
        active, mine = self.own_choice(given), self.own_choice(own)
        scale = own.amax(-1, keepdim=True)
        self.score_difference = max(self.score_difference, ((own - given).abs() / scale).max().item())
        differs = active != mine
        if differs.any():
            shared = self.mixture.settings.shared
            chosen = own.masked_fill(~mine, math.inf)[..., shared:].amin(-1, keepdim=True)
            self.margin = max(self.margin, ((own - chosen).abs() / chosen)[differs].max().item())
            self.other_choices += int(differs.sum()) // 2
        return active


with tempfile.TemporaryDirectory() as work:
    ids, position, ours, scores = swift(pathlib.Path(work))
model = AutoModelForCausalLM.from_pretrained(options.folder, trust_remote_code=True, dtype=torch.float32).eval()
replays = []
if options.replay:
    for index, layer in enumerate(model.model.layers):
        replays.append(Replay(layer.self_attn.mohd, scores["attention_router"][index]))
        replays.append(Replay(layer.mlp.mohd, scores["ffn_router"][index]))
starts = list(numpy.flatnonzero(position == 0)) + [len(ids)]
largest, same, loss, scored = 0.0, 0, 0.0, 0
for start, end in zip(starts, starts[1:]):
    batch = torch.tensor(ids[start:end].astype("int64"))[None]
    for replay in replays:
        replay.rows = slice(start, end)
    with torch.inference_mode():
        theirs = model(batch).logits[0]
    mine = torch.from_numpy(ours[start:end])
    largest = max(largest, (theirs - mine).abs().max().item())
    same += (theirs.argmax(-1) == mine.argmax(-1)).sum().item()
    if end - start > 1:
        loss += torch.nn.functional.cross_entropy(theirs[:-1], batch[0, 1:], reduction="sum").item()
        scored += end - start - 1
print(f"{len(ids)} tokens: logits within {largest:.2e} (bar {TOLERANCE}), same argmax {same} of {len(ids)}, "
      f"perplexity {math.exp(loss / max(scored, 1)):.6f}")
good = largest <= TOLERANCE and same >= AGREEMENT * len(ids)
if replays:
    count, margin = sum(replay.other_choices for replay in replays), max(replay.margin for replay in replays)
    difference = max(replay.score_difference for replay in replays)
    print(f"replayed: scores within {difference:.1e} of the token's largest (bar {SCORES}); {count} of "
          f"{sum(replay.scores.shape[0] for replay in replays)} choices had another sub-dimension, by {margin:.1e} at most (ties: below {TIE})")
    good = good and difference <= SCORES and margin <= TIE
sys.exit(0 if good else 1)
