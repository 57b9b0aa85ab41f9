#!/usr/bin/env python3
"""Makes reports/subspaces/results.csv: what routers that cluster tokens by local subspaces are worth to SmolLM2-135M.

    python3 reports/make_texts.py .cache/texts
    python3 reports/make_subspaces.py .cache/texts .cache/subspaces --python PYTHON

Run it from the repository's root after `make build`; half an hour on two idle cores. PYTHON has torch and safetensors, for
the two rows with changed routers (Tests/Oracles/change_routers.py). A row that has its result in the second folder is not
made again. Calibration: 4 x 4096 tokens; evaluation: other texts of the same four domains, 10,056 tokens, the model's own
perplexities beside the dense model's.
"""
import argparse
import csv
import json
import math
import pathlib
import resource
import subprocess
import sys

parser = argparse.ArgumentParser()
parser.add_argument("texts", type=pathlib.Path)
parser.add_argument("work", type=pathlib.Path)
parser.add_argument("--python", default=sys.executable)
parser.add_argument("--bin", default=".build/release")
options = parser.parse_args()

MODEL = ".cache/SmolLM2-135M-Instruct.Q4_1.gguf"
CONVERSIONS = {
    "n8": ["--active", "0.5", "--sub-dimensions", "8", "--shared", "3"],
    "t2": ["--active", "0.5", "--times", "2"],
    "t4": ["--active", "0.5", "--times", "4"],
    "imp": ["--active", "0.5", "--sub-dimensions", "8", "--shared", "3", "--grouping", "importance", "--router", "energy"],
    "a75": ["--active", "0.75"],
}
CHANGES = {"n8-zero": "zero", "n8-permute": "permute"}


def corpora(part):
    return ["--corpus"] + [f"{file.name.split('.')[0]}={file}" for file in sorted((options.texts / part).iterdir())]


def perplexities(model, name):
    file = options.work / f"{name}.json"
    if not file.exists():
        run = subprocess.run([f"{options.bin}/mohd-eval", "perplexity", "--model", str(model), "--json", "--quiet"]
                             + corpora("evaluation"), check=True, capture_output=True, text=True)
        file.write_text(run.stdout)
    return {domain["domain"]: domain["token_perplexity"] for domain in json.loads(file.read_text())["domains"]}


options.work.mkdir(parents=True, exist_ok=True)
for name, arguments in CONVERSIONS.items():
    if not (options.work / name).exists():
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([f"{options.bin}/mohd-convert", "--model", MODEL, "--max-tokens-per-domain", "4096", "--quiet",
                        "--output", str(options.work / name)] + corpora("calibration") + arguments, check=True)
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        (options.work / f"{name}.seconds").write_text(f"{seconds:.0f}")
for name, change in CHANGES.items():
    if not (options.work / name).exists():
        subprocess.run([options.python, "Tests/Oracles/change_routers.py", options.work / "n8", options.work / name, change],
                       check=True)

dense = perplexities(MODEL, "dense")
rows = []
for name in [*CONVERSIONS, *CHANGES]:
    found = perplexities(options.work / name, name)
    ratios = {domain: found[domain] / dense[domain] for domain in dense}
    plan = json.loads((options.work / name / "conversion.json").read_text())
    fits = [c["routers"]["centroid"] for c in plan["components"] if "centroid" in c.get("routers", {})]
    routers = [c["router"] for c in plan["components"]]
    seconds = options.work / f"{name}.seconds"

    def mean(key):
        return f"{sum(fit[key] for fit in fits) / len(fits):.4f}" if fits and name in CONVERSIONS else ""

    rows.append({
        "setting": name,
        "options": " ".join(CONVERSIONS.get(name, ["n8, routers:", CHANGES.get(name, "")])),
        "ratio": f"{math.exp(sum(map(math.log, ratios.values())) / len(ratios)):.4f}",
        **{f"ratio_{domain}": f"{value:.4f}" for domain, value in ratios.items()},
        "active_fraction": f"{plan['active_parameters']['fraction']:.4f}",
        "multiplied_over_dense": f"{plan['active_parameters']['all'] / plan['active_parameters']['dense']:.4f}",
        "weights_mib": f"{sum(f.stat().st_size for f in (options.work / name).glob('*.safetensors')) / 2**20:.0f}",
        "routed_components": len(routers) - routers.count("static"), "components": len(routers),
        "energy_kept_static": mean("static_energy"), "energy_kept_routed": mean("captured_energy"),
        "energy_kept_best": mean("oracle_energy"), "agreement_with_best": mean("recall"),
        "conversion_processor_seconds": seconds.read_text() if seconds.exists() else "",
    })
output = pathlib.Path("reports/subspaces/results.csv")
output.parent.mkdir(exist_ok=True)
with output.open("w", newline="") as file:
    writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
