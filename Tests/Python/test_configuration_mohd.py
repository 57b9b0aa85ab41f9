"""configuration_mohd.py: what it accepts, refuses, keeps and counts."""

import json

import pytest
from transformers import LlamaConfig, MistralConfig, Qwen2Config

from mohd_models import PICO, component
from HuggingFace.configuration_mohd import MoHDConfig, active_parameters, paper_preset

PAIR = {"attention": component(), "ffn": component(4, 1, 2)}


def test_a_saved_configuration_is_read_back(tmp_path):
    mohd = {"attention": [component(), component(16, 0, 3, low_rank=2)], "ffn": component()}
    config = MoHDConfig(**PICO, mohd=mohd)
    config.save_pretrained(tmp_path)
    assert MoHDConfig.from_pretrained(tmp_path).to_dict() == config.to_dict()
    data = json.loads((tmp_path / "config.json").read_text())
    assert data["model_type"] == "mohd"
    assert data["mohd"]["attention"][1] == {
        "sub_dimensions": 16, "shared": 0, "top_k": 3, "router": "centroid", "gate": "softmax",
        "gate_at": "output", "scaling": "paper", "sparse_side": "both", "fusion": "none",
        "fusion_blocks": 16, "input_basis": "none", "inactive_bias": False, "low_rank": 2,
        "balance_weight": 0.01, "balance_over": "specialised",
    }
    assert config.component("attention", 1).top_k == 3
    assert config.component("ffn", 1).top_k == 4


def test_without_mohd_it_is_the_papers_preset():
    assert MoHDConfig().component("ffn", 3).fusion == "monarch"
    assert MoHDConfig().mohd == MoHDConfig(mohd=paper_preset("50%")).mohd


@pytest.mark.parametrize(
    "change, message",
    [
        ({"sub_dimensions": 5}, "must divide the hidden size 32, found 5"),
        ({"sub_dimensions": 0}, "sub_dimensions: must be an integer in 1…32, found 0"),
        ({"sub_dimensions": True}, "sub_dimensions: must be an integer"),
        ({"top_k": 9}, "top_k: must be an integer in 1…8, found 9"),
        ({"shared": 5}, "shared: must be an integer in 0…4, found 5"),
        ({"fusion_blocks": 3}, "fusion_blocks: must divide the hidden size 32, found 3"),
        ({"low_rank": -1}, "low_rank: must be an integer in 0…32, found -1"),
        ({"router": "linear"}, "router: must be one of centroid, energy, found 'linear'"),
        ({"gate": "sigmoid"}, "gate: must be one of softmax, unit"),
        ({"gate_at": "input"}, "gate_at: must be one of output, every_projection"),
        ({"scaling": None}, "scaling: must be one of paper"),
        ({"sparse_side": "output"}, "sparse_side: must be one of input, both"),
        ({"fusion": "dense"}, "fusion: must be one of none, block_diagonal, monarch"),
        ({"input_basis": "pca"}, "input_basis: must be one of none, dense, monarch"),
        ({"inactive_bias": 1}, "inactive_bias: must be true or false, found 1"),
        ({"balance_weight": float("nan")}, "balance_weight: must be a finite number"),
        ({"topk": 4}, "unknown keys topk"),
        ({"sub_dimension_size": 0}, "sub_dimension_size: must be an integer in 1…"),
        ({"sub_dimension_size": 5}, "8 times it must be the hidden size 32 unless input_basis is"),
        (
            {"sub_dimensions": 5, "sub_dimension_size": 8, "input_basis": "dense"},
            "sub_dimensions: must divide the hidden size 32, found 5",
        ),
    ],
)
def test_a_wrong_setting_is_named(change, message):
    with pytest.raises(ValueError) as error:
        MoHDConfig(**PICO, mohd={"attention": component(), "ffn": {**component(), **change}})
    assert "mohd.ffn" in str(error.value) and message in str(error.value)


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"mohd": {"attention": component()}}, "mohd: must have the keys attention and ffn"),
        ({"mohd": {**PAIR, "ffn": [component()]}}, "one entry for each of 2 layers, found 1"),
        ({"mohd": {**PAIR, "ffn": 8}}, "mohd.ffn: must be an object, found 8"),
        ({"mohd": {**PAIR, "ffn": {"top_k": 4}}}, "mohd.ffn.sub_dimensions: is missing"),
        ({"hidden_act": "gelu"}, "hidden_act: must be silu"),
        ({"num_key_value_heads": 3}, "num_key_value_heads: must divide 4 heads, found 3"),
        ({"head_dim": 7}, "head_dim: must be even"),
        ({"layer_types": ["full_attention"]}, "layer_types: must be 2 of"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "must be one of default, linear, llama3"),
        ({"rope_parameters": {"rope_type": "linear"}}, "rope_parameters.factor: is missing"),
    ],
)
def test_a_wrong_key_is_named(keys, message):
    with pytest.raises(ValueError) as error:
        MoHDConfig(**{**PICO, "mohd": PAIR, **keys})
    assert message in str(error.value)


