"""A converted folder in other people's wrappers, beside the dense model in the same ones.

    pytest Tests/Python/test_wrappers.py            every number within its bound
    python3 Tests/Python/test_wrappers.py           the numbers, as a table

Needs requirements.txt, accelerate, peft and bitsandbytes; what is not installed is skipped. Each
number is the largest difference of logits (near 20) from those of the same model without the
wrapper, or how many generated tokens differ. Quantised models differ from unquantised ones: their
number is the share of logits' size that they are off, and the dense model's own is the yardstick.
"""

import os
import sys
import tempfile

import conftest  # noqa: F401
import pytest
import torch
import torch.distributed as dist
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
    StaticCache,
)

from mohd_models import PICO, component, pico, randomise

# Sizes that bitsandbytes packs of the dense model too.
PICO = {**PICO, "hidden_size": 64, "intermediate_size": 128}
UNIT = dict(gate="unit", sparse_side="input", input_basis="dense")
MODELS = {
    "dense": None,
    # Static choices that hold what they use, of inputs alone and of both sides.
    "static": component(8, 8, 8, sub_dimension_size=4, router="energy", **UNIT),
    "static-both": component(
        8, 8, 8, sub_dimension_size=6, router="energy", **{**UNIT, "sparse_side": "both"}
    ),
    "energy": component(
        8, 2, 4, router="energy", inactive_bias=True, low_rank=2, **UNIT
    ),
    "centroid": component(8, 2, 3, sub_dimension_size=16, **UNIT),
    "paper": component(fusion="monarch", scaling="unit_mean"),
}
NAMES = list(MODELS)
EXACT, SAME = 1e-4, 0
SEED = 11
OPTIONS = dict(max_new_tokens=8, do_sample=False, pad_token_id=0, eos_token_id=None)


def build(name, **keys):
    if name != "dense":
        model = pico(MODELS[name], seed=SEED, **{**PICO, "tie_word_embeddings": False, **keys})
        model.config._attn_implementation = "sdpa"
        return model
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(LlamaConfig(**{**PICO, "tie_word_embeddings": False, **keys})).eval()
    randomise(model)
    return model


def ids(rows=2, length=11):
    torch.manual_seed(7)
    return torch.randint(3, PICO["vocab_size"], (rows, length))


def distance(a, b):
    return (a.float() - b.float()).abs().max().item()


def different(a, b):
    return (a != b).sum().item() if a.shape == b.shape else a.numel()


def saved(model):
    folder = tempfile.mkdtemp(prefix="mohd-wrapper-")
    model.save_pretrained(folder)
    return folder


def load(folder, **options):
    return AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=True, attn_implementation="sdpa", **options
    ).eval()


# Wrappers: the model's name to a number


@torch.no_grad()
def cached_generation(name):
    model, x = build(name), ids()
    return different(
        model.generate(x, use_cache=True, **OPTIONS), model.generate(x, use_cache=False, **OPTIONS)
    )


@torch.no_grad()
def static_cache(name):
    model, x = build(name), ids()
    wanted = model(x, use_cache=False).logits
    cache = StaticCache(config=model.config, max_cache_len=32)
    first = model(x[:, :6], past_key_values=cache).logits
    steps = [model(x[:, i : i + 1], past_key_values=cache).logits for i in range(6, 11)]
    found = torch.cat([first, *steps], 1)
    return distance(found, wanted)


@torch.no_grad()
def static_generation(name):
    model, x = build(name), ids()
    found = model.generate(x, cache_implementation="static", **OPTIONS)
    return different(found, model.generate(x, **OPTIONS))


@torch.no_grad()
def left_padding(name):
    model, x = build(name), ids()
    padded = torch.cat([torch.zeros(2, 4).long(), x], 1)
    mask = (padded > 0).long()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    found = model(padded, attention_mask=mask, position_ids=positions).logits
    return distance(found[:, 4:], model(x).logits)


