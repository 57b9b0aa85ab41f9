#!/usr/bin/env python3
"""Makes Tests/Fixtures/training: pico models, and autograd's derivative of the loss by every tensor.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_training.py

Each folder holds a Hugging Face checkpoint (float32) and expected.safetensors: token ids and sequence
lengths of one step and, computed by transformers or modeling_mohd.py in float64 and rounded,

    cross_entropy, balance_loss, z_loss   in nats, [1] each; the loss is their sum
    z_weight                              of the z-loss, mean over tokens of logsumexp(router logits)²
    gradient/NAME                         the derivative by tensor NAME, in its shape

MoHD's sequences are padded to one batch, and padding is left out of everything. terms.json says, for every
term of the way back that a case has, how far the derivatives are off without it, relative to the
largest entry of the tensor that is off most: a term that could be missing unnoticed is an error here.
No score that is chosen is closer than MARGIN to one that is not. Seed 242 and up; equal versions give
equal files.
"""

import contextlib
import hashlib
import json
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Python"))
from mohd_models import FIXTURES, MoHDForCausalLM, component, pico, routing_margin, trace  # noqa: E402
from HuggingFace.modeling_mohd import (  # noqa: E402
    CentroidRouter,
    LowRank,
    MixtureOfSubDimensions,
    first_largest,
    nonzero,
)

ROOT = FIXTURES.parent / "training"
LENGTHS = [11, 1, 7, 2]
SEEDS = range(242, 742)
MARGIN = 2e-3
# Off by less than this without a term, a fixture would not notice; tests allow 1e-4.
FLOOR = 1e-2

COMMON = dict(
    hidden_size=24,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=6,
    vocab_size=40,
    max_position_embeddings=64,
)
DENSE = {
    "dense-llama": (LlamaForCausalLM, LlamaConfig(**COMMON)),
    "dense-llama-biases": (
        LlamaForCausalLM,
        LlamaConfig(
            **{**COMMON, "num_key_value_heads": 1, "head_dim": 10},
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 16,
            },
        ),
    ),
    "dense-qwen2": (Qwen2ForCausalLM, Qwen2Config(**{k: v for k, v in COMMON.items() if k != "head_dim"})),
    "dense-mistral-window": (MistralForCausalLM, MistralConfig(**COMMON, sliding_window=4)),
}
LOUD = dict(balance_weight=0.5)
MOHD = {
    # As printed.
    "mohd-paper": dict(
        attention=component(6, 2, 4, fusion="monarch", **LOUD),
        ffn=component(8, 3, 4, fusion="monarch", fusion_blocks=6, **LOUD),
    ),
    "mohd-every-projection": dict(
        attention=component(
            6, 1, 3, gate_at="every_projection", scaling="unit_sum", fusion="block_diagonal",
            fusion_blocks=4, **LOUD,
        ),
        ffn=component(4, 0, 2, gate_at="every_projection", scaling="unit_mean", **LOUD),
        attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
    ),
    "mohd-compensated": dict(
        attention=component(
            8, 2, 4, gate_at="every_projection", sparse_side="input", input_basis="dense",
            inactive_bias=True, low_rank=3, **LOUD,
        ),
        ffn=component(
            6, 1, 2, scaling="unit_mean", input_basis="dense", inactive_bias=True, low_rank=2,
            fusion="monarch", **LOUD,
        ),
    ),
    "mohd-monarch-basis": dict(
        attention=component(6, 1, 2, scaling="none", input_basis="monarch", fusion_blocks=4, **LOUD),
        ffn=[
            component(4, 1, 3, scaling="unit_sum", input_basis="monarch", fusion="block_diagonal", **LOUD),
            component(12, 3, 9, scaling="paper", low_rank=1, **LOUD),
        ],
        num_key_value_heads=1,
    ),
    # Routers that no derivative reaches, and choices that do not vary.
    "mohd-unit": dict(
        attention=component(6, 1, 3, gate="unit", fusion="monarch"),
        ffn=[
            component(6, 2, 4, gate="unit", router="energy", input_basis="dense"),
            component(4, 2, 2, gate="unit", sparse_side="input"),
        ],
    ),
    "mohd-static": dict(
        attention=component(6, 3, 3, fusion="monarch", **LOUD),
        ffn=component(8, 0, 8, scaling="unit_sum", gate_at="every_projection", **LOUD),
        sliding_window=5,
    ),
    # Widths of their own, smaller and larger than the hidden size; a static choice holds used rows alone.
    "mohd-narrow": dict(
        attention=[
            component(
                1, 1, 1, sub_dimension_size=20, gate="unit", router="energy", sparse_side="input",
                input_basis="dense",
            ),
            component(
                4, 1, 2, sub_dimension_size=5, router="energy", scaling="unit_mean",
                input_basis="dense", fusion="block_diagonal", fusion_blocks=4, **LOUD,
            ),
        ],
        ffn=[
            component(
                3, 3, 3, sub_dimension_size=5, gate="unit", input_basis="dense", fusion="monarch",
                fusion_blocks=4,
            ),
            component(
                4, 1, 4, sub_dimension_size=5, scaling="unit_sum", input_basis="dense",
                gate_at="every_projection", **LOUD,
            ),
        ],
        attention_bias=True, mlp_bias=True,
    ),
    "mohd-wide": dict(
        attention=component(
            7, 2, 3, sub_dimension_size=5, gate_at="every_projection", sparse_side="input",
            input_basis="dense", inactive_bias=True, low_rank=2, **LOUD,
        ),
        ffn=[
            component(
                8, 3, 4, sub_dimension_size=4, router="energy", scaling="unit_mean", input_basis="dense",
                inactive_bias=True, low_rank=2, fusion="monarch", fusion_blocks=4, **LOUD,
            ),
            component(4, 1, 3, sub_dimension_size=9, input_basis="dense", **LOUD),
        ],
        num_key_value_heads=1,
    ),
    # As Eq. 13 is printed: shared sub-dimensions are evened, too.
    "mohd-balance-all": dict(
        attention=component(6, 2, 4, balance_over="all", **LOUD),
        ffn=component(8, 3, 3, scaling="unit_mean", balance_over="all", **LOUD),
    ),
    "mohd-z-loss": dict(
        attention=component(6, 0, 2, **LOUD),
        ffn=component(8, 4, 6, scaling="unit_mean", **LOUD),
        z_weight=0.2,
    ),
}

