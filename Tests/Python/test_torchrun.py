"""An exported run goes on under torchrun as mohd-train would have gone on with it, and back.

Needs the tools (`swift build -c release`); MOHD_TRAIN names another mohd-train.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TRAIN = pathlib.Path(os.environ.get("MOHD_TRAIN", REPOSITORY / ".build/release/mohd-train"))
TOKENIZER = REPOSITORY / "notebooks-data/tokenizer-1024"
COMMON = dict(
    hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, vocab_size=1024, max_position_embeddings=256,
    tie_word_embeddings=False, bos_token_id=0, eos_token_id=0,
)
SETTINGS = dict(sub_dimensions=4, shared=1, top_k=2, fusion="monarch", balance_weight=0.05)
MODELS = {
    "dense": dict(COMMON, model_type="llama"),
    "mohd": dict(
        COMMON, model_type="mohd",
        mohd=dict(
            attention=SETTINGS,
            ffn=dict(SETTINGS, sub_dimensions=8, shared=2, top_k=4, scaling="unit_mean", balance_over="all"),
        ),
    ),
}
pytestmark = pytest.mark.skipif(not TRAIN.exists(), reason=f"{TRAIN} is not built")


def mohd_train(*arguments):
    subprocess.run([TRAIN, *map(str, arguments)], check=True, capture_output=True)


def torchrun(folder, *arguments):
    subprocess.run(
        [
            sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29731",
            "train.py", "--precision", "float32", *arguments,
        ],
        cwd=folder, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def lines(folder, name="train.jsonl"):
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def same(found, expected, tolerance):
    assert [line["batch"] for line in found] == [line["batch"] for line in expected]
    for a, b in zip(found, expected):
        for key in ("cross_entropy", "balance_loss", "z_loss"):
            assert abs(a[key] - b[key]) <= tolerance, (a["step"], key)
        assert abs(a["learning_rate"] - b["learning_rate"]) <= 1e-12


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text") / "tokens"
    text = REPOSITORY / "notebooks-data/corpora"
    mohd_train(
        "tokens", "--tokenizer", TOKENIZER, "--corpus", f"prose={text}/books", f"science={text}/science",
        "--output", folder)
    return folder


@pytest.mark.parametrize("kind", MODELS)
def test_twenty_losses_on_two_processes(kind, tokens, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(MODELS[kind]))
    own = tmp_path / "own"
    text = ["--tokenizer", TOKENIZER, "--prepared", tokens]
    mohd_train(
        "run", "--config", config, *text, "--mix", "prose=3", "science=1", "--tokens", 20480,
        "--batch-tokens", 1024, "--sequence-length", 64, "--checkpoint-every", 10, "--evaluate-every", 10,
        "--z-loss", 0.001, "--max-epochs", 20, "--keep", 3, "--learning-rate", 0.001, "--output", own)
    begun = tmp_path / "begun"
    begun.mkdir()
    shutil.copy(own / "plan.json", begun)
    exported = tmp_path / "exported"
    mohd_train("export", begun, "--prepared", tokens, "--tokenizer", TOKENIZER, "--output", exported)

    # From the start, with micro-batches; then from a checkpoint of its own.
    torchrun(exported, "--accumulate", "2", "--stop-after", "7")
    torchrun(exported, "--activation-checkpointing")
    same(lines(exported), lines(own), 1e-3)
    for a, b in zip(lines(exported, "evaluation.jsonl"), lines(own, "evaluation.jsonl"), strict=True):
        for domain, values in b["domains"].items():
            assert abs(a["domains"][domain]["bits_per_byte"] - values["bits_per_byte"]) <= 1e-3
            assert a["domains"][domain]["tokens"] == values["tokens"]

    # And back: mohd-train takes its step 10 up.
    shutil.rmtree(exported / "checkpoints/step-00000020")
    mohd_train("run", "--plan", exported / "plan.json", *text, "--output", exported, "--resume")
    same(lines(exported), lines(own), 1e-3)
