#!/usr/bin/env python3
"""A copy of a Hugging Face folder whose weights carry seeded noise: something to compare the original with.

    python Tests/Oracles/perturb_model.py FOLDER OUTPUT --noise 0.05 --seed 0

Each matrix gets Gaussian noise of NOISE times its own standard deviation.
"""
import argparse
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("output", type=pathlib.Path)
parser.add_argument("--noise", type=float, default=0.05)
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
options.output.mkdir(parents=True, exist_ok=True)
for path in options.folder.iterdir():
    if path.name != "model.safetensors":
        shutil.copy(path, options.output)
generator = torch.Generator().manual_seed(options.seed)
tensors = load_file(options.folder / "model.safetensors")
for name in sorted(tensors):
    if tensors[name].dim() == 2:
        noise = torch.randn(tensors[name].shape, generator=generator)
        tensors[name] = (tensors[name] + options.noise * tensors[name].std() * noise).contiguous()
save_file(tensors, options.output / "model.safetensors", metadata={"format": "pt"})