# The way back, term by term


def left_out(terms):
    """A context in which derivatives lack some terms; values stay as they are."""
    original = {name: getattr(MixtureOfSubDimensions, name) for name in (
        "read", "write", "route", "change_basis", "balance_loss")}
    low_rank = LowRank.forward

    def route(self, a, z, needs_scores=False):
        a = a.detach() if "router_input" in terms else a
        z = z.detach() if "energy_input" in terms else z
        return original["route"](self, a, z, needs_scores)

    def read(self, a, needs_scores=False):
        kept = []

        def hidden(a, z, needs_scores):
            routing = route(self, a, z, needs_scores)
            kept.append(routing)
            return routing._replace(gates=routing.gates.detach())

        if "input_gates" not in terms:
            return original["read"](self, a, needs_scores)
        self.route = hidden
        selected, beside, _ = original["read"](self, a, needs_scores)
        del self.route
        return selected, beside, kept[0]

    def write(self, y, routing):
        if "output_gates" in terms:
            routing = routing._replace(gates=routing.gates.detach())
        if "alpha" in terms:
            routing = routing._replace(alpha=routing.alpha.detach())
        return original["write"](self, y, routing)

    def change_basis(self, a):
        return original["change_basis"](self, a.detach() if "basis_input" in terms else a)

    def balance_loss(self, routing, tokens=None):
        if "balance" in terms:
            routing = routing._replace(gates=routing.gates.detach())
        if "balance_total" not in terms:
            return original["balance_loss"](self, routing, tokens)
        gates = routing.gates if tokens is None else routing.gates[tokens]
        gates = gates.reshape(-1, self.settings.sub_dimensions)
        shared = 0 if self.settings.balance_over == "all" else self.settings.shared
        if shared == self.settings.sub_dimensions:
            return gates.sum() * 0
        mean_gate = (gates / nonzero(gates.sum(-1, keepdim=True)).detach()).mean(0)[shared:]
        share = functional.one_hot(first_largest(gates[:, shared:]), mean_gate.numel())
        return self.settings.balance_weight * (mean_gate * share.to(gates.dtype).mean(0)).sum()

    @contextlib.contextmanager
    def context():
        for name, method in dict(
            route=route, read=read, write=write, change_basis=change_basis, balance_loss=balance_loss
        ).items():
            setattr(MixtureOfSubDimensions, name, method)
        if "low_rank_input" in terms:
            LowRank.forward = lambda self, x: low_rank(self, x.detach())
        try:
            yield
        finally:
            for name, method in original.items():
                setattr(MixtureOfSubDimensions, name, method)
            LowRank.forward = low_rank

    return context()


def terms_of(model):
    """The terms that at least one component of the model has."""
    found = set()
    for module in model.modules():
        if not isinstance(module, MixtureOfSubDimensions):
            continue
        settings = module.settings
        softmax, routed = settings.gate == "softmax", settings.shared < settings.top_k
        # Where all are active the gates' sum is 1, whatever the router says.
        sums = settings.top_k < settings.sub_dimensions
        if softmax:
            found.add("router_input" if settings.router == "centroid" else "energy_input")
            if settings.sparse_side == "both":
                found.add("output_gates")
                if settings.scaling != "none" and sums:
                    found.add("alpha")
            if settings.gate_at == "every_projection":
                found.add("input_gates")
            if routed and settings.balance_weight > 0:
                found |= {"balance", "balance_total"} if sums else {"balance"}
        if settings.input_basis != "none":
            found.add("basis_input")
        if settings.low_rank:
            found.add("low_rank_input")
    return sorted(found)


