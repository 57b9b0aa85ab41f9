#!/usr/bin/env python3
"""Makes Tests/Fixtures/fisher: derivatives of dense models by the outputs of their projections.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_fisher.py

One file for some of Tests/Fixtures/models, on its token ids, computed by autograd in float64 and
rounded; C is attention ([query | key | value], before rotary embedding) or ffn ([gate | up]):

    loss            mean over tokens of KL(pico-llama ‖ model) in nats, [1]
    C_derivative/L  its derivative by C's projections in layer L, [tokens, m]
    C_fisher/L      the diagonal of the Fisher information by them: the sum over all positions s and
                    all tokens y of q_s(y) (∂ log q_s(y) / ∂o)², [tokens, m]
"""

import hashlib
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

FIXTURES = pathlib.Path(__file__).resolve().parent
ROOT = FIXTURES / "fisher"
TEACHER = "pico-llama"
CASES = ["pico-llama-biases-llama3", "pico-mistral-window", "pico-qwen2"]


def load(name):
    return AutoModelForCausalLM.from_pretrained(
        FIXTURES / "models" / name, dtype=torch.float64, attn_implementation="eager"
    ).eval()


def taps(model):
    """The outputs of each component's projections, as the next forward pass gives them."""
    found, handles = {}, []
    for index, layer in enumerate(model.model.layers):
        attention, ffn = layer.self_attn, layer.mlp
        for component, modules in (
            ("attention", [attention.q_proj, attention.k_proj, attention.v_proj]),
            ("ffn", [ffn.gate_proj, ffn.up_proj]),
        ):
            for part, module in enumerate(modules):

                def hook(_, __, output, place=(component, index, part)):
                    found[place] = output

                handles.append(module.register_forward_hook(hook))
    return found, handles


def joined(parts, values):
    """Parts of one component side by side, by name."""
    result = {}
    for place, value in sorted(zip(parts, values), key=lambda pair: pair[0]):
        component, index, _ = place
        result.setdefault((component, index), []).append(value)
    return {key: torch.cat(each, -1) for key, each in result.items()}


def measure(model, teacher, ids, total):
    """One sequence: its share of the loss, derivatives by projections, and Fisher information."""
    found, handles = taps(model)
    logits = model(ids[None], use_cache=False).logits[0].log_softmax(-1)
    for handle in handles:
        handle.remove()
    with torch.no_grad():
        wanted = teacher(ids[None], use_cache=False).logits[0].log_softmax(-1)
    places, outputs = list(found), list(found.values())
    loss = (wanted.exp() * (wanted - logits)).sum() / total
    derivatives = torch.autograd.grad(loss, outputs, retain_graph=True)
    fisher = [torch.zeros_like(output) for output in outputs]
    for q in logits:
        each = torch.autograd.grad(
            q, outputs, torch.eye(len(q), dtype=q.dtype), retain_graph=True, is_grads_batched=True
        )
        weights = q.detach().exp()[:, None, None, None]
        fisher = [sum_ + (weights * score**2).sum(0) for sum_, score in zip(fisher, each)]
    return (
        loss.detach(),
        joined(places, [value[0] for value in derivatives]),
        joined(places, [value[0] for value in fisher]),
    )


def main():
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    teacher = load(TEACHER)
    for case in CASES:
        given = load_file(FIXTURES / "models" / case / "expected.safetensors")
        ids = given["token_ids"].long()
        lengths = given["sequence_lengths"].long().tolist()
        model = load(case)
        parts = [measure(model, teacher, part, len(ids)) for part in ids.split(lengths)]
        expected = {"loss": sum(part[0] for part in parts).reshape(1)}
        for number, name in ((1, "derivative"), (2, "fisher")):
            for component, index in parts[0][number]:
                expected[f"{component}_{name}/{index}"] = torch.cat(
                    [part[number][component, index] for part in parts]
                )
        save_file(
            {name: value.float().contiguous() for name, value in expected.items()},
            ROOT / f"{case}.safetensors",
        )
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.glob("*.safetensors"))
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
