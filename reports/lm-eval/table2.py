#!/usr/bin/env python3
"""lm-evaluation-harness's results as Table 2 of arXiv 2412.05644, ours beside the paper's.

    python3 reports/lm-eval/table2.py NAME=RESULTS... [--paper 355M]

NAME is how a model is called in the table, RESULTS a folder that `lm_eval --output_path` filled, in one run or several
(reports/lm-eval/paper_tasks.sh makes one). Prints Markdown. Accuracies are `acc` in percent; the average is over the
tasks that are there. A task with other shots than the paper's, or with a limit, is marked.
"""
import argparse
import json
import pathlib
import sys

# Column, task of lm-evaluation-harness, shots (Section 5.1; the paper gives none for MMLU, 5 is usual).
COLUMNS = [
    ("SciQ", "sciq", 0), ("PIQA", "piqa", 0), ("WG", "winogrande", 0), ("ARC-E", "arc_easy", 0),
    ("ARC-C", "arc_challenge", 25), ("Hella.", "hellaswag", 10), ("LogiQA", "logiqa", 0), ("BoolQ", "boolq", 32),
    ("Lam.", "lambada_openai", 0), ("MMLU", "mmlu", 5),
]
# Table 2: model, activated parameters, the ten columns, average.
PAPER = """\
LLaMA2-355M	289M	74.0	65.2	50.5	44.7	20.1	31.1	19.5	59.7	36.6	25.2	42.7
MoHD 50%-355M	145M	74.0	65.6	50.4	43.9	19.7	30.7	20.6	54.7	37.7	25.6	42.3
MoHD 75%-355M	217M	75.3	65.6	50.9	44.7	20.9	31.1	22.3	55.8	38.9	26.2	43.2
MoHD x2-710M	289M	76.6	67.5	49.8	47.7	23.0	33.4	20.7	60.5	43.3	26.5	44.9
MoHD x3-1.06B	289M	77.1	67.8	51.1	47.6	21.8	33.9	20.6	55.8	43.6	25.6	44.5
MoHD x4-1.42B	289M	77.6	67.9	49.1	47.0	23.3	33.9	22.1	57.5	44.3	24.7	44.7
LLaMA2-495M	396M	75.4	66.5	51.3	45.5	19.9	32.0	21.7	60.5	38.9	25.8	43.8
MoHD 50%-495M	198M	76.9	67.1	52.7	46.4	20.1	32.3	21.5	57.0	40.7	26.2	44.1
MoHD 75%-495M	297M	76.4	67.3	50.6	45.8	21.1	33.0	23.7	61.8	41.7	26.2	44.8
MoHD x2-989M	396M	77.1	67.8	51.1	47.6	21.8	33.9	20.6	55.8	43.6	25.6	44.5
MoHD x3-1.48B	396M	77.0	69.0	51.1	48.8	23.6	35.6	22.0	58.6	48.2	26.1	46.0
MoHD x4-1.98B	396M	79.1	67.4	49.8	49.1	22.0	35.2	20.7	60.9	47.4	26.1	45.8
LLaMA2-1.13B	1B	81.0	68.1	51.8	49.3	23.2	35.0	21.7	47.0	38.9	26.4	44.2
MoHD 50%-1.13B	503M	78.9	67.8	50.1	48.7	21.2	35.2	21.5	61.1	48.8	25.5	45.9
MoHD 75%-1.13B	755M	80.3	69.3	52.3	50.8	24.5	36.1	22.3	51.2	48.4	25.0	46.0
MoHD x2-2.27B	1B	81.2	70.9	54.1	53.0	24.6	38.3	22.4	50.5	52.1	25.5	47.2
MoHD x3-3.41B	1B	83.6	69.8	53.1	51.9	25.4	38.3	21.0	56.5	53.0	26.6	47.9
MoHD x4-4.55B	1B	82.4	70.0	52.8	51.6	23.4	38.0	23.4	54.9	50.7	26.6	47.4
LLaMA2-2.7b	2.54B	82.5	70.8	56.3	54.4	27.8	39.3	23.5	44.4	37.7	25.3	46.2
"""


def ours(folder):
    """Cells of one model, by task, and notes."""
    cells, notes = {}, []
    files = sorted(pathlib.Path(folder).rglob("results_*.json"), key=lambda file: file.name.split("results_")[1])
    if not files:
        sys.exit(f"{folder}: expected results_*.json of lm_eval --output_path, found none")
    for file in files:
        report = json.loads(file.read_text(encoding="utf-8"))
        for column, task, shots in COLUMNS:
            found = report["results"].get(task, {})
            value = found.get("acc,none")
            if value is None:
                continue
            used = report.get("n-shot", {}).get(task)
            # A group has no shots of its own.
            if used is None:
                parts = [n for name, n in report.get("n-shot", {}).items() if name.startswith(task + "_")]
                used = parts[0] if parts and len(set(parts)) == 1 else None
            mark = ""
            if used is not None and used != shots:
                mark = "*"
                notes.append(f"{column}: {used} shots, the paper has {shots}")
            if report.get("config", {}).get("limit"):
                mark = "*"
                notes.append(f"{column}: the first {report['config']['limit']} questions only")
            cells[task] = (100 * value, mark)
    return cells, notes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="+", metavar="NAME=RESULTS")
    parser.add_argument("--paper", default="", help="only rows of the paper with this in their names")
    options = parser.parse_args()
    print("| model | " + " | ".join(column for column, *_ in COLUMNS) + " | Avg. |")
    print("|---|" + "---:|" * (len(COLUMNS) + 1))
    remarks = []
    for argument in options.models:
        name, _, folder = argument.partition("=")
        cells, notes = ours(folder)
        remarks += [f"{name}, {note}" for note in notes]
        values = [cells.get(task) for _, task, _ in COLUMNS]
        known = [value for value, _ in filter(None, values)]
        row = [f"{value[0]:.1f}{value[1]}" if value else "" for value in values]
        average = f"{sum(known) / len(known):.1f}" + ("" if len(known) == len(COLUMNS) else f" of {len(known)}")
        print(f"| **{name}** | " + " | ".join(row) + f" | {average if known else ''} |")
    for line in PAPER.splitlines():
        name, active, *values = line.split("\t")
        if options.paper in name:
            print(f"| {name} ({active} active) | " + " | ".join(values) + " |")
    for remark in dict.fromkeys(remarks):
        print(f"\n\\* {remark}")


if __name__ == "__main__":
    main()
