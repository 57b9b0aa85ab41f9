#!/usr/bin/env python3
"""Makes Tests/Fixtures/models: pico models and every hook point's values, by transformers.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_models.py

Each folder holds a Hugging Face checkpoint (float32 safetensors) and expected.safetensors: token ids,
sequence lengths, every hook point of every layer as [token, width], and the logits, computed with
eager attention in float32, one sequence at a time. Seed 42; equal versions give equal files.
"""
import hashlib
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

ROOT = pathlib.Path(__file__).parent / "models"
SEED = 42
LENGTHS = [37, 1, 12, 6]

COMMON = dict(
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=96,
    max_position_embeddings=256,
    bos_token_id=1,
    eos_token_id=2,
)

CASES = {
    "pico-llama": (LlamaForCausalLM, LlamaConfig(**COMMON)),
    "pico-llama-biases-llama3": (
        LlamaForCausalLM,
        LlamaConfig(
            **{**COMMON, "num_key_value_heads": 1},
            head_dim=12,
            attention_bias=True,
            mlp_bias=True,
            tie_word_embeddings=True,
            rope_parameters={
                "rope_type": "llama3",
                "rope_theta": 500000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 32,
            },
        ),
    ),
    "pico-llama-linear": (
        LlamaForCausalLM,
        LlamaConfig(
            **{**COMMON, "num_key_value_heads": 4},
            rope_parameters={"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0},
        ),
    ),
    "pico-qwen2": (Qwen2ForCausalLM, Qwen2Config(**COMMON)),
    "pico-mistral-window": (
        MistralForCausalLM,
        MistralConfig(**COMMON, head_dim=8, sliding_window=9),
    ),
}


def randomise(model):
    """Weights with the scale of a trained model: outputs of every part matter, gains vary."""
    for name, parameter in model.named_parameters():
        if "norm" in name:
            parameter.data = 0.5 + torch.rand_like(parameter)
        elif name.endswith("bias"):
            parameter.data = 0.3 * torch.randn_like(parameter)
        elif "embed" in name:
            parameter.data = torch.randn_like(parameter)
        else:
            parameter.data = torch.randn_like(parameter) * 1.3 / parameter.shape[1] ** 0.5


def capture(model, ids):
    values, handles = {}, []

    def tap(layer, name, module, takes_input):
        def hook(_, arguments, output):
            tensor = arguments[0] if takes_input else output
            tensor = tensor[0] if isinstance(tensor, tuple) else tensor
            values[f"{name}/{layer}"] = tensor.reshape(-1, tensor.shape[-1]).clone()

        handles.append(module.register_forward_hook(hook))

    for index, layer in enumerate(model.model.layers):
        attention, ffn = layer.self_attn, layer.mlp
        tap(index, "residual_pre", layer.input_layernorm, True)
        tap(index, "attention_input", attention.q_proj, True)
        tap(index, "query", attention.q_proj, False)
        tap(index, "key", attention.k_proj, False)
        tap(index, "value", attention.v_proj, False)
        tap(index, "attention_heads", attention.o_proj, True)
        tap(index, "attention_output", attention.o_proj, False)
        tap(index, "residual_mid", layer.post_attention_layernorm, True)
        tap(index, "ffn_input", ffn.gate_proj, True)
        tap(index, "ffn_gate", ffn.gate_proj, False)
        tap(index, "ffn_up", ffn.up_proj, False)
        tap(index, "ffn_hidden", ffn.down_proj, True)
        tap(index, "ffn_output", ffn.down_proj, False)
        tap(index, "residual_post", layer, False)
    with torch.inference_mode():
        values["logits"] = model(ids).logits[0]
    for handle in handles:
        handle.remove()
    return values


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    for case, (cls, config) in CASES.items():
        torch.manual_seed(SEED)
        config._attn_implementation = "eager"
        model = cls(config).float().eval()
        randomise(model)
        model.tie_weights()
        folder = ROOT / case
        folder.mkdir(parents=True)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        ids = torch.randint(3, config.vocab_size, (sum(LENGTHS),))
        parts, start = [], 0
        for length in LENGTHS:
            parts.append(capture(model, ids[None, start : start + length]))
            start += length
        expected = {name: torch.cat([part[name] for part in parts]).contiguous() for name in parts[0]}
        expected["token_ids"] = ids.float()
        expected["sequence_lengths"] = torch.tensor(LENGTHS).float()
        save_file(expected, folder / "expected.safetensors")
        config_path = folder / "config.json"
        data = json.loads(config_path.read_text())
        config_path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n")
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


main()
