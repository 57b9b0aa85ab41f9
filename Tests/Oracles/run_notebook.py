#!/usr/bin/env python3
"""Runs the code cells of a notebook in order, and fails where a cell does.

usage: run_notebook.py NOTEBOOK.ipynb [--write]

With --write, what cells print is kept in the notebook, as Jupyter would. Needs no Jupyter; the
notebook's own folder is the working folder.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("notebook", type=pathlib.Path)
    arguments.add_argument("--write", action="store_true")
    options = arguments.parse_args()
    path = options.notebook.resolve()
    notebook = json.loads(path.read_text())
    os.chdir(path.parent)
    names = {"__name__": "__main__"}
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        number += 1
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        text = printed.getvalue()
        print(f"[{number}]\n{text}", end="")
        cell["execution_count"] = number
        cell["outputs"] = (
            [{"name": "stdout", "output_type": "stream", "text": text.splitlines(keepends=True)}]
            if text
            else []
        )
    if options.write:
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


main()
