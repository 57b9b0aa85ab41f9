#!/usr/bin/env python3
"""What transformers does with a converted folder: generates, trains, saves; and mohd-probe reads the result.

usage: check_transformers_folder.py PROBE FOLDER TEXT

1. Greedy generation with and without the key-value cache gives the same tokens.
2. A few steps of AdamW on TEXT, balance loss included, with gradient checkpointing, lower the loss.
3. What `save_pretrained` wrote is read by mohd-probe, whose logits are those of transformers.

Needs torch, transformers and h5py.
"""
import pathlib
import subprocess
import sys
import tempfile

import h5py
import numpy
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 2e-3  # as compare_converted.py
STEPS, LENGTH, RATE = 4, 64, 1e-4

probe, folder, text = sys.argv[1:4]
torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32)

words = pathlib.Path(text).read_text()
ids = tokenizer(words, return_tensors="pt").input_ids[:, : 4 * LENGTH]
prompt = ids[:, :16]
answers = [
    model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=24, do_sample=False, use_cache=cache,
        pad_token_id=tokenizer.eos_token_id)
    for cache in (True, False)]
same = torch.equal(*answers)
print(f"generates: {tokenizer.decode(answers[0][0])!r}\n  the same without the cache: {same}")

model.train()
model.gradient_checkpointing_enable()
optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
losses = []
batch = ids[:, : ids.shape[1] // LENGTH * LENGTH].reshape(-1, LENGTH)
for _ in range(STEPS):
    loss = model(batch, labels=batch).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimiser.step()
    optimiser.zero_grad()
    losses.append(loss.item())
print("trains: loss " + " ".join(f"{loss:.4f}" for loss in losses))

model.eval()
with tempfile.TemporaryDirectory() as work:
    saved, logits = pathlib.Path(work) / "saved", pathlib.Path(work) / "logits.h5"
    model.save_pretrained(saved)
    tokenizer.save_pretrained(saved)
    subprocess.run(
        [probe, "logits", "--model", saved, "--corpus", text, "--max-tokens", "256", "--sequence-length", "256",
         "--output", logits, "--quiet"], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(logits) as file:
        tokens, position, ours = file["token_id"][:], file["position"][:], file["logits"][:]
end = ([*numpy.flatnonzero(position[1:] == 0) + 1, len(tokens)])[0]
with torch.inference_mode():
    theirs = model(torch.tensor(tokens[:end].astype("int64"))[None]).logits[0].numpy()
largest = float(abs(theirs - ours[:end]).max())
print(f"saves: mohd-probe reads it, {end} tokens' logits within {largest:.2e} (bar {TOLERANCE})")
sys.exit(0 if same and losses[-1] < losses[0] and largest <= TOLERANCE else 1)
