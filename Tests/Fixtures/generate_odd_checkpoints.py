#!/usr/bin/env python3
"""Makes Tests/Fixtures/odd_checkpoints: checkpoints as other programs leave them, and what
transformers makes of each.

    pip install "torch==2.13.0+cpu" transformers==5.23.0 safetensors==0.8.0
    python3 Tests/Fixtures/generate_odd_checkpoints.py

Each folder holds a checkpoint that transformers loads, and expected.safetensors: token ids, sequence
lengths, the last residual stream (`residual`, before the final norm) and the logits, in float32 with
eager attention; no logits where transformers would invent the head. Seed 18.
"""
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

ROOT = pathlib.Path(__file__).parent / "odd_checkpoints"
IDS = [1, 5, 7, 2, 9, 11, 3]
BASE = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", hidden_size=8, intermediate_size=12,
    num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=4, vocab_size=12,
    rms_norm_eps=1e-5, rope_theta=10000.0, max_position_embeddings=64, hidden_act="silu",
    tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
TIED = {**BASE, "tie_word_embeddings": True}


def weights(config, seed=18):
    """Every tensor that AutoModelForCausalLM asks for, with numbers far from its initial ones."""
    kind = {**config, "tie_word_embeddings": False}
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**kind))
    return {
        name: (1 if "norm" in name else 0) + 0.4 * torch.randn(value.shape, generator=generator)
        for name, value in model.state_dict().items()
    }


def without_head(tensors):
    return {name: value for name, value in tensors.items() if name != "lm_head.weight"}


def bare(tensors):
    return {name.removeprefix("model."): value for name, value in tensors.items()}


def save(name, config, *files, index=None, scored=True):
    """One file, or several with an index: `index` maps names to numbers of files."""
    folder = ROOT / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    if len(files) == 1 and index is None:
        save_file(files[0], folder / "model.safetensors", {"format": "pt"})
    else:
        names = [f"model-{i + 1:05d}-of-{len(files):05d}.safetensors" for i in range(len(files))]
        for file, tensors in zip(names, files):
            save_file(tensors, folder / file, {"format": "pt"})
        places = {key: names[number] for key, number in index.items()}
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {}, "weight_map": places}, indent=1))
    ids = torch.tensor([IDS])
    options = dict(dtype=torch.float32, attn_implementation="eager")
    kept = []
    with torch.no_grad():
        kind = AutoModelForCausalLM if scored else AutoModel
        model = kind.from_pretrained(folder, **options).eval()
        getattr(model, "model", model).layers[-1].register_forward_hook(
            lambda _, __, output: kept.append(output if torch.is_tensor(output) else output[0]))
        output = model(ids)
        expected = {
            "token_ids": ids[0].float(), "sequence_lengths": torch.tensor([float(len(IDS))]),
            "residual": kept[0].reshape(len(IDS), -1).contiguous(),
        }
        if scored:
            expected["logits"] = output.logits[0].contiguous()
    save_file(expected, folder / "expected.safetensors")


def halves(tensors):
    names = sorted(tensors)
    parts = [names[: len(names) // 2], names[len(names) // 2 :]]
    files = [{name: tensors[name] for name in part} for part in parts]
    return files, {name: number for number, part in enumerate(parts) for name in part}


def heads():
    apart = weights(TIED)
    save("tied-head-apart", TIED, apart)
    equal = {**apart, "lm_head.weight": apart["model.embed_tokens.weight"].clone()}
    save("tied-head-equal", TIED, equal)
    alone = dict(equal)
    del alone["model.embed_tokens.weight"]
    save("tied-head-alone", TIED, alone)


def base_class():
    all_of_it = weights(BASE)
    save("bare-names", BASE, bare(all_of_it))
    save("bare-names-tied", {**TIED, "architectures": ["LlamaModel"]}, bare(without_head(weights(TIED))))
    save("no-head", {**BASE, "architectures": ["LlamaModel"]}, bare(without_head(all_of_it)),
         scored=False)
    save("no-head-whole-names", BASE, without_head(all_of_it), scored=False)


def indices():
    tied = without_head(weights(TIED))
    files, index = halves(tied)
    save("index-lists-a-tied-head", TIED, *files, index={**index, "lm_head.weight": 1})
    all_of_it = weights(BASE)
    files, index = halves(all_of_it)
    frequencies = "model.layers.0.self_attn.rotary_emb.inv_freq"
    save("index-lists-frequencies", BASE, *files, index={**index, frequencies: 0})
    wrong = {name: 1 - number for name, number in index.items()}
    save("index-swaps-files", BASE, *files, index=wrong)
    name = "model.layers.1.mlp.up_proj.weight"
    early = {**files[0], name: torch.randn(all_of_it[name].shape)}
    late = {**files[1], name: all_of_it[name]}
    early.pop("model.norm.weight", None)
    late["model.norm.weight"] = all_of_it["model.norm.weight"]
    save("tensor-in-two-files", BASE, early, late, index={**index, name: 0, "model.norm.weight": 1})


def types():
    save("float64", BASE, {name: value.double() for name, value in weights(BASE).items()})
    mixed = {
        name: value.double() if "norm" in name else value.bfloat16() if "mlp" in name else value
        for name, value in weights(BASE).items()
    }
    save("mixed-types", BASE, mixed)


def configurations():
    # Of mistral transformers 5 refuses null; 4 reads it as for the others.
    for kind in ("llama", "qwen2"):
        many = {**BASE, "model_type": kind, "num_key_value_heads": 2, "sliding_window": None,
                "architectures": [kind.capitalize() + "ForCausalLM"]}
        save(f"key-value-heads-null-{kind}", {**many, "num_key_value_heads": None}, weights(many))
    extra = weights(BASE)
    extra["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(2)
    extra["model.layers.0.self_attn.q_proj.bias"] = torch.randn(8)
    extra["model.layers.2.input_layernorm.weight"] = torch.randn(8)
    save("tensors-nobody-asks-for", BASE, extra)


if __name__ == "__main__":
    torch.manual_seed(18)
    shutil.rmtree(ROOT, ignore_errors=True)
    heads()
    base_class()
    indices()
    types()
    configurations()