@torch.no_grad()
def left_padded_generation(name):
    model, x = build(name), ids()
    padded = torch.cat([torch.zeros(2, 4).long(), x], 1)
    found = model.generate(padded, attention_mask=(padded > 0).long(), **OPTIONS)
    return different(found[:, 4:], model.generate(x, **OPTIONS))


@torch.no_grad()
def packed_batch(name):
    """Two documents in a row, positions restarting; the second must not see the first."""
    model, x = build(name), ids()
    row = x.flatten()[None]
    positions = torch.cat([torch.arange(11), torch.arange(11)])[None]
    found = model(row, position_ids=positions, use_cache=False).logits[0, 11:]
    return distance(found, model(x[1:]).logits[0])


@torch.no_grad()
def disk_offload(name):
    pytest.importorskip("accelerate")
    model, x = build(name), ids()
    places = {
        "model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "disk",
        "model.norm": "cpu", "model.rotary_emb": "cpu", "lm_head": "disk",
    }
    with tempfile.TemporaryDirectory() as folder:
        loaded = load(saved(model), device_map=places, offload_folder=folder)
        assert any(p.is_meta for p in loaded.parameters())
        first = loaded(x).logits
        assert torch.equal(first, loaded(x).logits)
    return distance(first, model(x).logits)


@torch.no_grad()
def quantised(name, **options):
    pytest.importorskip("bitsandbytes")
    model, x = build(name), ids()
    folder = saved(model)
    loaded = load(folder, quantization_config=BitsAndBytesConfig(**options), device_map="cpu")
    first, second = loaded(x).logits, loaded(x).logits
    assert first.isfinite().all() and distance(first, second) < EXACT
    # Weights as they are after quantisation, in plain layers.
    plain = load(folder)
    layers = dict(plain.named_modules())
    for key, module in loaded.named_modules():
        kind = type(module).__name__
        if kind in ("Linear4bit", "Linear8bitLt"):
            one = torch.eye(module.in_features)
            answers = module(one) - (0 if module.bias is None else module.bias)
            layers[key].weight.copy_(answers.T)
    wanted = plain(x).logits
    return ((first - wanted).abs().mean() / wanted.abs().mean()).item()


def nf4(name):
    return quantised(
        name, load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    )


def int8(name):
    return quantised(name, load_in_8bit=True)


def adapted(name):
    peft = pytest.importorskip("peft")
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = peft.get_peft_model(
        build(name),
        peft.LoraConfig(r=4, lora_alpha=16, target_modules=projections, task_type="CAUSAL_LM"),
    ).train()
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-2)
    x, losses = ids(), []
    for _ in range(8):
        loss = model(x, labels=x).loss
        losses.append(loss.item())
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    assert losses[-1] < losses[0]
    return model.eval()


@torch.no_grad()
def _logits(model):
    return model(ids()).logits


def lora_saved(name):
    import peft

    model = adapted(name)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return distance(_logits(peft.PeftModel.from_pretrained(build(name), folder).eval()),
                        _logits(model))


def lora_merged(name):
    model = adapted(name)
    before = _logits(model)
    merged = model.merge_and_unload().eval()
    after = _logits(merged)
    if name != "dense":  # published as it is
        assert distance(_logits(load(saved(merged))), after) < EXACT
    return distance(after, before)


