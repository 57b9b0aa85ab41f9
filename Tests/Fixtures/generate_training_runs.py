#!/usr/bin/env python3
"""Makes Tests/Fixtures/training_runs: fifty steps of PyTorch's AdamW on pico models.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_training_runs.py

Each folder holds the model before the first step (float32) and run.safetensors: `token_ids` [steps,
sequences, tokens], and, computed by transformers or modeling_mohd.py in float64 and rounded, `losses`
[steps] (cross entropy and balance loss of each step, before it is taken), `norms` [steps] (the gradient's),
and of every tensor NAME after the last step `weight/NAME`, `exp_avg/NAME`, `exp_avg_sq/NAME`. The rate is
constant, gradients are cut to a norm of CLIP, matrices decay. The loss has to fall by a nat. Text is a walk
that goes on the same way nine times of ten. Seed 442; equal versions give equal files.
"""

import hashlib
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Python"))
from mohd_models import FIXTURES, MoHDConfig, MoHDForCausalLM, component  # noqa: E402

ROOT = FIXTURES.parent / "training_runs"
STEPS, SEQUENCES, LENGTH = 50, 4, 16
RATE, DECAY, CLIP = 1e-2, 0.1, 1.0
COMMON = dict(
    hidden_size=24,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=6,
    vocab_size=40,
    max_position_embeddings=64,
    initializer_range=0.15,
    tie_word_embeddings=False,
)


def text():
    ids = torch.empty(STEPS, SEQUENCES, LENGTH, dtype=torch.long)
    ids[..., 0] = torch.randint(0, 40, (STEPS, SEQUENCES))
    for position in range(1, LENGTH):
        step = (ids[..., position - 1] * 3 + 7) % 40
        stray = torch.rand(STEPS, SEQUENCES) < 0.1
        ids[..., position] = torch.where(stray, torch.randint(0, 40, (STEPS, SEQUENCES)), step)
    return ids


def make(case, model):
    folder = ROOT / case
    model.save_pretrained(folder)
    for path in [*folder.glob("*.py"), folder / "generation_config.json"]:
        path.unlink(missing_ok=True)
    config_path = folder / "config.json"
    config_path.write_text(json.dumps(json.loads(config_path.read_text()), indent=2, sort_keys=True) + "\n")
    model = model.double()
    named = dict(model.named_parameters())
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in named.values() if p.dim() > 1], "weight_decay": DECAY},
            {"params": [p for p in named.values() if p.dim() == 1], "weight_decay": 0.0},
        ],
        lr=RATE, betas=(0.9, 0.95), eps=1e-8,
    )
    ids, losses, norms = text(), [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = model(input_ids=ids[step], labels=ids[step], use_cache=False).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP))
        optimizer.step()
        losses.append(loss.detach())
    if not losses[-1] < losses[0] - 1:
        raise SystemExit(f"{case}: the loss fell from {losses[0]} to {losses[-1]} only")
    print(case, losses[0].item(), losses[-1].item())
    values = {
        "token_ids": ids.float(), "losses": torch.stack(losses).float(), "norms": torch.stack(norms).float()}
    for name, parameter in named.items():
        state = optimizer.state[parameter]
        values[f"weight/{name}"] = parameter.detach().float().contiguous()
        for moment in ("exp_avg", "exp_avg_sq"):
            values[f"{moment}/{name}"] = state[moment].float().contiguous()
    save_file(values, folder / "run.safetensors")


def main():
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    torch.manual_seed(442)
    make("dense", LlamaForCausalLM(LlamaConfig(**COMMON)))
    torch.manual_seed(442)
    settings = component(6, 1, 3, scaling="paper", fusion="monarch", balance_weight=0.05)
    config = MoHDConfig(**COMMON, mohd={"attention": settings, "ffn": settings})
    make("mohd", MoHDForCausalLM(config))
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
