#!/usr/bin/env python3
"""What a user would write today for the same numbers: NumPy and h5py, straightforwardly.

usage: numpy_statistics.py RUN [LAYER …]

Reads RUN/activations.h5 layer by layer, computes every statistic and one draw of every null of
each hook point, and prints seconds. Vectorised where that is natural; boolean arrays for sets.
"""

import pathlib
import sys
import time

import h5py
import numpy as np

FRACTIONS = sorted([k / 32 for k in range(1, 33)] + [1000 / 4096])
EPSILONS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.04, 0.1, 0.25, 0.5, 1]
RELATIVE = [1e-4, 1e-3, 1e-2, 0.1, 0.25, 0.5, 1]
TENTHS = np.arange(1, 10) / 10
SHARES = [0.5, 0.8, 0.9, 0.95]
SAMPLE_LIMIT = 4096


def curves(x):
    """Shares of the top fractions, squared and absolute, as means over tokens."""
    ordered = -np.sort(-np.abs(x), axis=1)
    k = np.ceil(np.array(FRACTIONS) * x.shape[1] - 1e-9).astype(int) - 1
    result = []
    for m in (ordered.astype(np.float64) ** 2, ordered.astype(np.float64)):
        prefix = np.cumsum(m, axis=1)
        result.append((prefix[:, k] / prefix[:, -1:]).mean(axis=0))
    return result


def windows(members, runs):
    sums = np.zeros(21)
    for first, last in runs:
        inside = members[first:last].copy()
        for w in range(2, 21):
            if last - first < w:
                break
            inside = inside[:-1] & members[first + w - 1 : last]
            sums[w] += inside.sum()
    return sums


def shuffled(members, runs, generator):
    order = np.arange(len(members))
    for first, last in runs:
        order[first:last] = first + generator.permutation(last - first)
    return windows(members[order], runs)


def site(x, runs, sample_count, generator):
    width = x.shape[1]
    magnitude = np.abs(x)
    wide = x.astype(np.float64)
    square = wide**2
    sample = x[:sample_count]
    sample_runs = [r for r in runs if r[1] <= sample_count]
    out = [curves(x)]
    out.append([np.cumsum(np.sort(m.mean(axis=0))[::-1]) for m in (square, magnitude)])
    out.append([(square < e).mean() for e in EPSILONS])
    out.append([(square < e * square.mean()).mean() for e in RELATIVE])
    median = np.median(magnitude)
    covariance = np.cov(wide.T, bias=True)
    out.append([
        magnitude.mean(), median, square.mean() ** 0.5, magnitude.max(),
        square.mean(axis=0).sum() ** 2 / (square.mean(axis=0) ** 2).sum(),
        np.trace(covariance) ** 2 / (covariance**2).sum(),
        ((wide - wide.mean()) ** 4).mean() / wide.var() ** 2 - 3,
        ((magnitude > 100) & (magnitude > 1000 * median)).any(axis=0),
    ])
    order = np.argsort(-magnitude, axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(width)[None, :], axis=1)
    energy = np.cumsum(np.take_along_axis(square, order, axis=1), axis=1)
    families = [magnitude > q for q in np.quantile(magnitude, TENTHS)]
    families += [rank < np.ceil(p * width - 1e-9) for p in TENTHS]
    families += [rank <= (energy < e * energy[:, -1:]).sum(axis=1)[:, None] for e in SHARES]
    families += [magnitude >= f * magnitude.max(axis=1, keepdims=True) for f in TENTHS]
    for index, members in enumerate(families):
        rate = members.mean(axis=0)
        out.append([windows(members, runs), [(rate**w).mean() for w in range(2, 21)]])
        out.append(shuffled(members[:sample_count], sample_runs, generator))
        if 9 <= index < 18:
            for first, last in runs:
                if last - first >= 5:
                    total = sum(members[first + i : last - 4 + i].astype(np.uint8) for i in range(5))
                    out.append(np.bincount(total.ravel(), minlength=6))
    out.append(curves(generator.permuted(sample, axis=0)))
    drawn = generator.standard_normal((SAMPLE_LIMIT, width)).astype(np.float32)
    out.append(curves(drawn * wide.std(axis=0) + wide.mean(axis=0)))
    q, _ = np.linalg.qr(generator.standard_normal((width, width)))
    out.append(curves(sample @ q.astype(np.float32)))
    _, basis = np.linalg.eigh(sample.astype(np.float64).T @ sample.astype(np.float64))
    out.append(curves(sample @ basis.astype(np.float32)))
    return out


def main():
    started = time.perf_counter()
    generator = np.random.default_rng(0)
    with h5py.File(pathlib.Path(sys.argv[1]) / "activations.h5") as file:
        positions = file["position"][:]
        kept = positions > 0
        positions = positions[kept]
        begins = np.flatnonzero(np.concatenate([[True], positions[1:] != positions[:-1] + 1]))
        runs = list(zip(begins, np.append(begins[1:], len(positions))))
        sample_count = max((last for _, last in runs if last <= SAMPLE_LIMIT), default=0)
        names = [n for n, d in file.items() if d.ndim == 3]
        layers = [int(n) for n in sys.argv[2:]] or range(file[names[0]].shape[0])
        for layer in layers:
            for name in names:
                x = file[name][layer][kept].astype(np.float32)
                site(x, runs, sample_count, generator)
    seconds = time.perf_counter() - started
    print(f"{len(layers)} layers, {len(names)} hook points, {len(positions)} tokens: {seconds:.2f} s")


main()