def _distributed(rank, wrapper, name, folder):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(29500 + os.getppid() % 1000))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", rank=rank, world_size=2)
    x = ids(4)[2 * rank : 2 * rank + 2]
    model = build(name)
    if wrapper == "ddp":
        wrapped = nn.parallel.DistributedDataParallel(model)
    else:
        from torch.distributed.fsdp import FullyShardedDataParallel
        from torch.distributed.fsdp.wrap import ModuleWrapPolicy

        kinds = {type(layer) for layer in model.model.layers}
        wrapped = FullyShardedDataParallel(
            model, auto_wrap_policy=ModuleWrapPolicy(kinds), use_orig_params=True,
            device_id=torch.device("cpu"),
        )
    wrapped.train()
    optimiser = torch.optim.SGD(wrapped.parameters(), lr=1e-3)
    for _ in range(2):  # what DDP misses it tells at the second step
        loss = wrapped(x, labels=x, use_cache=False).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    last = wrapped(x, labels=x, use_cache=False).loss.detach()
    dist.all_reduce(last)
    if rank == 0:
        torch.save(last / 2, os.path.join(folder, "loss"))
    dist.barrier()
    # gloo's thread and the interpreter can wait for each other for ever when both are taken down.
    os._exit(0)


def distributed(wrapper, name):
    """Two processes with half of the rows each, against one whose gradient is the halves' mean."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_distributed, (wrapper, name, folder), nprocs=2)
        found = torch.load(os.path.join(folder, "loss"))
    model = build(name).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    parts = ids(4).split(2)
    for _ in range(2):
        sum(model(x, labels=x).loss for x in parts).div(2).backward()
        optimiser.step()
        optimiser.zero_grad()
    wanted = sum(model(x, labels=x).loss for x in parts) / 2
    return abs(found.item() - wanted.item())


def ddp(name):
    return distributed("ddp", name)


def fsdp(name):
    return distributed("fsdp", name)


@torch.no_grad()
def compiled(name):
    model, x = build(name), ids()
    mask = torch.ones_like(x)
    mask[0, :3] = 0
    wanted = model(x, attention_mask=mask, use_cache=False).logits
    torch._dynamo.reset()
    whole = torch.compile(model, fullgraph=True, backend="aot_eager")
    found = whole(x, attention_mask=mask, use_cache=False).logits
    return distance(found[:, 3:], wanted[:, 3:])


@torch.no_grad()
def exported(name):
    model, x = build(name), ids()
    mask = torch.ones_like(x)
    mask[0, :3] = 0
    wanted = model(x, attention_mask=mask, use_cache=False).logits
    program = torch.export.export(
        model, (x,), {"attention_mask": mask, "use_cache": False, "return_dict": True},
        strict=False,
    )
    found = program.module()(x, attention_mask=mask, use_cache=False, return_dict=True)
    found = found.logits if hasattr(found, "logits") else found["logits"]
    return distance(found[:, 3:], wanted[:, 3:])


# What each wrapper may differ by.
WRAPPERS = {
    cached_generation: SAME, static_cache: EXACT, static_generation: SAME, left_padding: EXACT,
    left_padded_generation: SAME, packed_batch: EXACT, disk_offload: EXACT, nf4: 0.02, int8: 0.08,
    lora_saved: EXACT, lora_merged: 1e-3, ddp: 1e-4, fsdp: 1e-4, compiled: EXACT, exported: EXACT,
}


@pytest.mark.parametrize("wrapper", WRAPPERS, ids=lambda wrapper: wrapper.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_wrapper_changes_nothing(wrapper, name):
    assert wrapper(name) <= WRAPPERS[wrapper]


def main():
    import transformers

    print(f"transformers {transformers.__version__}, torch {torch.__version__}\n")
    print("| wrapper | bound | " + " | ".join(NAMES) + " |\n|---|---|" + "---|" * len(NAMES))
    chosen = [w for w in WRAPPERS if not sys.argv[1:] or w.__name__ in sys.argv[1:]]
    for wrapper in chosen:
        cells = []
        for name in NAMES:
            try:
                cells.append(f"{wrapper(name):.2g}")
            except (Exception, pytest.skip.Exception) as error:
                cells.append(f"{type(error).__name__}: {str(error)[:300]}".replace("\n", " "))
        print(f"| {wrapper.__name__} | {WRAPPERS[wrapper]} | " + " | ".join(cells) + " |",
              flush=True)


if __name__ == "__main__":
    main()
