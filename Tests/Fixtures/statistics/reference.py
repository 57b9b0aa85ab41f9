"""The statistics of Section 3 once more, in plain NumPy: the oracle of the Swift module.

Written from the definitions, not from the Swift code, and without regard to speed. Everything is
float64; `rows` is [tokens, width] in corpus order, `starts` marks where a sequence begins, both
after skipped positions have been dropped.
"""

import functools
import math
from statistics import NormalDist

import numpy as np

FRACTIONS = sorted([k / 32 for k in range(1, 33)] + [1000 / 4096])
EPSILONS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.04, 0.1, 0.25, 0.5, 1]
RELATIVE_EPSILONS = [1e-4, 1e-3, 1e-2, 0.1, 0.25, 0.5, 1]
TENTHS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
SHARES = [0.5, 0.8, 0.9, 0.95]
WINDOWS = list(range(2, 21))


def count_of(fraction, width):
    return max(1, math.ceil(fraction * width - 1e-9))


def runs_of(starts, finite):
    """Runs of consecutive finite tokens of one sequence, as (first, last + 1)."""
    runs, first = [], None
    for t in range(len(starts) + 1):
        if first is not None and (t == len(starts) or starts[t] or not finite[t]):
            runs.append((first, t))
            first = None
        if t < len(starts) and finite[t] and first is None:
            first = t
    return runs


def top_share(magnitude):
    """Mean over tokens of the share of the top fractions; tokens of zeros only are left out."""
    magnitude = magnitude[magnitude.sum(axis=1) > 0]
    if len(magnitude) == 0:
        return None
    ordered = -np.sort(-magnitude, axis=1)
    prefix = np.cumsum(ordered, axis=1)
    counts = [count_of(p, magnitude.shape[1]) - 1 for p in FRACTIONS]
    return (prefix[:, counts] / prefix[:, -1:]).mean(axis=0)


def gaussian_share(p, squared):
    z = NormalDist().inv_cdf(1 - p / 2) if p < 1 else 0.0
    if squared:
        return 2 * (z * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) + p / 2)
    return math.exp(-z * z / 2)


def measure(rows, squared):
    return rows**2 if squared else np.abs(rows)


def long_tail(rows, sample, squared):
    m = measure(rows, squared)
    mean = np.sort(m.mean(axis=0))[::-1]
    prefix = np.cumsum(mean)
    counts = [count_of(p, rows.shape[1]) - 1 for p in FRACTIONS]
    _, basis = np.linalg.eigh(sample.T @ sample / len(sample))
    return {
        "fractions": FRACTIONS,
        "per_token": top_share(m),
        "of_mean": prefix[counts] / prefix[-1],
        "gaussian": [gaussian_share(p, squared) for p in FRACTIONS],
        "pca_basis": top_share(measure(sample @ basis, squared)),
    }


def drawn_long_tail(rows, sample, squared, generator, token_count):
    """One draw of each null that needs random numbers."""
    width = rows.shape[1]
    drawn = rows.mean(axis=0) + rows.std(axis=0) * generator.standard_normal((token_count, width))
    shuffled = np.stack([generator.permutation(column) for column in sample.T], axis=1)
    q, r = np.linalg.qr(generator.standard_normal((width, width)))
    return {
        "per_dimension_gaussian": top_share(measure(drawn, squared)),
        "column_shuffle": top_share(measure(shuffled, squared)),
        "random_basis": top_share(measure(sample @ (q * np.sign(np.diag(r))), squared)),
    }


@functools.lru_cache(maxsize=1)
def ranks_of(key):
    """Descending by magnitude, ties to the lower index: the order, and each entry's place in it."""
    order = np.argsort(-np.abs(key.rows), axis=1, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], axis=1)
    return order, rank


class Identity:
    """Rows as a key of the cache: the same array, not an equal one."""

    def __init__(self, rows):
        self.rows = rows

    def __hash__(self):
        return id(self.rows)

    def __eq__(self, other):
        return self.rows is other.rows


def ranks(rows):
    return ranks_of(Identity(rows))


def sets(rows, definition, parameter, quantile_rows=None):
    """Membership, [tokens, width]."""
    x = np.abs(rows)
    width = x.shape[1]
    if definition == "above_quantile":
        return x > np.quantile(np.abs(rows if quantile_rows is None else quantile_rows), parameter)
    if definition == "fraction_of_maximum":
        return x >= parameter * x.max(axis=1, keepdims=True)
    order, rank = ranks(rows)
    if definition == "token_top_fraction":
        return rank < count_of(parameter, width)
    energy = np.cumsum(np.take_along_axis(x, order, axis=1) ** 2, axis=1)
    total = energy[:, -1:]
    size = np.where(total[:, 0] > 0, (energy < parameter * total).sum(axis=1) + 1, 0)
    return rank < size[:, None]


DEFINITIONS = (
    [("above_quantile", q) for q in TENTHS]
    + [("token_top_fraction", p) for p in TENTHS]
    + [("energy_share", e) for e in SHARES]
    + [("fraction_of_maximum", f) for f in TENTHS]
)


def windows(members, runs):
    """For each w: Σ of intersection sizes and number of windows."""
    sums, counts = [0] * len(WINDOWS), [0] * len(WINDOWS)
    for first, last in runs:
        inside = members[first:last]
        for w in range(2, min(WINDOWS[-1], last - first) + 1):
            # Those in all of w − 1 tokens and in the one that follows.
            inside = inside[:-1] & members[first + w - 1 : last]
            sums[w - 2] += int(np.count_nonzero(inside))
            counts[w - 2] += len(inside)
    return sums, counts


def means(sums, counts, width):
    return [s / (c * width) if c else None for s, c in zip(sums, counts)]


