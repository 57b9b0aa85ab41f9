#!/usr/bin/env python3
"""mohd-convert's k-means against scikit-learn's, on the same activations of a real model, in turn.

usage: compare_kmeans.py --probe MOHD-PROBE --forward FORWARD-BENCHMARK --gguf MODEL --work FOLDER
         [--clusters 8 36 144] [--tokens 8192] [--seeds 5]

Data: ffn_input of layer 15 on the sample corpora. Both begin with k-means++ and end at the same
tolerance, one start each, two threads; k-means finds one of many optima, so the inertias are means
over seeds. Prints scikit-learn's time over ours, and our inertia over theirs. Needs h5py and
scikit-learn.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import time

import h5py
import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

LAYER = 15
BAR, INERTIA_BAR = 1.0, 0.01


def activations(options):
    run = options.work / "kmeans-run"
    root = pathlib.Path(__file__).resolve().parent.parent
    corpora = sorted(path for path in (root / "notebooks-data/corpora").iterdir() if path.is_dir())
    subprocess.run([
        options.probe, "capture", "--model", options.gguf, "--corpus",
        *(f"{path.name}={path}" for path in corpora), "--layers", str(LAYER), "--hook-points",
        "ffn_input", "--dtype", "float32", "--max-tokens", str(options.tokens), "--output", run,
        "--resume", "--quiet",
    ], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(run / "activations.h5") as file:
        return np.ascontiguousarray(file["ffn_input"][0], dtype=np.float32)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("probe", "forward", "gguf"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--clusters", type=int, nargs="+", default=[8, 36, 144])
    arguments.add_argument("--tokens", type=int, default=8192)
    arguments.add_argument("--seeds", type=int, default=5)
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    x = activations(options)
    print(f"{x.shape[0]} tokens of {x.shape[1]} dimensions, {options.seeds} seeds")
    for clusters in options.clusters:
        ours, theirs = [], []
        for seed in range(options.seeds):
            answer = subprocess.run(
                [options.forward, "kmeans", *map(str, x.shape), str(clusters), str(seed)],
                input=x.tobytes(), check=True, capture_output=True).stdout
            mine = json.loads(answer)
            ours.append((mine["seconds"], mine["inertia"]))
            with threadpool_limits(2):
                started = time.perf_counter()
                fitted = KMeans(clusters, n_init=1, random_state=seed, max_iter=100).fit(x)
                theirs.append((time.perf_counter() - started, float(fitted.inertia_)))
        speed = statistics.median(their[0] / our[0] for our, their in zip(ours, theirs))
        inertia = statistics.mean(our[1] for our in ours) / statistics.mean(t[1] for t in theirs)
        print(
            f"{clusters} clusters: scikit-learn / ours {speed:.2f} (bar {BAR}), "
            f"our inertia / theirs {inertia:.4f} (bar 1 ± {INERTIA_BAR})", flush=True)


if __name__ == "__main__":
    main()
