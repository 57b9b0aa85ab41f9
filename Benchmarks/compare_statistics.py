#!/usr/bin/env python3
"""`mohd-stats report` against peer/numpy_statistics.py: the same numbers of the same capture, in turn.

usage: compare_statistics.py --probe MOHD-PROBE --stats MOHD-STATS --peer PYTHON --gguf MODEL
         --work FOLDER [--layers 14-16] [--pairs 3]

Both read the capture that this script makes first: the sample corpora, the four default hook points
of some layers, float32. Ours also checks every hash, keeps the states, and writes page, tables and
figures; theirs prints the time. Prints seconds of each and the median of the ratios, by the clock
and by processor time, which a busy machine disturbs less.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import time


def timed(command):
    before, started = os.times(), time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    spent = after.children_user + after.children_system
    return wall, spent - before.children_user - before.children_system


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("probe", "stats", "peer", "gguf"):
        arguments.add_argument(f"--{name}", required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--layers", default="14-16")
    arguments.add_argument("--pairs", type=int, default=3)
    options = arguments.parse_args()
    root = pathlib.Path(__file__).resolve().parent
    corpora = sorted(path for path in (root.parent / "notebooks-data/corpora").iterdir() if path.is_dir())
    run = options.work / "statistics-run"
    options.work.mkdir(parents=True, exist_ok=True)
    timed([
        options.probe, "capture", "--model", options.gguf, "--corpus",
        *(f"{path.name}={path}" for path in corpora), "--layers", options.layers, "--dtype", "float32",
        "--output", run, "--resume", "--quiet",
    ])
    walls, spents = [], []
    for pair in range(options.pairs):
        ours = timed([
            options.stats, "report", run, "--output", options.work / "statistics-report",
            "--no-pictures", "--quiet",
        ])
        theirs = timed([options.peer, root / "peer/numpy_statistics.py", run])
        walls.append(theirs[0] / ours[0])
        spents.append(theirs[1] / ours[1])
        print(
            f"pair {pair + 1}: mohd-stats {ours[0]:.1f} s ({ours[1]:.1f} s of processors), "
            f"NumPy {theirs[0]:.1f} s ({theirs[1]:.1f} s)", flush=True)
    print(
        f"report, NumPy + h5py / mohd-stats: {statistics.median(walls):.1f}x, "
        f"{statistics.median(spents):.1f}x of processor time  (bar 10)")


main()