def shared(rows, runs, definition, parameter, quantile_rows=None):
    members = sets(rows, definition, parameter, quantile_rows)
    rate = members.mean(axis=0)
    density = members.mean()
    return {
        "definition": definition,
        "parameter": parameter,
        "density": density,
        "windows": WINDOWS,
        "observed": means(*windows(members, runs), rows.shape[1]),
        "independent": [density**w for w in WINDOWS],
        "static_scale": [(rate**w).mean() for w in WINDOWS],
    }


def drawn_shuffle(members, runs, width, generator):
    """One draw of `shuffled`: tokens shuffled within each run."""
    mixed = members.copy()
    for first, last in runs:
        mixed[first:last] = members[first + generator.permutation(last - first)]
    return means(*windows(mixed, runs), width)


def five_tokens(rows, runs, parameter):
    members = sets(rows, "token_top_fraction", parameter)
    exactly = np.zeros(6)
    number = 0
    for first, last in runs:
        if last - first < 5:
            continue
        total = sum(members[first + i : last - 4 + i].astype(np.int8) for i in range(5))
        exactly += np.bincount(total.ravel(), minlength=6)
        number += len(total)
    if number == 0:
        return {"parameter": parameter, "in_exactly": None, "in_all": None, "unique_per_token": None}
    exactly = exactly / (number * rows.shape[1])
    return {
        "parameter": parameter,
        "in_exactly": exactly,
        "in_all": exactly[5],
        "unique_per_token": exactly[1] / 5,
    }


def magnitude(rows, spectrum_rows, non_finite):
    x = np.abs(rows)
    width = rows.shape[1]
    energy = (rows**2).mean(axis=0)
    eigenvalues = np.linalg.eigvalsh(np.cov(spectrum_rows.T, bias=True))
    norms = np.sqrt((rows**2).sum(axis=1))
    alive = norms > 0
    hoyer = (math.sqrt(width) - x[alive].sum(axis=1) / norms[alive]) / (math.sqrt(width) - 1)
    centred = rows - rows.mean()
    median = np.median(x)
    massive = (x > 100) & (x > 1000 * median)
    return {
        "mean_absolute": x.mean(),
        "median_absolute": median,
        "root_mean_square": math.sqrt((rows**2).mean()),
        "maximum_absolute": x.max(),
        "participation_ratio": energy.sum() ** 2 / (energy**2).sum(),
        "spectral_participation_ratio": eigenvalues.sum() ** 2 / (eigenvalues**2).sum(),
        "hoyer": hoyer.mean(),
        "excess_kurtosis": (centred**4).mean() / (centred**2).mean() ** 2 - 3,
        "massive_dimensions": np.flatnonzero(massive.any(axis=0)),
        "massive_count": int(massive.sum()),
        "non_finite_count": non_finite,
    }


def sparsity(rows):
    square = rows**2
    return {
        "epsilons": EPSILONS,
        "fraction": [(square < e).mean() for e in EPSILONS],
        "relative_epsilons": RELATIVE_EPSILONS,
        "relative_fraction": [(square < e * square.mean()).mean() for e in RELATIVE_EPSILONS],
    }


class Site:
    """One hook point of one layer: rows as captured, tokens with NaN or infinity set apart."""

    def __init__(self, values, positions, sample_mask=None, include_first=False):
        kept = np.ones(len(values), bool) if include_first else np.asarray(positions) > 0
        values = np.asarray(values, np.float64)[kept]
        positions = np.asarray(positions)[kept]
        starts = np.concatenate([[True], positions[1:] != positions[:-1] + 1])[: len(positions)]
        finite = np.isfinite(values).all(axis=1)
        self.non_finite = int((~np.isfinite(values)).sum())
        number = np.cumsum(finite) - 1
        self.runs = [(number[a], number[b - 1] + 1) for a, b in runs_of(starts, finite)]
        self.rows = values[finite]
        mask = np.ones(len(values), bool) if sample_mask is None else sample_mask[kept]
        self.in_sample = mask[finite]
        self.sample = self.rows[self.in_sample]
        self.sample_runs = [r for r in self.runs if self.in_sample[r[0]]]

    def fixed(self, spectrum_limit=16384):
        """Every number that needs no random numbers."""
        spectrum = self.rows if len(self.rows) <= spectrum_limit else self.sample
        return {
            "long_tail": {
                "squared": long_tail(self.rows, self.sample, True),
                "absolute": long_tail(self.rows, self.sample, False),
            },
            "sparsity": sparsity(self.rows),
            "magnitude": magnitude(self.rows, spectrum, self.non_finite),
            "shared": [shared(self.rows, self.runs, *d) for d in DEFINITIONS],
            "five_tokens": [five_tokens(self.rows, self.runs, p) for p in TENTHS],
        }

    def drawn(self, draws, seed, gaussian_tokens):
        """Mean and standard deviation over draws of every number that needs random numbers."""
        generator = np.random.default_rng(seed)
        result = {"long_tail": {}, "shared": []}
        for name, squared in (("squared", True), ("absolute", False)):
            runs = [
                drawn_long_tail(self.rows, self.sample, squared, generator, gaussian_tokens)
                for _ in range(draws)
            ]
            result["long_tail"][name] = {
                key: spread([run[key] for run in runs]) for key in runs[0]
            }
        for definition, parameter in DEFINITIONS:
            members = sets(self.rows, definition, parameter)
            runs = [
                drawn_shuffle(members, self.sample_runs, self.rows.shape[1], generator)
                for _ in range(draws)
            ]
            result["shared"].append(spread(runs))
        return result


def spread(draws):
    values = np.array(draws, float)
    return {"mean": values.mean(axis=0), "deviation": values.std(axis=0, ddof=1)}