def test_rotary_settings_of_older_files_are_read():
    old = MoHDConfig(rope_theta=5e5, rope_scaling={"type": "linear", "factor": 2.0})
    assert old.rope_parameters == {"rope_type": "linear", "rope_theta": 5e5, "factor": 2.0}
    new = MoHDConfig(rope_parameters={"rope_type": "default", "rope_theta": 1e6})
    assert new.rope_parameters == {"rope_type": "default", "rope_theta": 1e6}
    assert MoHDConfig().rope_parameters["rope_theta"] == 10000.0


def test_dense_configurations_keep_their_meaning():
    llama = MoHDConfig.from_dense(LlamaConfig(**PICO, attention_bias=True), PAIR)
    assert llama.attention_bias and llama.attention_output_bias and not llama.mlp_bias
    assert llama.model_type == "mohd" and llama.window(0) is None
    qwen = MoHDConfig.from_dense(Qwen2Config(**PICO), PAIR)
    assert qwen.attention_bias and not qwen.attention_output_bias and qwen.window(1) is None
    windowed = Qwen2Config(**PICO, use_sliding_window=True, sliding_window=4, max_window_layers=1)
    windowed = MoHDConfig.from_dense(windowed, PAIR)
    assert [windowed.window(layer) for layer in (0, 1)] == [None, 4]
    assert MoHDConfig.from_dense(MistralConfig(**PICO, sliding_window=9), PAIR).window(1) == 9
    with pytest.raises(ValueError, match="model_type"):
        MoHDConfig.from_dense(MoHDConfig(**PICO), PAIR)


# Active parameters

L355 = dict(hidden_size=1024, intermediate_size=2560, num_attention_heads=32, head_dim=32)
# Table 1 prints 2560 for the 495M model; its 396M needs 2048.
L495 = dict(
    hidden_size=1536, intermediate_size=2048, num_attention_heads=32, num_key_value_heads=16,
    head_dim=48,
)
L1130 = dict(hidden_size=2048, intermediate_size=4096, num_attention_heads=32, head_dim=64)
HALF, WHOLE, QUARTER = (4, 8), (8, 8), (2, 8)
# Table 3's 12 sub-dimensions do not divide 1024 and 2048: 75 % is 12 of 16.
THREE_QUARTERS = (12, 16)


def millions(shape, attention, ffn=None, count="paper", **settings):
    mohd = {
        name: component(cut[1], min(3, cut[0]), cut[0], **settings)
        for name, cut in (("attention", attention), ("ffn", ffn or attention))
    }
    config = MoHDConfig(**{**shape, "num_hidden_layers": 24}, mohd=mohd)
    return active_parameters(config, count) / 1e6


@pytest.mark.parametrize(
    "shape, attention, ffn, printed",
    [
        # Tables 1 and 2.
        (L355, WHOLE, WHOLE, 289),
        (L355, HALF, HALF, 145),
        (L355, THREE_QUARTERS, THREE_QUARTERS, 217),
        ({**L355, "hidden_size": 2048}, HALF, HALF, 289),
        ({**L355, "hidden_size": 3072}, (4, 12), (4, 12), 289),
        ({**L355, "hidden_size": 4096}, (4, 16), (4, 16), 289),
        (L495, WHOLE, WHOLE, 396),
        (L495, HALF, HALF, 198),
        (L495, (9, 12), (9, 12), 297),
        (L1130, HALF, HALF, 503),
        (L1130, THREE_QUARTERS, THREE_QUARTERS, 755),
        # Table 5.
        (L355, WHOLE, HALF, 195),
        (L355, HALF, WHOLE, 239),
        (L355, WHOLE, QUARTER, 147),
        (L355, QUARTER, WHOLE, 213),
        (L355, QUARTER, QUARTER, 72),
    ],
)
def test_active_parameters_are_the_papers(shape, attention, ffn, printed):
    assert abs(millions(shape, attention, ffn) - printed) < 1


