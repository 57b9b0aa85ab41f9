#!/usr/bin/env python3
"""`lm_eval --model local-completions` on `mohd-eval serve` against `lm_eval --model hf` on the same folder.

    python3 -m venv API && API/bin/pip install "lm-eval[api]==0.4.13"        # without torch and transformers
    python Tests/Oracles/compare_serve.py --eval .build/release/mohd-eval --client API/bin/python FOLDER...

The program's own Python needs torch, transformers and lm-eval. FOLDER is a Hugging Face folder, dense or converted;
pico:NAME is one of Tests/Fixtures with a tokenizer of 96 characters. The tasks are those of lm_eval/make_tasks.py, one
window as long as the model's and one of 200 tokens, asked by one and by eight clients. Every log-likelihood must be
within 1e-3 (or 1e-7 of it), greedy tests equal unless two tokens are as near, acc the same (questions whose two best are within 1e-3
aside), perplexities to 4 digits. --speed measures requests a second of the five multiple-choice tasks instead: `hf` at
several batch sizes against the server, in turns.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("folders", nargs="+")
parser.add_argument("--eval", required=True)
parser.add_argument("--client", required=True, help="a Python with lm-eval[api]")
parser.add_argument("--tasks", nargs="+", default=["mohd_geography", "mohd_words", "mohd_nature", "mohd_everyday",
                                                   "mohd_people", "mohd_last_word", "mohd_rolling"])
parser.add_argument("--lengths", nargs="+", type=int, default=[0, 200], help="windows; 0: the model's own")
parser.add_argument("--limit", type=int, help="documents of each task")
parser.add_argument("--shots", type=int, default=0)
parser.add_argument("--speed", action="store_true")
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--batch-sizes", nargs="+", type=int, default=[1, 8, 32, 64])
options = parser.parse_args()
# Of a request; a document that is asked in windows is a sum over thousands of tokens, each known to a float32's last digits.
ABSOLUTE, RELATIVE = 1e-3, 1e-7
here = pathlib.Path(__file__).resolve().parent
work = pathlib.Path(tempfile.mkdtemp(prefix="mohd-serve-"))
subprocess.run([sys.executable, here / "lm_eval" / "make_tasks.py", work / "tasks"], check=True)
environment = dict(os.environ, HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false",
                   HF_HOME=str(work / "home"), OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"))
failed = False


def pico(name):
    """A committed pico model with a tokenizer of single characters."""
    source = next((here.parent / "Fixtures").glob(f"m*/{name}"))
    folder = work / name
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("expected*"))
    code = here.parents[1] / "Sources/Results/Conversion/HuggingFace"
    for file in code.glob("*.py") if "mohd" in name else []:
        shutil.copy(file, folder)
    # lm-eval's remote tokenizer takes the id 0 of a beginning for none.
    letters = [chr(c) for c in range(0x21, 0x7F) if chr(c) not in "`~"]
    vocabulary = {piece: index for index, piece in enumerate(["Ċ", "<s>", "</s>", "Ġ", *letters])}
    bytes_as_letters = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "added_tokens": [
            {"id": index, "content": piece, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True} for index, piece in [(1, "<s>"), (2, "</s>")]], "normalizer": None, "post_processor": None,
        "pre_tokenizer": bytes_as_letters, "decoder": bytes_as_letters, "model": {"type": "BPE", "vocab": vocabulary, "merges": []}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}))
    return folder


def lm_eval(python, model, arguments, output, batch_size, tasks):
    command = [python, "-m", "lm_eval", "--model", model, "--model_args", arguments, "--tasks", ",".join(tasks),
               "--include_path", str(work / "tasks"), "--output_path", str(output), "--log_samples",
               "--batch_size", str(batch_size), "--num_fewshot", str(options.shots)]
    if model == "hf":
        command += ["--device", "cpu", "--trust_remote_code"]
    if options.limit:
        command += ["--limit", str(options.limit)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=work)
    if run.returncode:
        sys.exit(run.stderr[-4000:])
    return run.stderr


def read(output):
    """Scores by task, and every document's answers by task and document."""
    results = json.loads(next(output.rglob("results_*.json")).read_text())["results"]
    samples = {}
    for file in output.rglob("samples_*.jsonl"):
        task = re.match(r"samples_(.*)_\d{4}-", file.name).group(1)
        for line in file.read_text(encoding="utf-8").splitlines():
            sample = json.loads(line)
            samples[task, sample["doc_id"]] = sample
    return results, samples


class Server:
    def __init__(self, folder):
        self.process = subprocess.Popen([options.eval, "serve", "--model", folder, "--json", "--quiet"],
                                        stdout=subprocess.PIPE, text=True)
        self.url = json.loads(self.process.stdout.readline())["completions"]

    def stop(self):
        self.process.terminate()
        assert self.process.wait() == 0


def numbers(sample):
    """(log-likelihood, greedy) of each request of a document; greedy is None where nobody asks."""
    for (response,) in sample["resps"]:
        if isinstance(response, (list, tuple)):
            yield float(response[0]), str(response[1]) == "True"
        else:
            yield float(response), None


