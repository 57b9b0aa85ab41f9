#!/usr/bin/env python3
"""Swift's logits of a converted folder against transformers' of the same folder.

usage: compare_converted.py PROBE FOLDER TEXT [TOKENS]

Bars: logits within 2e-3, the same most likely token at 99.9 % of positions. Needs torch,
transformers and h5py.
"""
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

probe, folder, text = sys.argv[1:4]
tokens = int(sys.argv[4]) if len(sys.argv) > 4 else 1024
with tempfile.TemporaryDirectory() as work:
    path = pathlib.Path(work) / "logits.h5"
    subprocess.run(
        [probe, "logits", "--model", folder, "--corpus", text, "--max-tokens", str(tokens), "--output", str(path), "--quiet"],
        check=True, stdout=subprocess.DEVNULL)
    with h5py.File(path) as file:
        ids, position, ours = file["token_id"][:], file["position"][:], file["logits"][:]

model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).eval()
starts = list(numpy.flatnonzero(position == 0)) + [len(ids)]
largest, same, loss, scored = 0.0, 0, 0.0, 0
for start, end in zip(starts, starts[1:]):
    batch = torch.tensor(ids[start:end].astype("int64"))[None]
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
sys.exit(0 if largest <= TOLERANCE and same >= AGREEMENT * len(ids) else 1)