def padded(parts):
    length = max(map(len, parts))
    ids = torch.stack([functional.pad(part, (0, length - len(part))) for part in parts])
    mask = torch.stack([torch.arange(length) < len(part) for part in parts])
    return ids, mask


def losses(model, parts, z_weight):
    """The step's losses; the cross entropy is a mean over scored tokens, the others over tokens."""
    if not isinstance(model, MoHDForCausalLM):
        # Sequence by sequence: transformers' windows leave padding without any key.
        count = sum(len(part) - 1 for part in parts)
        sums = (
            functional.cross_entropy(model(part[None], use_cache=False).logits[0, :-1], part[1:], reduction="sum")
            for part in parts
        )
        zero = torch.zeros((), dtype=torch.float64)
        return {"cross_entropy": sum(sums) / count, "balance_loss": zero, "z_loss": zero}
    ids, mask = padded(parts)
    logits = []

    def hook(module, arguments, _):
        a = arguments[0]
        logits.append(functional.linear(a, module.weight, module.bias))

    handles = [
        module.register_forward_hook(hook) for module in model.modules() if isinstance(module, CentroidRouter)
    ]
    labels = ids.masked_fill(~mask, -100)
    output = model(input_ids=ids, attention_mask=mask.long(), labels=labels, use_cache=False)
    for handle in handles:
        handle.remove()
    zero = output.loss.new_zeros(())
    z = sum((each[mask].logsumexp(-1).square().mean() for each in logits), zero) * z_weight
    return {
        "cross_entropy": output.cross_entropy_loss,
        "balance_loss": output.balance_loss,
        "z_loss": z,
    }


def gradients(model, parts, z_weight, without=()):
    model.zero_grad(set_to_none=True)
    with left_out(without):
        found = losses(model, parts, z_weight)
        sum(found.values()).backward()
    grads = {
        name: torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }
    return {name: value.detach() for name, value in found.items()}, grads


def worst(found, expected):
    """The largest difference of any tensor, relative to the tensor's largest entry."""
    return max(
        ((found[name] - value).abs().max() / value.abs().max()).item()
        for name, value in expected.items()
        if value.abs().max() > 0
    )


def randomise(model):
    """Weights with the scale of a trained model."""
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if "norm" in name:
            parameter.data = 0.5 + torch.rand_like(parameter)
        elif name.endswith("bias"):
            parameter.data = 0.3 * noise
        elif "embed" in name:
            parameter.data = noise
        else:
            parameter.data = 1.3 * noise / parameter.shape[1] ** 0.5


def write(case, model, parts, z_weight):
    folder = ROOT / case
    model.save_pretrained(folder)
    for path in [*folder.glob("*.py"), folder / "generation_config.json"]:
        path.unlink(missing_ok=True)
    model = model.double()
    found, expected = gradients(model, parts, z_weight)
    if not all(value.isfinite().all() for value in [*found.values(), *expected.values()]):
        raise SystemExit(f"{case}: not finite")
    terms = {}
    names = [(term,) for term in (terms_of(model) if case.startswith("mohd") else [])]
    for term in names:
        terms[term[0]] = worst(gradients(model, parts, z_weight, term)[1], expected)
    if z_weight:
        terms["z_loss"] = worst(gradients(model, parts, 0.0)[1], expected)
    for term, off in terms.items():
        if off < FLOOR:
            raise SystemExit(f"{case}: without {term} derivatives are only {off} off")
    values = {name: value.float().reshape(1) for name, value in found.items()}
    values["z_weight"] = torch.tensor([z_weight])
    values["token_ids"] = torch.cat(parts).float()
    values["sequence_lengths"] = torch.tensor(LENGTHS).float()
    for name, value in expected.items():
        values[f"gradient/{name}"] = value.float().contiguous()
    save_file(values, folder / "expected.safetensors")
    (folder / "terms.json").write_text(json.dumps(terms, indent=2, sort_keys=True) + "\n")
    config_path = folder / "config.json"
    config = json.loads(config_path.read_text())
    config_path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def ids_of(model):
    # Some token twice: an embedding's derivative is a sum.
    return list(torch.randint(0, model.config.vocab_size // 2, (sum(LENGTHS),)).split(LENGTHS))


def main():
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    for index, (case, (cls, config)) in enumerate(DENSE.items()):
        torch.manual_seed(SEEDS[0] + index)
        config._attn_implementation = "eager"
        model = cls(config).eval()
        randomise(model)
        model.tie_weights()
        write(case, model, ids_of(model), 0.0)
    for case, settings in MOHD.items():
        settings = {**COMMON, "tie_word_embeddings": False, **settings}
        z_weight = settings.pop("z_weight", 0.0)
        for seed in SEEDS:
            model = pico(settings["attention"], settings["ffn"], seed=seed, **{
                key: value for key, value in settings.items() if key not in ("attention", "ffn")})
            parts = ids_of(model)
            if min(routing_margin(model.config, trace(model, part)) for part in parts) > MARGIN:
                break
        else:
            raise SystemExit(f"{case}: no seed keeps scores {MARGIN} apart")
        write(case, model, parts, z_weight)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