def compare(name, expected, found):
    global failed
    (expected_results, expected_samples), (found_results, found_samples) = expected, found
    assert expected_samples.keys() == found_samples.keys()
    worst, excess, count, greedy = 0.0, 0.0, 0, 0
    close = {}
    for key, sample in expected_samples.items():
        one, other = list(numbers(sample)), list(numbers(found_samples[key]))
        assert len(one) == len(other)
        for (a, flag), (b, other_flag) in zip(one, other):
            worst, count = max(worst, abs(a - b)), count + 1
            excess = max(excess, abs(a - b) - max(ABSOLUTE, RELATIVE * abs(a)))
            greedy += flag != other_flag
        best = sorted((value for value, _ in one), reverse=True)
        if len(best) > 1 and best[0] - best[1] < ABSOLUTE:
            close[key[0]] = close.get(key[0], 0) + 1
    problems = []
    if excess > 0:
        problems.append(f"log-likelihoods differ by {worst}")
    for task in expected_results:
        for metric, value in expected_results[task].items():
            if not isinstance(value, float) or "stderr" in metric:
                continue
            its = found_results[task][metric]
            if metric.startswith("acc"):
                allowed = (close.get(task, 0) + (greedy if task == "mohd_last_word" else 0)) / 100
                same = abs(value - its) <= allowed + 1e-9
            else:
                same = f"{value:.4g}" == f"{its:.4g}" or math.isclose(value, its, rel_tol=2e-5)
            if not same:
                problems.append(f"{task} {metric}: hf {value}, served {its}")
    failed |= bool(problems)
    print(f"{'FAIL' if problems else 'ok  '} {name}: {count} log-likelihoods, largest difference {worst:.1e}, "
          f"{greedy} greedy tests differ, {sum(close.values())} questions too close {'; '.join(problems)}", flush=True)


def check(folder):
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    name = pathlib.Path(folder).name
    for length in options.lengths:
        window = length or config["max_position_embeddings"]
        tasks = options.tasks if not length else [task for task in options.tasks if task == "mohd_rolling"]
        if not tasks:
            continue
        output = work / f"{name}-{window}-hf"
        lm_eval(sys.executable, "hf", f"pretrained={folder},dtype=float32,trust_remote_code=True,max_length={window}",
                output, 1, tasks)
        expected = read(output)
        server = Server(folder)
        for clients, batch in [(1, 1), (1, 16), (8, 1)]:
            output = work / f"{name}-{window}-{clients}-{batch}"
            lm_eval(options.client, "local-completions",
                    f"model={name},base_url={server.url},tokenizer_backend=remote,max_length={window + 2},"
                    f"num_concurrent={clients}", output, batch, tasks)
            compare(f"{name}, window {window}, {clients} clients, {batch} prompts a request", expected, read(output))
        server.stop()


def seconds(log):
    """How long the requests took, by the progress bar's last line."""
    times = re.findall(r"(?:Running loglikelihood requests|Requesting API):\s+100%.*?\[(?:(\d+):)?(\d+):(\d+)<", log)
    hours, minutes, rest = times[-1]
    return 3600 * int(hours or 0) + 60 * int(minutes) + int(rest)


def measure(folder):
    """Requests a second, both in turns; loading and start-up aside."""
    tasks = [task for task in options.tasks if task not in ("mohd_last_word", "mohd_rolling")]
    count = 4 * len(tasks) * min(options.limit or 100, 100)
    name = pathlib.Path(folder).name
    rates = {}
    server = Server(folder)
    for turn in range(options.rounds):
        for batch in options.batch_sizes:
            log = lm_eval(sys.executable, "hf", f"pretrained={folder},dtype=float32,trust_remote_code=True",
                          work / f"speed-hf-{turn}-{batch}", batch, tasks)
            rates.setdefault(f"hf, batch {batch}", []).append(count / max(1, seconds(log)))
        for clients, batch in [(1, 1), (1, 64), (8, 1), (8, 16)]:
            log = lm_eval(options.client, "local-completions",
                          f"model={name},base_url={server.url},tokenizer_backend=remote,num_concurrent={clients}",
                          work / f"speed-{turn}-{clients}-{batch}", batch, tasks)
            key = f"served, {clients} clients, {batch} prompts a request"
            rates.setdefault(key, []).append(count / max(1, seconds(log)))
        for key, values in rates.items():
            print(f"{name}: {key}: {values[-1]:.1f} requests/s", flush=True)
    server.stop()
    median = {key: sorted(values)[len(values) // 2] for key, values in rates.items()}
    best = max(value for key, value in median.items() if key.startswith("hf"))
    for key, value in median.items():
        print(f"{name}: {key}: median {value:.1f} requests/s, {value / best:.2f} of hf's best", flush=True)


started = time.time()
for folder in options.folders:
    folder = str(pico(folder[5:])) if folder.startswith("pico:") else os.path.abspath(folder)
    measure(folder) if options.speed else check(folder)
print(f"{time.time() - started:.0f} s")
shutil.rmtree(work)
sys.exit(failed)
