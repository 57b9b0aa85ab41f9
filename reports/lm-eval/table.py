#!/usr/bin/env python3
"""The project's own tasks as a table: the first model, and what the others lose.

    python3 reports/lm-eval/table.py NAME=RESULTS...

RESULTS is a folder that `lm_eval --output_path --log_samples` filled (`make lm-eval` does). Prints Markdown. Accuracies
are `acc` in percent with their standard errors over questions; a difference from the first model is over the same
questions, in pairs, and is significant beyond 1.96 of its standard errors.
"""
import json
import math
import pathlib
import re
import sys

DOMAINS = ["geography", "words", "nature", "everyday", "people"]


def read(folder):
    """Results by task, and the right answers of each task by question."""
    file = sorted(pathlib.Path(folder).rglob("results_*.json"))[-1]
    right = {}
    for samples in sorted(pathlib.Path(folder).rglob("samples_*.jsonl")):
        task = re.match(r"samples_mohd_(.*)_\d{4}-", samples.name).group(1)
        lines = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
        right[task] = {line["doc_id"]: line.get("acc") for line in lines}
    return json.loads(file.read_text(encoding="utf-8"))["results"], right


def mean(values):
    """Mean and its standard error, in percent."""
    values = list(values)
    average = sum(values) / len(values)
    spread = sum((value - average) ** 2 for value in values) / (len(values) - 1)
    return 100 * average, 100 * math.sqrt(spread / len(values))


models = [(argument.partition("=")[0], *read(argument.partition("=")[2])) for argument in sys.argv[1:]]
print("| model | " + " | ".join(DOMAINS)
      + " | all five | beside the first | last word | its perplexity | bits per byte |")
print("|---|" + "---:|" * 10)
first = None
for name, results, right in models:
    answers = {(domain, doc): value for domain in DOMAINS for doc, value in right[domain].items()}
    cells = ["{:.0f}".format(100 * results[f"mohd_{domain}"]["acc,none"]) for domain in DOMAINS]
    cells.append("{:.1f} ± {:.1f}".format(*mean(answers.values())))
    if first is None:
        first = answers
        cells.append("")
    else:
        difference, error = mean(answers[key] - first[key] for key in first)
        significant = "significant" if abs(difference) > 1.96 * error else "not decided"
        cells.append(f"{difference:+.1f} ± {error:.1f}, {significant}")
    word = results["mohd_last_word"]
    cells += ["{:.0f}".format(100 * word["acc,none"]), "{:.3g}".format(word["perplexity,none"]),
              "{:.4f}".format(results["mohd_rolling"]["bits_per_byte,none"])]
    print(f"| {name} | " + " | ".join(cells) + " |")
