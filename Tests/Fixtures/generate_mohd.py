#!/usr/bin/env python3
"""Makes Tests/Fixtures/mohd: pico MoHD models and what goes on inside them, by modeling_mohd.py.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_mohd.py

Each folder holds a Hugging Face checkpoint (bfloat16, one of them float32; the Python files that
auto_map names are in Sources/Results/Conversion/HuggingFace) and expected.safetensors, computed in float32,
eager attention, one sequence at a time: token ids, sequence lengths, the 14 hook points as
[token, width], logits, and of `attention` and `ffn`

    …_router/L        scores [token, N]          …_active/L         active sets, uint8 [token, N]
    …_router_gate/L   gates g [token, N]         …_router_alpha/L   α [token, 1]
    …_balance_loss/L  of each sequence by itself, β included [sequence, 1]

The cases together cover every value of every setting. No score that is chosen is closer than MARGIN
to one that is not, so active sets must be equal exactly. Seed 42 and up; equal versions give equal
files.
"""

import hashlib
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Python"))
from mohd_models import FIXTURES as ROOT  # noqa: E402
from mohd_models import component, pico, routing_margin, trace  # noqa: E402

LENGTHS = [7, 1, 2]
SEEDS = range(42, 142)
MARGIN = 2e-3
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}

CASES = {
    # The paper's 50 % preset, embeddings untied.
    "pico-mohd-paper": dict(attention=component(fusion="monarch"), tie_word_embeddings=False),
    # Eqs. 14-16 literally, Qwen2's biases, attention and FFN cut differently.
    "pico-mohd-every-projection": dict(
        attention=component(
            4, 1, 3, gate_at="every_projection", scaling="unit_sum",
            fusion="block_diagonal", fusion_blocks=8, balance_weight=0.1,
        ),
        ffn=component(
            16, 0, 5, gate_at="every_projection", scaling="unit_mean", inactive_bias=True
        ),
        attention_bias=True, attention_output_bias=False,
    ),
    # What a conversion writes.
    "pico-mohd-converted": dict(
        attention=component(
            16, 4, 8, router="energy", gate="unit", sparse_side="input", input_basis="dense",
            inactive_bias=True, low_rank=3,
        ),
        ffn=component(
            8, 2, 5, router="energy", gate="unit", sparse_side="input", input_basis="dense",
            low_rank=2,
        ),
        attention_bias=True, mlp_bias=True, rope_parameters=LLAMA3,
    ),
    # Centroids with biases, Monarch bases, a window, heads that are not hidden / count.
    "pico-mohd-monarch-basis": dict(
        attention=component(
            32, 0, 16, gate="unit", sparse_side="input", input_basis="monarch", fusion_blocks=4,
            fusion="monarch",
        ),
        ffn=component(
            8, 2, 4, gate="unit", input_basis="monarch", fusion_blocks=2, fusion="block_diagonal"
        ),
        head_dim=12, num_key_value_heads=1, sliding_window=4,
    ),
    # Settings that differ between layers; layer 0 is dense in all but name. float32.
    "pico-mohd-per-layer": dict(
        attention=[
            component(1, 1, 1, gate="unit"),
            component(8, 1, 4, router="energy", scaling="unit_mean"),
        ],
        ffn=[
            component(4, 2, 4, gate="unit"),
            component(8, 3, 6, router="energy", scaling="unit_sum", input_basis="monarch"),
        ],
        rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
        dtype=torch.float32,
    ),
    # Gates at inputs alone, no scaling, shared sub-dimensions only.
    "pico-mohd-input-gates": dict(
        attention=component(
            8, 2, 5, gate_at="every_projection", scaling="none", sparse_side="input", low_rank=2
        ),
        ffn=component(4, 3, 3, scaling="none", gate_at="every_projection"),
        num_key_value_heads=4, attention_bias=True, mlp_bias=True,
    ),
    # Widths of their own, smaller than the hidden size: static choices that hold what they use, of
    # inputs alone and of both sides, and routed ones.
    "pico-mohd-narrow": dict(
        attention=[
            component(
                1, 1, 1, sub_dimension_size=20, gate="unit", sparse_side="input",
                input_basis="dense", router="energy",
            ),
            component(
                5, 2, 3, sub_dimension_size=4, router="energy", gate="unit", sparse_side="input",
                input_basis="dense", fusion="block_diagonal", fusion_blocks=4,
            ),
        ],
        ffn=[
            component(
                3, 3, 3, sub_dimension_size=5, gate="unit", input_basis="dense",
                fusion="monarch", fusion_blocks=4,
            ),
            component(
                4, 1, 4, sub_dimension_size=6, scaling="unit_sum", input_basis="dense",
                gate_at="every_projection",
            ),
        ],
        attention_bias=True, mlp_bias=True,
    ),
    # Larger ones: sub-dimensions that overlap.
    "pico-mohd-wide": dict(
        attention=component(
            7, 2, 3, sub_dimension_size=8, gate="unit", sparse_side="input", input_basis="dense",
        ),
        ffn=[
            component(
                8, 3, 4, sub_dimension_size=8, router="energy", scaling="unit_mean",
                input_basis="dense", inactive_bias=True, low_rank=2, fusion="monarch",
                fusion_blocks=4,
            ),
            component(
                4, 1, 3, sub_dimension_size=16, gate="unit", input_basis="dense",
                sparse_side="both",
            ),
        ],
        num_key_value_heads=1,
    ),
}


def make(case, attention, ffn=None, dtype=torch.bfloat16, **keys):
    keys.setdefault("tie_word_embeddings", True)
    for seed in SEEDS:
        model = pico(attention, ffn, seed=seed, **keys)
        model.to(dtype).float()  # expected values are those of the weights as stored
        model.update_norms()
        ids = torch.randint(3, model.config.vocab_size, (sum(LENGTHS),))
        parts = [trace(model, part) for part in ids.split(LENGTHS)]
        if min(routing_margin(model.config, part) for part in parts) > MARGIN:
            break
    else:
        raise SystemExit(f"{case}: no seed keeps scores {MARGIN} apart")
    folder = ROOT / case
    model.to(dtype).save_pretrained(folder)
    for path in [*folder.glob("*.py"), folder / "generation_config.json"]:
        path.unlink(missing_ok=True)
    expected = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
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
