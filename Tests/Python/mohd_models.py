"""Small MoHD models, and what goes on inside them: for the tests and the fixtures' generator."""

import pathlib
import sys

import torch

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SOURCES = REPOSITORY / "Sources" / "Results" / "Conversion" / "HuggingFace"
FIXTURES = REPOSITORY / "Tests" / "Fixtures" / "mohd"
sys.path.insert(0, str(SOURCES.parent))
sys.dont_write_bytecode = True

from HuggingFace.configuration_mohd import MoHDConfig  # noqa: E402
from HuggingFace.modeling_mohd import (  # noqa: E402
    Component,
    MixtureOfSubDimensions,
    MoHDForCausalLM,
)

PICO = {
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 96,
    "max_position_embeddings": 256,
}


def component(sub_dimensions=8, shared=3, top_k=4, **settings):
    """One component's settings, config.json's C."""
    return {"sub_dimensions": sub_dimensions, "shared": shared, "top_k": top_k, **settings}


def pico(attention, ffn=None, seed=42, **keys):
    """A pico model of random weights, in evaluation mode, eager attention."""
    config = MoHDConfig(**{**PICO, **keys}, mohd={"attention": attention, "ffn": ffn or attention})
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = MoHDForCausalLM(config).eval()
    randomise(model)
    model.tie_weights()
    return model


@torch.no_grad()
def randomise(model):
    """Weights with the scale of a trained model: every part matters, nothing is the identity."""
    for name, parameter in model.named_parameters():
        noise = torch.randn_like(parameter)
        if "norm" in name or name.endswith("scale"):
            parameter.copy_(0.5 + torch.rand_like(parameter))
        elif name.endswith("bias"):
            parameter.copy_(0.3 * noise)
        elif "embed" in name:
            parameter.copy_(noise)
        elif "fusion" in name or "basis" in name:
            size = parameter.shape[-1]
            rows = torch.arange(parameter.shape[-2]) % size  # a basis may be [D, d]
            identity = torch.eye(size)[rows].expand_as(parameter)
            parameter.copy_(identity + 0.3 * noise / parameter.shape[-1] ** 0.5)
        else:
            parameter.copy_(1.3 * noise / parameter.shape[-1] ** 0.5)
    for module in model.modules():
        if isinstance(module, MixtureOfSubDimensions):
            order = module.dimension_order
            count = module.hidden_size if module.keeps_used_outputs else len(order)
            order.copy_(torch.randperm(count)[: len(order)])
            module.prepare()
    for module in model.modules():
        if isinstance(module, Component):
            module.update_norms()


@torch.inference_mode()
def trace(model, ids):
    """One sequence's hook points, router scores, active sets, gates, α, balance losses, logits."""
    values, handles, patched = {}, [], []

    def record(layer, name, tensor):
        values[f"{name}/{layer}"] = tensor.reshape(-1, tensor.shape[-1]).clone()

    def tap(module, layer, name, takes_input):
        def hook(_, arguments, output):
            record(layer, name, arguments[0] if takes_input else output[0])

        handles.append(module.register_forward_hook(hook))

    def watch(part, layer, name, input_name, projected, output_name):
        read, write, mohd = part.read, part.write, part.mohd

        def watched_read(a, needs_scores):
            outputs, routing = read(a, True)
            record(layer, input_name, a)
            for projection, output in zip(projected, outputs):
                record(layer, projection, output)
            record(layer, f"{name}_router", routing.scores)
            record(layer, f"{name}_router_gate", routing.gates)
            record(layer, f"{name}_router_alpha", routing.alpha)
            record(layer, f"{name}_active", routing.active.to(torch.uint8))
            record(layer, f"{name}_balance_loss", mohd.balance_loss(routing).reshape(1))
            return outputs, routing

        def watched_write(inner, routing):
            y = write(inner, routing)
            record(layer, output_name, y)
            return y

        part.read, part.write = watched_read, watched_write
        patched.append(part)

    for index, layer in enumerate(model.model.layers):
        attention, ffn = layer.self_attn, layer.mlp
        tap(layer.input_layernorm, index, "residual_pre", True)
        watch(
            attention, index, "attention", "attention_input",
            ["query", "key", "value"], "attention_output",
        )
        tap(attention.o_proj, index, "attention_heads", True)
        tap(layer.post_attention_layernorm, index, "residual_mid", True)
        watch(ffn, index, "ffn", "ffn_input", ["ffn_gate", "ffn_up"], "ffn_output")
        tap(ffn.down_proj, index, "ffn_hidden", True)
        tap(layer, index, "residual_post", False)
    values["logits"] = model(torch.as_tensor(ids)[None], use_cache=False).logits[0]
    for handle in handles:
        handle.remove()
    for part in patched:
        del part.read, part.write
    return values


def routing_margin(config, values):
    """The smallest relative distance between the last chosen and the first left-out score."""
    margin = float("inf")
    for layer in range(config.num_hidden_layers):
        for name in ("attention", "ffn"):
            settings = config.component(name, layer)
            if settings.shared in (settings.top_k, settings.sub_dimensions):
                continue
            if settings.top_k == settings.sub_dimensions:
                continue
            scores = values[f"{name}_router/{layer}"][:, settings.shared :]
            scores = scores.sort(dim=-1, descending=True).values
            last = settings.top_k - settings.shared
            gap = 1 - scores[:, last] / scores[:, last - 1]
            margin = min(margin, gap.min().item())
    return margin
