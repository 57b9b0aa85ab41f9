"""modeling_mohd.py against the definitions: `pytest Tests/Python` (needs requirements.txt).

The yardstick is naive_mohd.py, a second implementation in NumPy.
"""

import hashlib
import itertools
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

import naive_mohd
from mohd_models import FIXTURES, PICO, component, pico, randomise, routing_margin, trace
from HuggingFace.configuration_mohd import SubDimensions
from HuggingFace.modeling_mohd import (
    Component,
    MixtureOfSubDimensions,
    MoHDConfig,
    MoHDForCausalLM,
)

# float64 against float64: only the order of sums differs.
EXACT = 1e-11
# float32 against float64, of values near 1; larger ones by their largest magnitude.
SINGLE = 1e-5
# Logits near 20 of the same float32 weights, by other products.
LOGITS = 1e-4

PAPER = component(fusion="monarch")
# One model with every option of the project's own switched on.
FULL = component(
    gate_at="every_projection", scaling="unit_sum", fusion="monarch", fusion_blocks=4,
    input_basis="monarch", inactive_bias=True, low_rank=2,
)
CONVERTED = component(
    16, 4, 8, router="energy", gate="unit", sparse_side="input", input_basis="dense",
    inactive_bias=True, low_rank=2,
)
VARIANTS = {"paper": PAPER, "full": FULL, "converted": CONVERTED}


def assert_close(found, expected, tolerance, label=""):
    found = np.asarray(found.detach() if torch.is_tensor(found) else found, dtype=np.float64)
    expected = np.asarray(
        expected.detach() if torch.is_tensor(expected) else expected, dtype=np.float64
    )
    assert found.shape == expected.shape, f"{label}: {found.shape} is not {expected.shape}"
    error = np.abs(found - expected).max() / max(1.0, np.abs(expected).max())
    assert error <= tolerance, f"{label}: off by {error:.2e}, {tolerance:.0e} is allowed"


# The definition, every combination of settings

GRID = list(
    itertools.product(
        ["centroid", "energy"],
        ["softmax", "unit"],
        ["output", "every_projection"],
        ["paper", "unit_sum", "unit_mean", "none"],
        ["input", "both"],
    )
)
EXTRAS = list(
    itertools.product(
        ["none", "block_diagonal", "monarch"], ["none", "dense", "monarch"], [False, True], [0, 3]
    )
)
CUTS = [(8, 3, 4), (4, 0, 2), (16, 5, 5), (8, 2, 8), (1, 1, 1), (1, 0, 1)]


# N, S, K and d_e of another width than d = 16; where N does not divide it, for inputs alone.
WIDE_CUTS = [(4, 1, 2, 6), (8, 2, 4, 1), (2, 2, 2, 5), (1, 0, 1, 7), (8, 3, 4, 4), (4, 4, 4, 6)]
ODD_CUTS = [(3, 1, 2, 4), (6, 2, 3, 4), (5, 5, 5, 2), (20, 3, 8, 1)]


@pytest.mark.parametrize("router, gate, gate_at, scaling, side", GRID)
def test_component_agrees_with_the_naive_one(router, gate, gate_at, scaling, side):
    hidden, widths, inner = 16, [6, 4, 4], 5
    for index, (fusion, basis, bias, rank) in enumerate(EXTRAS):
        cut, size = CUTS[index % len(CUTS)], {}
        if basis == "dense":
            cuts = CUTS[:2] + WIDE_CUTS + (ODD_CUTS if side == "input" else [])
            cut = cuts[(index + GRID.index((router, gate, gate_at, scaling, side))) % len(cuts)]
            cut, size = cut[:3], {"sub_dimension_size": cut[3]} if cut[3:] else {}
        settings = component(
            *cut, **size, router=router, gate=gate, gate_at=gate_at, scaling=scaling, sparse_side=side,
            fusion=fusion, fusion_blocks=[2, 4, 8][index % 3], input_basis=basis,
            inactive_bias=bias, low_rank=rank, balance_weight=0.5,
        )
        torch.manual_seed(index)
        known = SubDimensions.read(settings, hidden, "C")
        names = dict(zip(["q_proj", "k_proj", "v_proj"], widths))
        module = Component(known, hidden, names, "o_proj", inner, (True, True))
        module.double()
        randomise(module)
        a = torch.randn(3, hidden, dtype=torch.float64)
        heads = torch.randn(3, inner, dtype=torch.float64)
        read, routing = module.read(a, needs_scores=True)
        y = module.write(heads, routing)

        own = {f"self_attn.{k}": v.numpy() for k, v in module.state_dict().items()}
        config = {"mohd": {"attention": settings}}
        naive = naive_mohd.Component(config, own, 0, "attention")
        choices = [naive.choose(row) for row in a.numpy()]
        for t, choice in enumerate(choices):
            label = f"{settings}, token {t}"
            chosen = set(routing.active[t].nonzero().flatten().tolist())
            assert chosen == choice["active"], label
            assert_close(routing.scores[t], choice["scores"], EXACT, label)
            assert_close(routing.gates[t], choice["gates"], EXACT, label)
            assert_close(routing.alpha[t, 0], choice["alpha"], EXACT, label)
            for mine, other in zip(read, naive.read(a[t].numpy(), choice)):
                assert_close(mine[t], other, EXACT, label)
            assert_close(y[t], naive.write(heads[t].numpy(), choice), EXACT, label)
        loss = naive_mohd.balance_loss([c["gates"] for c in choices], cut[1], 0.5)
        assert_close(module.mohd.balance_loss(routing), loss, EXACT, str(settings))