def test_the_largest_model_has_a_billion():
    assert round(millions(L1130, WHOLE) / 1000, 1) == 1.0
    assert round(millions({**L495, "intermediate_size": 2560}, WHOLE)) == 453


def test_the_count_of_all_adds_what_else_is_multiplied():
    shape = dict(
        hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=4, attention_bias=True,
    )
    attention = component(
        8, 2, 4, fusion="monarch", fusion_blocks=2, input_basis="dense", inactive_bias=True,
        low_rank=3,
    )
    ffn = component(4, 1, 1, router="energy", sparse_side="input", input_basis="monarch")
    config = MoHDConfig(**shape, mohd={"attention": attention, "ffn": ffn})
    assert active_parameters(config, "paper") == 8 * 16 + 8 * 8 + 4 * 40 + 16 * 20
    of_attention = (
        16 + 16 + 8  # norm, biases of q, k, v, biases of the active half of the outputs
        + (16 * 8 + 8) + 4  # router, scale
        + 16 * 16 + (16 * 8 + 16 * 2)  # basis; fusion: R of two 8 × 8, L of eight 2 × 2
        + 4 * 16 + 3 * (16 + 16)  # biases of inactive ones, low-rank path
    )
    of_ffn = 16 + 16 + 1 + (16 * 4 + 16 * 4)  # norm, weight norms, scale, basis
    others = 16 + of_attention + of_ffn  # the final norm
    assert active_parameters(config, "all") == active_parameters(config, "paper") + others
    dense = 3 * 16 + 16 + 16 + 16 * (16 + 8 + 40 + 20)
    assert active_parameters(config, "dense") == dense
    with pytest.raises(ValueError, match="count: must be"):
        active_parameters(config, "some")


def test_a_fixed_choice_needs_the_active_rows_of_its_basis():
    def difference(**settings):
        """`all` - `paper` of 4 of 8 shared sub-dimensions over that of 3 shared, 1 chosen."""
        def extra(shared):
            part = component(8, shared, 4, input_basis="dense", router="energy", **settings)
            shape = dict(
                hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2,
                num_key_value_heads=1, head_dim=4,
            )
            config = MoHDConfig(**shape, mohd={"attention": part, "ffn": part})
            return active_parameters(config, "all") - active_parameters(config, "paper")
        return extra(4) - extra(3)

    assert difference(gate="unit") == -2 * 8 * 16  # half of two bases
    assert difference(gate="softmax") == 0  # gates need all scores
    assert difference(gate="unit", low_rank=2) == 0  # it reads what is inactive


def test_a_width_of_its_own_is_counted_as_it_is_stored():
    shape = dict(
        hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, head_dim=4, mlp_bias=True,
    )
    attention = component(  # D = 24, inputs alone
        6, 2, 3, sub_dimension_size=4, router="energy", gate="unit", sparse_side="input",
        input_basis="dense", low_rank=2,
    )
    ffn = component(  # D = 6, used rows of W_down alone
        2, 2, 2, sub_dimension_size=3, gate="unit", input_basis="dense"
    )
    config = MoHDConfig(**shape, mohd={"attention": attention, "ffn": ffn})
    paper = 12 * 16 + 16 * 8 + 6 * 40 + 6 * 20
    assert active_parameters(config, "paper") == paper
    of_attention = 16 + 24 + 3 + 24 * 16 + 2 * (24 + 16)  # norm, norms, scale, basis, low rank
    of_ffn = 16 + 40 + 6 + (2 * 16 + 2) + 2 + 6 * 16  # norm, biases, router, scale, basis
    assert active_parameters(config, "all") == paper + 16 + of_attention + of_ffn
    wide = dict(attention, sub_dimension_size=3)  # N need not divide d, K d_e = 9
    config = MoHDConfig(**shape, mohd={"attention": wide, "ffn": ffn})
    assert config.component("attention", 0).width == 18


def test_presets_are_table_3():
    shares = {name: paper_preset(name)["ffn"] for name in ("50%", "75%", "x2", "x3", "x4")}
    cuts = {k: (v["top_k"], v["sub_dimensions"]) for k, v in shares.items()}
    assert cuts == {"50%": (4, 8), "75%": (9, 12), "x2": (4, 8), "x3": (4, 12), "x4": (4, 16)}
    for settings in shares.values():
        assert settings["shared"] == 3
        assert settings["fusion_blocks"] == settings["sub_dimensions"]
