"""Makes Tests/Fixtures/checkpoints: small checkpoints in every format, and what they must widen to.

    pip install gguf==0.19.0 numpy safetensors==0.8.0 torch==2.13.0
    python3 Tests/Fixtures/generate_checkpoints.py
    python3 Tests/Fixtures/generate_checkpoints.py --smollm2 FILE.gguf    # the real model's digests

Everything is a function of SEED. `expected.json` holds, for each model, the SHA-256 of every tensor
as little-endian Float32 in Hugging Face's names and order.
"""

import argparse
import hashlib
import json
import pathlib
import shutil

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

SEED = 20241205
HERE = pathlib.Path(__file__).parent / "checkpoints"
TYPES = ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
# Where each block keeps its binary16 scales.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def sha256(array):
    return hashlib.sha256(np.ascontiguousarray(array, dtype="<f4").tobytes()).hexdigest()


def digests(weights):
    return {name: sha256(array) for name, array in sorted(weights.items())}


# ---------------------------------------------------------------- one tensor of every type


def special_halves():
    """Scales that go wrong easily: zero, −0, negative, subnormal, largest, infinite, not a number."""
    return np.array(
        [0x0000, 0x8000, 0xB800, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E01,
         0x2C00], dtype="<u2")


def random_blocks(rng, name, rows, columns):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    count = rows * columns // elements
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    if name in SCALES:
        for place in SCALES[name]:
            scales = rng.standard_normal(count).astype("<f2")
            special = special_halves()
            chosen = rng.permutation(count)[: len(special)]
            scales.view("<u2")[chosen] = special[: len(chosen)]
            blocks[:, place : place + 2] = scales.view(np.uint8).reshape(count, 2)
    if name == "F32":
        blocks = rng.standard_normal(count).astype("<f4").view(np.uint8)
    if name in ("F16", "BF16"):
        # Every bit pattern is as likely as any other, so subnormals and NaNs are among them.
        blocks = np.arange(65536, dtype="<u2")[rng.permutation(65536)[:count]].view(np.uint8)
    return blocks.reshape(rows, -1)


def write_types(path):
    rng = np.random.default_rng(SEED)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_quantization_version(2)
    expected = []
    for name in TYPES:
        # Twelve blocks and more, so that every special scale has one.
        rows, columns = (3, 256) if name[-1] != "K" else (6, 512)
        kind = gguf.GGMLQuantizationType[name]
        raw = random_blocks(rng, name, rows, columns)
        wide = gguf.dequantize(raw, kind).reshape(rows, columns)
        expected.append(wide.astype("<f4").tobytes())
        writer.add_tensor(f"{name.lower()}.weight", raw, raw_shape=raw.shape, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".expected").write_bytes(b"".join(expected))


# ---------------------------------------------------------------- pico models

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "vocab_size": 32,
    "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "max_position_embeddings": 256,
    "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
    "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": False,
    "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
}
QWEN2 = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu",
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 32,
    "rms_norm_eps": 1e-06, "max_position_embeddings": 256,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
    "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": 128,
    "max_window_layers": 2, "bos_token_id": 1, "eos_token_id": [2, 3], "dtype": "float16",
}