GATHERED = [
    component(8, 3, 4, gate="unit", sparse_side="input", input_basis="dense"),
    component(
        6, 2, 4, sub_dimension_size=4, gate="unit", sparse_side="input", input_basis="dense",
        inactive_bias=True,
    ),
    component(8, 0, 3, router="energy", scaling="unit_sum", fusion="monarch"),
    component(
        4, 1, 2, sub_dimension_size=6, gate_at="every_projection", input_basis="dense",
        fusion="block_diagonal",
    ),
    component(8, 2, 5, gate_at="every_projection", scaling="unit_mean", input_basis="monarch"),
]


@pytest.mark.parametrize("tokens", [1, 9])
@pytest.mark.parametrize("settings", GATHERED, ids=range(len(GATHERED)))
def test_what_leaves_inactive_work_out_agrees_with_the_definition(settings, tokens):
    hidden, inner = 16, 5
    torch.manual_seed(1)
    parts = []
    for execution in ("masked", "gathered"):
        part = Component(
            SubDimensions.read(settings, hidden, "C"), hidden, {"q_proj": 6, "k_proj": 4}, "o_proj",
            inner, (True, True), execution,
        ).double()
        parts.append(part)
    randomise(parts[0])
    parts[0].mohd.dimension_order.copy_(torch.arange(len(parts[0].mohd.dimension_order)))
    parts[0].mohd.prepare()
    parts[1].load_state_dict(parts[0].state_dict())
    assert [part.gathers() for part in parts] == [False, True]
    a = torch.randn(1, tokens, hidden, dtype=torch.float64)
    heads = torch.randn(1, tokens, inner, dtype=torch.float64)
    results = []
    for part in parts:
        x, y = a.clone().requires_grad_(), heads.clone().requires_grad_()
        outputs, routing = part.read(x)
        written = part.write(y, routing)
        noise = torch.linspace(0.3, 1.7, hidden, dtype=torch.float64)
        loss = sum(output.square().sum() for output in outputs) + (written * noise).sum()
        loss.backward()
        gradients = {k: p.grad for k, p in part.named_parameters() if p.grad is not None}
        results.append([*outputs, written, *routing, x.grad, y.grad, gradients])
    for mine, other in zip(*results):
        if isinstance(mine, dict):
            assert mine.keys() == other.keys()
            for key in mine:
                assert_close(other[key], mine[key], EXACT, key)
        else:
            assert_close(other, mine, EXACT)


