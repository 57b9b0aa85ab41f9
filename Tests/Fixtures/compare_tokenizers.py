"""Compares our ids with those of tokenizers and sentencepiece on 10 MB of mixed text.

usage: python3 compare_tokenizers.py [FILE...]     from the repository; FILE: more tokenizer.json or tokenizer.model files,
such as the folder of a real model. Takes some minutes; needs tokenizers==0.23.3 and sentencepiece==0.2.3.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import sentencepiece
from tokenizers import Tokenizer

from tokenizer_text import mixed_text

HERE = pathlib.Path(__file__).resolve().parent


def reference(path, text):
    if path.endswith(".json"):
        return Tokenizer.from_file(path).encode(text).ids
    return sentencepiece.SentencePieceProcessor(model_file=path).encode(text)


def main():
    files = sorted(str(path) for path in (HERE / "tokenizers").iterdir() if path.name.endswith((".tokenizer.json", ".model")))
    files += [os.path.abspath(name) for name in sys.argv[1:]]
    # Oniguruma of Debian 12 is older than the one within tokenizers: expressions that we do not scan ourselves see Unicode 14.
    files = [name for name in files if "expressions" not in name]
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text")
        with open(text, "w", newline="") as file:
            file.write(mixed_text(10_000_000, 2026))
        jobs = [{"tokenizer": name, "text": text, "ids": os.path.join(folder, f"{index}.ids")} for index, name in enumerate(files)]
        listing = os.path.join(folder, "jobs.json")
        pathlib.Path(listing).write_text(json.dumps(jobs))
        subprocess.run(["swift", "test", "-c", "release", "--filter", "TokenizerTests/writesJobs"], cwd=HERE.parent.parent, check=True,
                       env={**os.environ, "MOHD_TOKENIZER_JOBS": listing})
        with open(text, newline="") as file:
            content = file.read()
        failures = 0
        for job in jobs:
            ours = [int(line) for line in pathlib.Path(job["ids"]).read_text().split()]
            theirs = reference(job["tokenizer"], content)
            same = ours == theirs
            failures += not same
            first = next((i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), min(len(ours), len(theirs)))
            print(("equal   " if same else f"DIFFERENT from id {first}: "), job["tokenizer"], len(ours), "ids", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
