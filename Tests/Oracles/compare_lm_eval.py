#!/usr/bin/env python3
"""mohd-eval perplexity against lm-evaluation-harness's `hf` model, on the sample corpora.

    pip install lm-eval==0.4.13
    python Tests/Oracles/compare_lm_eval.py --eval .build/release/mohd-eval --folder SMOLLM2_HF [--quick]

SMOLLM2_HF is a Hugging Face folder, such as what Benchmarks/peer/smollm2_to_hf.py makes of the GGUF file, or what
mohd-convert writes. Both programs read whole documents, with the model's own window and with one of 200 tokens,
which cuts every document. Exits with 1 when word or byte perplexity or bits per byte differ in 4 significant digits.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
parser = argparse.ArgumentParser()
parser.add_argument("--eval", required=True)
parser.add_argument("--folder", required=True)
parser.add_argument("--quick", action="store_true", help="one short document of each domain")
options = parser.parse_args()
program, folder = os.path.abspath(options.eval), os.path.abspath(options.folder)
task_folder = pathlib.Path(__file__).resolve().parent / "lm_eval"
corpora = pathlib.Path(__file__).resolve().parents[2] / "notebooks-data" / "corpora"

texts = []
for domain in sorted(path for path in corpora.iterdir() if path.is_dir()):
    own = [path.read_bytes().decode() for path in sorted(domain.glob("*.txt"))]
    for path in sorted(domain.glob("*.jsonl")):
        own += [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    texts += [min(own, key=len)] if options.quick else own
# White space that Python's \s knows and few others do, at the ends too.
texts.append("\u3000A\u00a0few\u2003words.\x1c\r\n\n")

work = tempfile.TemporaryDirectory(prefix="mohd-lm-eval-")
os.environ["HF_HOME"] = work.name
os.chdir(work.name)
pathlib.Path("corpus.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))

import torch  # noqa: E402
from lm_eval import simple_evaluate  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

torch.set_num_threads(2)
failed = False
for length in [None, 200]:
    arguments = {"pretrained": folder, "dtype": "float32", "trust_remote_code": True}
    if length:
        arguments["max_length"] = length
    results = simple_evaluate(
        model="hf", model_args=arguments, tasks=["mohd_perplexity"], device="cpu", batch_size=1, bootstrap_iters=0,
        task_manager=TaskManager(include_path=str(task_folder), include_defaults=False),
    )["results"]["mohd_perplexity"]
    command = [program, "perplexity", "--model", folder, "--corpus", "corpus.jsonl", "--json", "--quiet"]
    command += ["--sequence-length", str(length)] if length else []
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for key in ["word_perplexity", "byte_perplexity", "bits_per_byte"]:
        expected = results[f"{key},none"]
        same = f"{expected:.4g}" == f"{found[key]:.4g}" or abs(found[key] / expected - 1) < 2e-5
        failed |= not same
        print(f"{'ok  ' if same else 'FAIL'} {key}, window {length or 'of the model'}: "
              f"lm-eval {expected:.7g}, mohd-eval {found[key]:.7g}", flush=True)
sys.exit(failed)