def test_less_is_multiplied_where_less_is_active_and_nothing_is_wrapped(ids):
    from torch.utils.flop_counter import FlopCounterMode

    shape = {**PICO, "hidden_size": 256, "intermediate_size": 512, "head_dim": 64}
    settings = component(
        8, 3, 4, gate="unit", sparse_side="input", input_basis="dense", scaling="none"
    )
    counts = {}
    for execution in ("masked", "gathered", "auto"):
        config = MoHDConfig(
            **shape, mohd={"attention": settings, "ffn": settings, "execution": execution}
        )
        torch.manual_seed(0)
        model = MoHDForCausalLM(config).eval()
        randomise(model)
        for module in model.modules():
            if isinstance(module, MixtureOfSubDimensions):
                module.dimension_order.copy_(torch.arange(256))
                module.prepare()
        for length in (1, 11):
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                counts[execution, length] = model(ids[:1, :length], use_cache=False).logits
            counts[execution, length] = counts[execution, length], counter.get_total_flops()
    for length in (1, 11):
        wanted, masked = counts["masked", length]
        for execution in ("gathered", "auto"):
            found, flops = counts[execution, length]
            assert flops < 0.75 * masked
            assert_close(found, wanted, SINGLE)


def test_static_choices_multiply_what_they_store_and_nothing_else(ids):
    from torch.utils.flop_counter import FlopCounterMode

    half = component(
        4, 4, 4, sub_dimension_size=4, router="energy", gate="unit", sparse_side="input",
        input_basis="dense",
    )
    model = pico(half)
    parts = [part for layer in model.model.layers for part in (layer.self_attn, layer.mlp)]
    for part in parts:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            part.read(torch.randn(11, 32))
        assert counter.get_total_flops() == 2 * 11 * 16 * (32 + sum(part.inputs.values()))