def pico_weights(config, dtype, seed):
    """Random weights that binary16 and bfloat16 both hold exactly."""
    generator = torch.Generator().manual_seed(seed)
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    d, ff = config["hidden_size"], config["intermediate_size"]
    dh = config.get("head_dim", d // heads)
    shapes = {"model.embed_tokens.weight": [config["vocab_size"], d], "model.norm.weight": [d]}
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = [config["vocab_size"], d]
    for layer in range(config["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        shapes[p + "input_layernorm.weight"] = [d]
        shapes[p + "post_attention_layernorm.weight"] = [d]
        linear = {
            "self_attn.q_proj": [heads * dh, d], "self_attn.k_proj": [groups * dh, d],
            "self_attn.v_proj": [groups * dh, d], "self_attn.o_proj": [d, heads * dh],
            "mlp.gate_proj": [ff, d], "mlp.up_proj": [ff, d], "mlp.down_proj": [d, ff],
        }
        for name, shape in linear.items():
            shapes[p + name + ".weight"] = shape
            biased = config.get("mlp_bias", False) if name.startswith("mlp") else (
                config.get("attention_bias", False)
                or (config["model_type"] == "qwen2" and name[10] in "qkv"))
            if biased:
                shapes[p + name + ".bias"] = shape[:1]
    weights = {}
    for name in sorted(shapes):
        value = torch.randn(shapes[name], generator=generator) / 4
        if "norm" in name:
            value += 1
        # Seven significant bits, exponents well inside binary16: exact in every format.
        mantissa, exponent = torch.frexp(value)
        weights[name] = torch.ldexp(torch.round(mantissa * 128) / 128, exponent).to(dtype)
    return weights


def write_hugging_face(folder, config, weights, shards=1):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    names = sorted(weights)
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    index = {"metadata": {"total_size": sum(w.nbytes for w in weights.values())}, "weight_map": {}}
    for shard in range(shards):
        file = f"model-{shard + 1:05d}-of-{shards:05d}.safetensors"
        chosen = names[shard * len(names) // shards : (shard + 1) * len(names) // shards]
        save_file({n: weights[n] for n in chosen}, folder / file, metadata={"format": "pt"})
        index["weight_map"].update({n: file for n in chosen})
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def gguf_name(name):
    fixed = {
        "model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in fixed:
        return fixed[name]
    _, _, layer, rest = name.split(".", 3)
    stem, suffix = rest.rsplit(".", 1)
    return f"blk.{layer}.{NAMES[stem]}.{suffix}"


def interleave(array, heads):
    """What llama.cpp's converter does to the rows of W_q and W_k of llama models."""
    half = array.shape[0] // heads // 2
    return array.reshape(heads, 2, half, *array.shape[1:]).swapaxes(1, 2).reshape(array.shape)


def rope_factors(config):
    """llama3's scaling as the factors that llama.cpp's converter writes into rope_freqs.weight."""
    scaling = config["rope_scaling"]
    dim = config["head_dim"]
    frequency = 1.0 / config["rope_theta"] ** (np.arange(0, dim, 2, dtype=np.float32) / dim)
    original = scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    factors = []
    for f in frequency:
        wavelength = 2 * np.pi / f
        if wavelength < original / high:
            factors.append(1.0)
        elif wavelength > original / low:
            factors.append(scaling["factor"])
        else:
            smooth = (original / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / scaling["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


def write_gguf(path, config, weights, kind, split=0):
    architecture = config["model_type"]
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=split)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    writer.add_rope_freq_base(theta)
    if "head_dim" in config:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
        writer.add_rope_dimension_count(config["head_dim"])
    vocabulary = [f"<{i}>" for i in range(config["vocab_size"])]
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([1] * len(vocabulary))
    writer.add_token_merges(["a b", "ab c"])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(2)
    if "rope_scaling" in config:
        writer.add_tensor("rope_freqs.weight", rope_factors(config))
    for name in sorted(weights):
        array = weights[name].float().numpy()
        if architecture == "llama" and (".q_proj." in name or ".k_proj." in name):
            groups = config["num_attention_heads" if ".q_proj." in name else "num_key_value_heads"]
            array = interleave(array, groups)
        stored = gguf.GGMLQuantizationType.F32 if array.ndim == 1 else kind
        raw = gguf.quantize(np.ascontiguousarray(array), stored)
        writer.add_tensor(gguf_name(name), raw, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def smollm2(path):
    """Digests of a few tensors of the real model, un-permuted by transformers' own code."""
    from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

    reader = gguf.GGUFReader(path)
    processor = LlamaTensorProcessor()
    chosen = {
        "token_embd.weight": "tokenEmbedding", "output_norm.weight": "finalNorm",
        "blk.0.attn_norm.weight": "attentionNorm.0", "blk.0.attn_q.weight": "queryProjection.0",
        "blk.0.attn_k.weight": "keyProjection.0", "blk.0.attn_v.weight": "valueProjection.0",
        "blk.7.attn_output.weight": "attentionOutputProjection.7",
        "blk.29.attn_q.weight": "queryProjection.29", "blk.29.attn_k.weight": "keyProjection.29",
        "blk.29.ffn_gate.weight": "gateProjection.29", "blk.29.ffn_up.weight": "upProjection.29",
        "blk.29.ffn_down.weight": "downProjection.29",
    }
    result = {}
    for tensor in reader.tensors:
        if tensor.name not in chosen:
            continue
        wide = gguf.dequantize(tensor.data, tensor.tensor_type)
        if ".attn_q." in tensor.name:
            wide = processor._reverse_permute_weights(wide, 9, 9)
        if ".attn_k." in tensor.name:
            wide = processor._reverse_permute_weights(wide, 9, 3)
        result[chosen[tensor.name]] = sha256(wide)
    text = json.dumps(result, indent=2, sort_keys=True) + "\n"
    (HERE / "smollm2-135m-q4_1.json").write_text(text)


def write_manifest():
    files = sorted(p for p in HERE.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(HERE)}\n" for p in files]
    (HERE / "SHA256SUMS").write_text("".join(lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smollm2", help="the real GGUF file; only its digests are renewed")
    options = parser.parse_args()
    if options.smollm2:
        smollm2(options.smollm2)
        write_manifest()
        return
    kept = HERE / "smollm2-135m-q4_1.json"
    text = kept.read_text() if kept.exists() else None
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir(parents=True)
    if text:
        kept.write_text(text)
    write_types(HERE / "types.gguf")
    llama = pico_weights(LLAMA, torch.float32, SEED)
    bf16 = {name: value.to(torch.bfloat16) for name, value in llama.items()}
    write_hugging_face(HERE / "llama-f32", LLAMA, llama)
    write_hugging_face(
        HERE / "llama-bf16-sharded", {**LLAMA, "torch_dtype": "bfloat16"}, bf16, shards=3)
    write_gguf(HERE / "llama-bf16.gguf", LLAMA, llama, gguf.GGMLQuantizationType.BF16)
    write_gguf(HERE / "llama-split.gguf", LLAMA, llama, gguf.GGMLQuantizationType.F16, split=16)
    qwen2 = pico_weights(QWEN2, torch.float16, SEED + 1)
    write_hugging_face(HERE / "qwen2-f16", QWEN2, qwen2)
    write_gguf(HERE / "qwen2-f16.gguf", QWEN2, qwen2, gguf.GGMLQuantizationType.F16)
    expected = {
        "llama": digests({n: w.numpy() for n, w in llama.items()}),
        "qwen2": digests({n: w.float().numpy() for n, w in qwen2.items()}),
        "ropeFactors": [float(f) for f in rope_factors(LLAMA)],
    }
    (HERE / "expected.json").write_text(json.dumps(expected, indent=2, sort_keys=True) + "\n")
    write_manifest()


if __name__ == "__main__":
    main()
