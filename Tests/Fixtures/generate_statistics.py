#!/usr/bin/env python3
"""Writes the fixtures of the statistics: synthetic captures with known answers, and what the
independent NumPy implementation (statistics/reference.py) says of them.

usage: generate_statistics.py

Made with Python 3.11 and NumPy 2.4; the seed is below. Fixtures are float32 rows, [tokens, width],
little-endian, one file for each case, with expected numbers as JSON of nine digits (three for
deviations of draws).
"""

import hashlib
import json
import math
import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent / "statistics"
sys.path.insert(0, str(FOLDER))
import reference  # noqa: E402

SEED = 20241206
WIDTH = 40
# (document, length) of each sequence, in corpus order: short ones, and one of a single token.
SEQUENCES = [(0, 34), (0, 12), (1, 1), (2, 26), (3, 2), (4, 9)]
DRAWS = 100
# Fixtures hold these parameters of each definition; the others differ by a number only.
PARAMETERS = {0.2, 0.5, 0.8, 0.9}


def cases():
    generator = np.random.default_rng(SEED)
    tokens = sum(length for _, length in SEQUENCES)
    scale = np.exp(generator.standard_normal(WIDTH))
    noise = lambda: generator.standard_normal((tokens, WIDTH))  # noqa: E731
    yield "gaussian", noise()
    massive = noise()
    massive[:, 7] *= 3000
    yield "massive", massive
    ar1 = noise()
    for t in range(1, tokens):
        ar1[t] = 0.95 * ar1[t - 1] + math.sqrt(1 - 0.95**2) * ar1[t]
    yield "ar1", ar1
    yield "rank3", generator.standard_normal((tokens, 3)) @ generator.standard_normal((3, WIDTH))
    yield "relu", np.maximum(noise(), 0)
    yield "scaled", noise() * scale
    broken = np.round(noise() * 2) / 2  # Ties, and a NaN and an infinity.
    broken[5, 3] = np.nan
    broken[20, 30] = np.inf
    broken[50] = 0
    yield "broken", broken


def plain(value, digits=9):
    if isinstance(value, dict):
        return {
            key: plain(item, 3 if key == "deviation" else 5 if key == "mean" else digits)
            for key, item in value.items()
            if key not in ("windows", "fractions", "gaussian", "independent")
        }
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item, digits) for item in value]
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else float(f"{value:.{digits}g}")
    return int(value) if isinstance(value, np.integer) else value


def main():
    reference.DEFINITIONS = tuple(d for d in reference.DEFINITIONS if d[1] in PARAMETERS)
    positions = np.concatenate([np.arange(length) for _, length in SEQUENCES])
    layout = {"width": WIDTH, "sequences": SEQUENCES, "draws": DRAWS}
    (FOLDER / "layout.json").write_text(json.dumps(layout) + "\n")
    for name, values in cases():
        values = values.astype("<f4")
        (FOLDER / f"{name}.f32").write_bytes(values.tobytes())
        site = reference.Site(values, positions)
        with np.errstate(all="ignore"):
            expected = {"fixed": site.fixed(), "drawn": site.drawn(DRAWS, SEED, 512)}
        text = json.dumps(plain(expected), separators=(",", ":"), sort_keys=True)
        (FOLDER / f"{name}.json").write_text(text + "\n")
    names = sorted(path.name for path in FOLDER.iterdir() if path.suffix in (".f32", ".json"))
    sums = [f"{hashlib.sha256((FOLDER / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (FOLDER / "SHA256SUMS").write_text("".join(sums))


main()
