#!/usr/bin/env python3
"""Checks a statistics.json against the capture it was made from, with NumPy and h5py only.

usage: check_statistics.py RUN STATISTICS.json [--layers 0,1,…] [--hook-points NAME,…] [--draws N]

Every number that needs no random numbers must agree: integers exactly, fractions to 1e-6 relative.
Numbers that do must lie in the 99 % interval of N draws of NumPy's own (of many numbers one in a
hundred may lie outside; the share that does is printed and judged at 3 %). Exit status 1 when not.
"""

import argparse
import json
import pathlib

import h5py
import numpy as np

import reference

RELATIVE = 1e-6
NORMAL_99 = 2.576


def compare(path, found, expected, failures):
    if isinstance(expected, dict):
        for key, value in expected.items():
            compare(f"{path}.{key}", found.get(key), value, failures)
    elif isinstance(expected, (list, tuple, np.ndarray)):
        if found is None or len(found) != len(expected):
            failures.append(f"{path}: found {found}, not {expected}")
            return
        for index, value in enumerate(expected):
            compare(f"{path}[{index}]", found[index], value, failures)
    elif expected is None or isinstance(expected, (str, bool, int, np.integer)):
        if found != expected:
            failures.append(f"{path}: found {found}, not {expected}")
    elif found is None or not abs(found - expected) <= RELATIVE * max(abs(expected), 1e-9):
        failures.append(f"{path}: found {found}, not {expected}")


def outside(found, drawn):
    """How many numbers lie outside the 99 % interval of a further draw, of how many."""
    if found is None:
        return 0, 0
    found = np.array([np.nan if f is None else f for f in found], float)
    known = ~np.isnan(found)
    limit = NORMAL_99 * drawn["deviation"] * np.sqrt(1 + 1 / 30) + RELATIVE
    far = np.abs(found - drawn["mean"]) > limit
    return int(far[known].sum()), int(known.sum())


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("run")
    arguments.add_argument("statistics")
    arguments.add_argument("--layers")
    arguments.add_argument("--hook-points")
    arguments.add_argument("--draws", type=int, default=0)
    options = arguments.parse_args()
    report = json.loads(pathlib.Path(options.statistics).read_text())
    failures, far, all_draws = [], 0, 0
    with h5py.File(pathlib.Path(options.run) / "activations.h5") as file:
        layer_numbers = list(file["layer"][:])
        positions, documents = file["position"][:], file["document"][:]
        # Number of each sequence within its document.
        begins = np.concatenate([[True], positions[1:] != positions[:-1] + 1])
        begins |= np.concatenate([[True], documents[1:] != documents[:-1]])
        sequence = np.zeros(len(positions), int)
        for t in range(1, len(positions)):
            same = documents[t] == documents[t - 1]
            sequence[t] = sequence[t - 1] + int(begins[t]) if same else 0
        chosen = {tuple(pair) for pair in report["null_sample"]["sequences"]}
        mask = np.array([pair in chosen for pair in zip(documents, sequence)], bool)
        first = report["skipped_positions"] == []
        wanted = None if options.layers is None else {int(n) for n in options.layers.split(",")}
        names = None if options.hook_points is None else set(options.hook_points.split(","))
        for layer in report["layers"]:
            if wanted is not None and layer["layer"] not in wanted:
                continue
            for name, found in layer["hook_points"].items():
                if names is not None and name not in names:
                    continue
                values = file[name][layer_numbers.index(layer["layer"])]
                site = reference.Site(values, positions, mask, first)
                place = f"layer {layer['layer']} {name}"
                limit = report["options"]["spectrum_token_limit"]
                compare(place, found, site.fixed(limit), failures)
                if options.draws > 1:
                    draws = site.drawn(options.draws, 1, min(4096, max(512, len(site.rows))))
                    pairs = [
                        (found["long_tail"][m][key], value)
                        for m in ("squared", "absolute")
                        for key, value in draws["long_tail"][m].items()
                    ] + [(s["shuffled"], d) for s, d in zip(found["shared"], draws["shared"])]
                    for pair in pairs:
                        a, b = outside(*pair)
                        far, all_draws = far + a, all_draws + b
                print(f"{place}: {len(failures)} failures so far", flush=True)
    for failure in failures[:40]:
        print(failure)
    if all_draws:
        print(f"{far} of {all_draws} random numbers outside their 99 % interval")
    raise SystemExit(1 if failures or far > 0.03 * all_draws else 0)


if __name__ == "__main__":
    main()
