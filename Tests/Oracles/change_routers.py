#!/usr/bin/env python3
"""A copy of a converted folder whose routers are taken out: does what they say matter?

    python Tests/Oracles/change_routers.py FOLDER OUTPUT zero
    python Tests/Oracles/change_routers.py FOLDER OUTPUT permute --seed 0

zero: Φ becomes 0, so that the bias alone chooses, the same for every token. permute: the rows of Φ of
the specialised sub-dimensions, with their biases, change places; none keeps its own. `mohd-eval
perplexity` of FOLDER and OUTPUT then says what the choices are worth.
"""
import argparse
import json
import pathlib
import shutil

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("output", type=pathlib.Path)
parser.add_argument("change", choices=["zero", "permute"])
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

mohd = json.loads((options.folder / "config.json").read_text())["mohd"]


def shared_count(name):
    """S of the component that a tensor belongs to."""
    component = mohd["attention" if ".self_attn." in name else "ffn"]
    if isinstance(component, list):
        component = component[int(name.split("layers.")[1].split(".")[0])]
    return component["shared"]


def derangement(count, generator):
    """Numbers below `count` in an order in which none is in its place."""
    assert count > 1, "one specialised sub-dimension has nowhere to go"
    while True:
        order = torch.randperm(count, generator=generator)
        if not (order == torch.arange(count)).any():
            return order


options.output.mkdir(parents=True, exist_ok=True)
orders = {}
changed = 0
generator = torch.Generator().manual_seed(options.seed)
for path in sorted(options.folder.iterdir()):
    if path.suffix != ".safetensors":
        if path.is_file():
            shutil.copy(path, options.output)
        continue
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    for name in sorted(tensors):
        part = name.rpartition(".")[2]
        if not (name.endswith("mohd.router.weight") or name.endswith("mohd.router.bias")):
            continue
        if options.change == "zero":
            if part == "weight":
                tensors[name] = torch.zeros_like(tensors[name])
                changed += 1
            continue
        shared = shared_count(name)
        # The bias goes where its row goes.
        router = name.rpartition(".")[0]
        rows = tensors[name][shared:]
        if router not in orders:
            orders[router] = derangement(len(rows), generator)
        changed += part == "weight"
        tensors[name] = torch.cat([tensors[name][:shared], rows[orders[router]]]).contiguous()
    save_file(tensors, options.output / path.name, metadata=metadata)
print(f"{options.output}: {changed} routers changed")
assert changed, "no router in this folder"