@pytest.mark.parametrize("case", sorted(p.name for p in FIXTURES.iterdir() if p.is_dir()))
def test_fixture_is_what_both_implementations_compute(case):
    folder = FIXTURES / case
    config = json.loads((folder / "config.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    expected = load_file(folder / "expected.safetensors")
    lengths = expected.pop("sequence_lengths").int().tolist()
    sequences = expected.pop("token_ids").int().split(lengths)
    model = MoHDForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    mine = [trace(model, ids) for ids in sequences]
    wide = {name: tensor.double().numpy() for name, tensor in tensors.items()}
    naive = [naive_mohd.forward(config, wide, ids.tolist()) for ids in sequences]
    assert set(expected) == set(mine[0]) == set(naive[0])
    assert min(routing_margin(model.config, part) for part in mine) > 1e-3
    for name in expected:
        tolerance = 0 if "_active/" in name else SINGLE
        assert_close(torch.cat([part[name] for part in mine]), expected[name], tolerance, name)
        other = np.concatenate([part[name] for part in naive])
        assert_close(other, expected[name], tolerance, name)


@pytest.mark.parametrize("fixtures", ["mohd", "gradients", "routing_variants"])
def test_fixtures_are_those_of_the_manifest(fixtures):
    folder = FIXTURES.parent / fixtures
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    files = {p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"}
    assert len(lines) == len(files)
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


# Laws

DENSE = {
    "llama": (LlamaForCausalLM, LlamaConfig(**PICO, attention_bias=True, mlp_bias=True)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**PICO)),
    "mistral": (
        MistralForCausalLM, MistralConfig(**PICO, head_dim=8, sliding_window=4),
    ),
}


def dense_pair(kind, settings):
    """A dense model, and a MoHD model that holds its weights."""
    model, config = DENSE[kind]
    torch.manual_seed(1)
    dense = model(config).eval()
    randomise(dense)
    mohd = MoHDForCausalLM(
        MoHDConfig.from_dense(dense.config, {"attention": settings, "ffn": settings})
    ).eval()
    found = mohd.load_state_dict(dense.state_dict(), strict=False)
    assert not found.unexpected_keys
    assert all(".mohd." in name for name in found.missing_keys)
    return dense, mohd


@pytest.fixture
def ids():
    torch.manual_seed(7)
    return torch.randint(3, PICO["vocab_size"], (2, 11))


@pytest.mark.parametrize("kind", DENSE)
@pytest.mark.parametrize("side", ["input", "both"])
def test_all_active_with_unit_gates_is_the_dense_model(kind, side, ids):
    settings = component(
        8, 2, 8, gate="unit", sparse_side=side, fusion="monarch", input_basis="monarch",
        inactive_bias=True, low_rank=2,
    )
    dense, mohd = dense_pair(kind, settings)
    with torch.no_grad():
        assert_close(mohd(ids).logits, dense(ids).logits, SINGLE)
        for layer in mohd.model.layers:  # an order alone decides nothing when all are active
            for part in (layer.self_attn, layer.mlp):
                part.mohd.dimension_order.copy_(torch.randperm(32))
                part.mohd.prepare()
        assert_close(mohd(ids).logits, dense(ids).logits, SINGLE)


@pytest.mark.parametrize("scaling", ["paper", "unit_sum", "unit_mean"])
def test_all_active_with_a_uniform_router_is_the_dense_model(scaling, ids):
    dense, mohd = dense_pair("llama", component(8, 3, 8, scaling=scaling))
    with torch.no_grad():
        for layer in mohd.model.layers:
            layer.self_attn.mohd.router.weight.zero_()
            layer.mlp.mohd.router.weight.zero_()
        assert_close(mohd(ids).logits, dense(ids).logits, SINGLE)


@pytest.mark.parametrize("kind", ["dense", "monarch"])
def test_a_basis_that_the_projections_undo_changes_nothing(kind, ids):
    settings = component(8, 0, 8, gate="unit", input_basis=kind, fusion_blocks=4)
    dense, mohd = dense_pair("llama", settings)
    with torch.no_grad():
        for layer in mohd.model.layers:
            for part, names in (
                (layer.self_attn, ["q_proj", "k_proj", "v_proj"]),
                (layer.mlp, ["gate_proj", "up_proj"]),
            ):
                randomise(part.mohd)
                part.mohd.scale.fill_(1)
                matrix = part.mohd.change_basis(torch.eye(32)).T  # z = B a
                for name in names:
                    weight = getattr(part, name).weight
                    weight.copy_(weight @ torch.linalg.inv(matrix))
        assert_close(mohd(ids).logits, dense(ids).logits, LOGITS)


def test_equal_scores_go_to_the_lower_index():
    for router in ("centroid", "energy"):
        settings = SubDimensions.read(component(8, 2, 5, router=router), 16, "C")
        mohd = MixtureOfSubDimensions(settings, 16, 4)
        mohd.reset_parameters(0.0)
        if router == "energy":
            mohd.router.norms.fill_(2)
        a = torch.ones(300, 16)  # long enough for an unstable sort to show
        routing = mohd.route(a, a)
        assert routing.active.tolist() == [[True] * 5 + [False] * 3] * 300


def test_an_input_of_zeros_gives_no_nan():
    for scaling in ("paper", "unit_sum", "unit_mean"):
        settings = SubDimensions.read(component(8, 2, 5, router="energy", scaling=scaling), 16, "C")
        part = Component(settings, 16, {"q_proj": 4}, "o_proj", 5, (True, True))
        mohd = part.mohd
        mohd.reset_parameters(0.02)
        part.update_norms()
        (output,), routing = part.read(torch.zeros(3, 16, requires_grad=True))
        written = mohd(torch.ones(3, 16), routing)
        loss = mohd.balance_loss(routing) + output.sum() + written.sum()
        loss.backward()
        assert loss.isfinite() and routing.alpha.eq(1).all()
        assert mohd.scale.grad.isfinite().all()


# The balance loss


@pytest.mark.parametrize("cut", [(8, 3, 4), (8, 0, 3), (4, 1, 4), (8, 3, 6)])
def test_balance_gradient_is_the_one_derived_by_hand_and_measured(cut):
    settings = SubDimensions.read(component(*cut, balance_weight=0.7), 16, "C")
    torch.manual_seed(3)
    mohd = MixtureOfSubDimensions(settings, 16, 4).double()
    randomise(mohd)
    a = torch.randn(40, 16, dtype=torch.float64)

    def loss():
        return mohd.balance_loss(mohd.route(a, a))

    weight = mohd.router.weight
    (gradient,) = torch.autograd.grad(loss(), weight)
    routing = mohd.route(a, a)
    by_hand = naive_mohd.balance_gradient(
        a.numpy(), routing.scores.detach().numpy(), routing.gates.detach().numpy(), cut[1], 0.7
    )
    assert gradient.abs().max() > 1e-4
    assert_close(gradient, by_hand, EXACT)
    step = 1e-6  # central differences in float64: the error is of step² and rounding / step
    measured = torch.zeros_like(weight)
    with torch.no_grad():
        for index in itertools.product(range(cut[0]), range(16)):
            weight[index] += step
            above = loss()
            weight[index] -= 2 * step
            measured[index] = (above - loss()) / (2 * step)
            weight[index] += step
    assert_close(measured, by_hand, 1e-8)


def test_unit_gates_and_shared_ones_alone_have_no_balance_gradient():
    for settings in (component(gate="unit"), component(8, 8, 8), component(8, 3, 3)):
        mohd = MixtureOfSubDimensions(SubDimensions.read(settings, 16, "C"), 16, 4)
        mohd.reset_parameters(0.5)
        a = torch.randn(9, 16, requires_grad=True)
        routing = mohd.route(a, a)
        loss = mohd.balance_loss(routing) + 0 * a.sum()
        loss.backward()
        assert a.grad.abs().max() == 0
        assert (loss > 0) == (settings["gate"] == "unit" if "gate" in settings else False)


def test_padding_changes_neither_logits_nor_balance_loss(ids):
    model = pico(PAPER)
    row, long = ids[:1, :6], ids[1:]
    padded = torch.cat([torch.cat([torch.zeros(1, 5).long(), row], 1), long])
    mask = torch.ones_like(padded)
    mask[0, :5] = 0
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    with torch.no_grad():
        both = model(
            padded, attention_mask=mask, position_ids=positions, output_router_scores=True
        )
        assert_close(both.logits[:1, 5:], model(row).logits, SINGLE)
        assert_close(both.logits[1:], model(long).logits, SINGLE)
    routings = [model(x, output_router_scores=True).router_scores for x in (row, long)]
    total = 0.0
    for layer in range(2):
        for index, name in enumerate(("attention", "ffn")):
            scores = torch.cat([part[layer][index].flatten(0, 1) for part in routings])
            gates = []
            for s in scores.double().detach().numpy():
                best = max(range(3, 8), key=lambda i: (s[i], -i))
                gates.append([s[i] if i < 3 or i == best else 0 for i in range(8)])
            total += naive_mohd.balance_loss(gates, 3, 0.01)
    assert_close(both.balance_loss, total, SINGLE)


# The model in transformers


@pytest.mark.parametrize("name", VARIANTS)
def test_a_folder_loads_generates_and_resaves(name, tmp_path, ids):
    model = pico(VARIANTS[name])
    expected = model(ids).logits
    first, second = tmp_path / "first", tmp_path / "second"
    model.save_pretrained(first)
    loaded = AutoModelForCausalLM.from_pretrained(first, trust_remote_code=True).eval()
    assert type(loaded).__module__.startswith("transformers_modules")
    assert_close(loaded(ids).logits, expected, 1e-6)
    loaded.save_pretrained(second)
    assert {p.name for p in second.glob("*.py")} == {"configuration_mohd.py", "modeling_mohd.py"}
    again = AutoModelForCausalLM.from_pretrained(
        second, trust_remote_code=True, attn_implementation="eager"
    ).eval()
    assert_close(again(ids).logits, expected, 1e-6)
    assert json.loads((first / "config.json").read_text())["mohd"] == again.config.mohd
    tensors = load_file(second / "model.safetensors")
    assert tensors["model.layers.0.mlp.mohd.dimension_order"].dtype == torch.int64
    for key, value in load_file(first / "model.safetensors").items():
        assert torch.equal(tensors[key], value), key


def test_absent_optional_tensors_change_nothing(tmp_path, ids):
    model = pico(PAPER)
    with torch.no_grad():
        for layer in model.model.layers:
            for part in (layer.self_attn, layer.mlp):
                part.mohd.dimension_order.copy_(torch.arange(32))
                part.mohd.prepare()
                part.mohd.scale.fill_(1)
                part.mohd.router.bias.zero_()
    model.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    optional = ("mohd.dimension_order", "mohd.scale", "mohd.router.bias")
    kept = {k: v for k, v in load_file(path).items() if not k.endswith(optional)}
    assert len(kept) == len(model.state_dict()) - 12
    save_file(kept, path, metadata={"format": "pt"})
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, trust_remote_code=True).eval()
    assert_close(loaded(ids).logits, model(ids).logits, 1e-6)


def test_lower_precision_keeps_the_order_whole(tmp_path, ids):
    model = pico(FULL)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(
        tmp_path, trust_remote_code=True, dtype=torch.bfloat16
    )
    mohd = loaded.model.layers[1].mlp.mohd
    assert torch.equal(mohd.dimension_order, model.model.layers[1].mlp.mohd.dimension_order)
    assert mohd.router.weight.dtype == torch.bfloat16
    output = loaded(ids, labels=ids)
    assert output.logits.dtype == torch.bfloat16 and output.loss.isfinite()


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("window", [None, 4])
def test_generation_with_a_cache_is_generation_without(name, window, ids):
    model = pico(VARIANTS[name], sliding_window=window)
    options = dict(max_new_tokens=8, do_sample=False, pad_token_id=0, eos_token_id=None)
    cached = model.generate(ids, use_cache=True, **options)
    assert cached.shape == (2, 19)
    assert torch.equal(cached, model.generate(ids, use_cache=False, **options))
    padded = torch.cat([torch.zeros(2, 3).long(), ids], 1)
    mask = (padded > 0).long()
    padded = model.generate(padded, attention_mask=mask, **options)
    assert torch.equal(padded[:, 3:], cached)


def test_sdpa_is_eager_attention(ids):
    model = pico(PAPER, sliding_window=4)
    eager = model(ids, output_attentions=True)
    assert_close(eager.attentions[1].sum(-1), torch.ones(2, 4, 11), SINGLE)
    model.config._attn_implementation = "sdpa"
    assert_close(model(ids).logits, eager.logits, SINGLE)


def test_outputs(ids):
    model = pico(PAPER)
    output = model(ids, output_hidden_states=True, output_router_scores=True, logits_to_keep=2)
    assert output.logits.shape == (2, 2, 96)
    assert len(output.hidden_states) == 3 and len(output.router_scores) == 2
    assert_close(output.router_scores[0][1].sum(-1), torch.ones(2, 11), SINGLE)
    assert torch.equal(model(ids, return_dict=False)[0][:, -2:], output.logits)
    with pytest.raises(ValueError, match="attention_mask: must be"):
        model(ids, attention_mask=torch.ones(2, 5))


# Training


def test_the_loss_is_cross_entropy_plus_balance(ids):
    model = pico(PAPER)
    labels = ids.clone()
    labels[0, :4] = -100
    output = model(ids, labels=labels)
    logits = output.logits[:, :-1].flatten(0, 1)
    expected = nn.functional.cross_entropy(logits, labels[:, 1:].flatten())
    assert_close(output.cross_entropy_loss, expected, SINGLE)
    assert output.balance_loss > 0
    assert_close(output.loss, expected + output.balance_loss, SINGLE)
    # Two batches that one step accumulates: parts of the mean over both.
    parts = [model(ids[i : i + 1], labels=labels[i : i + 1], num_items_in_batch=17) for i in (0, 1)]
    assert_close(sum(part.cross_entropy_loss for part in parts), expected, SINGLE)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_training_step_lowers_the_loss_and_reaches_every_parameter(name, ids):
    model = pico(VARIANTS[name]).train()
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-4)  # small: active sets may jump
    before = model(ids, labels=ids).loss
    before.backward()
    without = [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
    optimiser.step()
    assert model(ids, labels=ids).loss < before


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradient_checkpointing_gives_equal_gradients(reentrant, ids):
    gradients = []
    for checkpointing in (False, True):
        model = pico(FULL).train()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": reentrant})
            assert model.model.gradient_checkpointing
        model(ids, labels=ids).loss.backward()
        gradients.append({k: p.grad for k, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        assert_close(gradients[1][name], gradient, 1e-6, name)


def test_a_fresh_model_starts_with_identities():
    torch.manual_seed(0)
    model = MoHDForCausalLM(MoHDConfig(**PICO, mohd={"attention": FULL, "ffn": FULL}))
    mohd = model.model.layers[0].self_attn.mohd
    x = torch.randn(3, 32)
    assert torch.equal(mohd.fusion(x), x) and torch.equal(mohd.basis(x), x)
    assert torch.equal(mohd.dimension_order, torch.arange(32))
    assert mohd.scale.eq(1).all() and mohd.low_rank.b.eq(0).all()
    assert 0.01 < mohd.router.weight.std() < 0.03


def test_tied_embeddings_stay_tied(tmp_path):
    model = pico(PAPER, tie_word_embeddings=True)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    model.save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, trust_remote_code=True)
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight


def test_remote_configuration_is_ours(tmp_path):
    model = pico(CONVERTED)
    model.save_pretrained(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path, trust_remote_code=True)
    assert type(config).__name__ == "MoHDConfig"
    assert config.to_dict()["mohd"] == model.config.mohd
