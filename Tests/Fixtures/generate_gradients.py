#!/usr/bin/env python3
"""Makes Tests/Fixtures/gradients: pico MoHD models, and autograd's gradients of their distillation.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_gradients.py

Each folder holds a Hugging Face checkpoint (float32) and expected.safetensors: token ids, sequence
lengths and, computed by modeling_mohd.py in float64 and rounded,

    loss                     mean over tokens of KL(teacher ‖ model) in nats, [1]
    C_projections/L          its gradient by C's joined input projections [m, hidden]
    C_basis/L                by C's basis [hidden, hidden], where there is one

for C of attention and ffn. The teacher is Tests/Fixtures/mohd/pico-mohd-converted. No score that is
chosen is closer than MARGIN to one that is not. Seed 142 and up; equal versions give equal files.
"""

import hashlib
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Python"))
from mohd_models import FIXTURES, MoHDForCausalLM, component, pico, routing_margin, trace  # noqa: E402

ROOT = FIXTURES.parent / "gradients"
LENGTHS = [9, 1, 5]
SEEDS = range(142, 342)
MARGIN = 2e-3
UNIT = dict(gate="unit", sparse_side="input")

CASES = {
    # What a conversion writes, on a model with every bias and grouped heads.
    "pico-energies": dict(
        attention=component(16, 4, 8, router="energy", input_basis="dense", **UNIT),
        ffn=component(32, 0, 12, router="energy", input_basis="dense", **UNIT),
        attention_bias=True, mlp_bias=True,
    ),
    # Centroids, a component without a basis, a dense one, a window, one head of keys.
    "pico-centroids": dict(
        attention=[
            component(8, 2, 4, input_basis="dense", **UNIT),
            component(8, 8, 8, gate="unit", sparse_side="input"),
        ],
        ffn=component(4, 1, 2, **UNIT),
        head_dim=12, num_key_value_heads=1, sliding_window=4, tie_word_embeddings=False,
    ),
}


def gradients(model, teacher, parts):
    """The loss and its gradients, in float64."""
    total = 0
    for ids in parts:
        with torch.no_grad():
            wanted = teacher(ids[None], use_cache=False).logits[0].log_softmax(-1)
        found = model(ids[None], use_cache=False).logits[0].log_softmax(-1)
        total = total + (wanted.exp() * (wanted - found)).sum()
    loss = total / sum(LENGTHS)
    loss.backward()
    values = {"loss": loss.detach().reshape(1)}
    for index, layer in enumerate(model.model.layers):
        attention, ffn = layer.self_attn, layer.mlp
        for name, block, projections in (
            ("attention", attention.mohd, [attention.q_proj, attention.k_proj, attention.v_proj]),
            ("ffn", ffn.mohd, [ffn.gate_proj, ffn.up_proj]),
        ):
            joined = torch.cat([projection.weight.grad for projection in projections])
            values[f"{name}_projections/{index}"] = joined
            if getattr(block, "basis", None) is not None:
                values[f"{name}_basis/{index}"] = block.basis.grad
    return values


def make(case, attention, ffn, **keys):
    keys.setdefault("tie_word_embeddings", True)
    for seed in SEEDS:
        model = pico(attention, ffn, seed=seed, **keys)
        ids = torch.randint(3, model.config.vocab_size, (sum(LENGTHS),))
        parts = list(ids.split(LENGTHS))
        if min(routing_margin(model.config, trace(model, part)) for part in parts) > MARGIN:
            break
    else:
        raise SystemExit(f"{case}: no seed keeps scores {MARGIN} apart")
    folder = ROOT / case
    model.save_pretrained(folder)
    for path in [*folder.glob("*.py"), folder / "generation_config.json"]:
        path.unlink(missing_ok=True)
    teacher = MoHDForCausalLM.from_pretrained(
        FIXTURES / "pico-mohd-converted", dtype=torch.float64, attn_implementation="eager"
    )
    found = gradients(model.double(), teacher.eval(), parts)
    expected = {name: value.float().contiguous() for name, value in found.items()}
    expected["token_ids"] = ids.float()
    expected["sequence_lengths"] = torch.tensor(LENGTHS).float()
    save_file(expected, folder / "expected.safetensors")
    config_path = folder / "config.json"
    data = json.loads(config_path.read_text())
    config_path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")


def main():
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    for case, settings in CASES.items():
        make(case, **settings)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
