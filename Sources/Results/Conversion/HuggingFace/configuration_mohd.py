"""Configuration of a MoHD model: a LLaMA-style model whose components use some hidden dimensions.

MoHD is "Mixture of Hidden-Dimensions Transformer" (arXiv 2412.05644). The keys are the dense
model's, and `"mohd": {"attention": C, "ffn": C}`, where C is one component's settings, or a list of
them, one a layer. `SubDimensions` below says what each setting means and what a missing one is;
`modeling_mohd.py` says what is computed. `active_parameters` counts what a token uses.
"""

from dataclasses import asdict, dataclass, fields, replace

try:
    from transformers import PreTrainedConfig
except ImportError:  # transformers 4
    from transformers import PretrainedConfig as PreTrainedConfig

COMPONENTS = ("attention", "ffn")
LARGEST = 1 << 24  # of any size
# How modeling_mohd.py computes: masked is the definition, gathered leaves inactive work out.
EXECUTIONS = ("auto", "masked", "gathered")
ROPE_TYPES = ("default", "linear", "llama3")
CHOICES = {
    "router": ("centroid", "energy"),
    "gate": ("softmax", "unit"),
    "gate_at": ("output", "every_projection"),
    "scaling": ("paper", "unit_sum", "unit_mean", "none"),
    "sparse_side": ("input", "both"),
    "balance_over": ("specialised", "all"),
    "fusion": ("none", "block_diagonal", "monarch"),
    "input_basis": ("none", "dense", "monarch"),
}
# Table 3: active and all sub-dimensions; three are shared and the group fusion dimension is N.
# Its 75 % column prints 4 of 12, which is not 75 %: 9 of 12 here.
PRESETS = {"50%": (4, 8), "75%": (9, 12), "x2": (4, 8), "x3": (4, 12), "x4": (4, 16)}


@dataclass(frozen=True)
class SubDimensions:
    """One component's settings: the object C of config.json, in its order.

    Attributes:
        sub_dimensions: N, into how many equal parts the hidden dimensions are cut.
        sub_dimension_size: d_e, entries of each at the component's input; null is d/N. D = N d_e
            is the width that the input is cut in. Another D than d needs a dense `input_basis`,
            [D, d]: a smaller one for a choice that holds only what it uses, a larger one for
            sub-dimensions that overlap. Outputs are d wide and cut into d/N each, but where D < d,
            all are active and `sparse_side` is `both`, W_out holds the D used rows alone.
        shared: S, how many are active for every token: sub-dimensions 0 to S - 1.
        top_k: K, how many are active for a token, the shared ones included.
        router: scores by `centroid` (Eqs. 6, 11) or by `energy` (ours).
        gate: weights of active sub-dimensions: their scores (`softmax`) or 1 (`unit`).
        gate_at: gates multiply outputs (Eq. 10), or `every_projection`'s inputs too (Eqs. 14-16).
        scaling: α of Section 4.2: `paper` N Σg, `unit_sum` N/Σg, `unit_mean` K/Σg, `none` 1.
        sparse_side: `both` inputs and outputs use the active set, or the `input` only.
        fusion: M of Eq. 9.
        fusion_blocks: r, the blocks of R in every Monarch or block-diagonal matrix of the
            component, fusion and basis; null is N, as in Table 3.
        input_basis: a transform of the component's input before it is cut.
        inactive_bias: whether each inactive sub-dimension adds a bias to the projections.
        low_rank: rank of the path from inactive entries to the projections; 0 is none.
        balance_weight: beta of Eq. 13.
        balance_over: whose gates that loss evens, those of the `specialised` or of `all` (as printed).
    """

    sub_dimensions: int
    shared: int
    top_k: int
    router: str = "centroid"
    gate: str = "softmax"
    gate_at: str = "output"
    scaling: str = "paper"
    sparse_side: str = "both"
    fusion: str = "none"
    fusion_blocks: int | None = None
    input_basis: str = "none"
    inactive_bias: bool = False
    low_rank: int = 0
    balance_weight: float = 0.01
    sub_dimension_size: int | None = None
    balance_over: str = "specialised"

    @property
    def width(self):
        """D = N d_e."""
        return self.sub_dimensions * self.sub_dimension_size

    def keeps_used_outputs(self, hidden_size):
        """Whether W_out holds those rows alone that a choice of all of D < d uses."""
        all_active = self.top_k == self.sub_dimensions
        return self.sparse_side == "both" and all_active and self.width < hidden_size

    def output_width(self, hidden_size):
        """Rows of W_out."""
        return self.width if self.keeps_used_outputs(hidden_size) else hidden_size

    def active_outputs(self, hidden_size):
        """Rows of W_out that a token uses."""
        if self.sparse_side == "input":
            return hidden_size
        if self.keeps_used_outputs(hidden_size):
            return self.width
        return self.top_k * (hidden_size // self.sub_dimensions)

    @classmethod
    def read(cls, data, hidden_size, place):
        """The settings in `data`, checked against the hidden size.

        Raises:
            ValueError: naming the place in config.json, what it must be and what it is.
        """
        if isinstance(data, cls):
            data = asdict(data)
        if not isinstance(data, dict):
            raise ValueError(f"{place}: must be an object, found {data!r}")
        unknown = sorted(set(data) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"{place}: unknown keys {', '.join(unknown)}")
        for key in ("sub_dimensions", "shared", "top_k"):
            if key not in data:
                raise ValueError(f"{place}.{key}: is missing")
        settings = cls(**data)
        settings._check_counts(hidden_size, place)
        if settings.fusion_blocks is None:
            settings = replace(settings, fusion_blocks=settings.sub_dimensions)
        if settings.sub_dimension_size is None:
            size = hidden_size // settings.sub_dimensions
            settings = replace(settings, sub_dimension_size=size)
        settings._check(hidden_size, place)
        return settings

    def _check_counts(self, hidden_size, place):
        """What defaults are computed from."""
        most = hidden_size if self.sub_dimension_size is None else LARGEST
        self._integer("sub_dimensions", 1, most, place)
        if self.sub_dimension_size is None and hidden_size % self.sub_dimensions:
            self._must_divide("sub_dimensions", hidden_size, place)

    def _integer(self, key, low, high, place):
        value = getattr(self, key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(
                f"{place}.{key}: must be an integer in {low}…{high}, found {value!r}"
            )

    def _must_divide(self, key, hidden_size, place):
        if hidden_size % getattr(self, key):
            raise ValueError(
                f"{place}.{key}: must divide the hidden size {hidden_size}, "
                f"found {getattr(self, key)}"
            )

    def _check(self, hidden_size, place):
        self._integer("sub_dimension_size", 1, LARGEST // self.sub_dimensions, place)
        self._integer("top_k", 1, self.sub_dimensions, place)
        self._integer("shared", 0, self.top_k, place)
        self._integer("low_rank", 0, hidden_size, place)
        if self.sparse_side == "both" and not self.keeps_used_outputs(hidden_size):
            self._must_divide("sub_dimensions", hidden_size, place)
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                raise ValueError(
                    f"{place}.{key}: must be one of {', '.join(choices)}, "
                    f"found {getattr(self, key)!r}"
                )
        uses_blocks = self.fusion != "none" or self.input_basis == "monarch"
        if uses_blocks or self.width == hidden_size:
            self._integer("fusion_blocks", 1, hidden_size, place)
            self._must_divide("fusion_blocks", hidden_size, place)
        if self.width != hidden_size and self.input_basis != "dense":
            raise ValueError(
                f"{place}.sub_dimension_size: {self.sub_dimensions} times it must be the hidden "
                f"size {hidden_size} unless input_basis is dense, found {self.sub_dimension_size}"
            )
        if not isinstance(self.inactive_bias, bool):
            raise ValueError(
                f"{place}.inactive_bias: must be true or false, found {self.inactive_bias!r}"
            )
        weight = self.balance_weight
        number = isinstance(weight, (int, float)) and not isinstance(weight, bool)
        if not number or not 0 <= weight < float("inf"):
            raise ValueError(
                f"{place}.balance_weight: must be a finite number of at least 0, found {weight!r}"
            )


class MoHDConfig(PreTrainedConfig):
    """The dense model's keys, and `mohd`.

    Args:
        attention_bias: biases in W_q, W_k, W_v, and in W_o unless `attention_output_bias` differs
            (Qwen2 has the first three only).
        rope_parameters: `rope_type` default, linear or llama3, `rope_theta`, and the type's own
            keys; `rope_theta` and `rope_scaling` of older files are read into it.
        sliding_window: how many of the latest positions, its own included, a token sees; null is
            all. `layer_types` (`full_attention`, `sliding_attention`) limits it to some layers.
        mohd: `{"attention": C, "ffn": C}`; without it, Table 3's 50 % preset. `"execution"` beside
            them says how it is computed: `masked`, the definition, `gathered`, which leaves
            inactive work out, or `auto`, whichever is faster. Results agree to rounding.

    Raises:
        ValueError: naming the key, what it must be and what it is.
    """

    model_type = "mohd"
    keys_to_ignore_at_inference = [
        "past_key_values", "cross_entropy_loss", "balance_loss", "router_scores"
    ]

    def __init__(
        self,
        vocab_size=32000,
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=None,
        head_dim=None,
        hidden_act="silu",
        max_position_embeddings=2048,
        initializer_range=0.02,
        rms_norm_eps=1e-6,
        use_cache=True,
        pad_token_id=None,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
        rope_parameters=None,
        rope_theta=None,
        rope_scaling=None,
        attention_bias=False,
        attention_output_bias=None,
        mlp_bias=False,
        attention_dropout=0.0,
        sliding_window=None,
        layer_types=None,
        mohd=None,
        **kwargs,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_key_value_heads or num_attention_heads
        self.head_dim = head_dim or hidden_size // num_attention_heads
        self.hidden_act = hidden_act
        self.max_position_embeddings = max_position_embeddings
        self.initializer_range = initializer_range
        self.rms_norm_eps = rms_norm_eps
        self.use_cache = use_cache
        self.attention_bias = attention_bias
        self.attention_output_bias = (
            attention_bias if attention_output_bias is None else attention_output_bias
        )
        self.mlp_bias = mlp_bias
        self.attention_dropout = attention_dropout
        self.sliding_window = sliding_window
        if layer_types is not None:  # as in transformers, an attribute is a list
            self.layer_types = layer_types
        self.rope_parameters = _rope(
            rope_parameters, rope_theta, rope_scaling, max_position_embeddings
        )
        self._check_dense()
        self.mohd = self._read_mohd(paper_preset("50%") if mohd is None else mohd)
        super().__init__(
            pad_token_id=pad_token_id,
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            tie_word_embeddings=tie_word_embeddings,
            **kwargs,
        )

    @classmethod
    def from_dense(cls, dense, mohd):
        """The configuration of a dense LLaMA, Mistral or Qwen2 model with `mohd` settings.

        Raises:
            ValueError: if the dense architecture is another one, or a setting is wrong.
        """
        data = dense.to_dict()
        kind = data.pop("model_type", None)
        if kind not in ("llama", "mistral", "qwen2"):
            raise ValueError(f"model_type: must be llama, mistral or qwen2, found {kind!r}")
        if kind == "qwen2":
            data.update(attention_bias=True, attention_output_bias=False)
            first = data.pop("max_window_layers", 0)
            if not data.pop("use_sliding_window", False):
                data.update(sliding_window=None, layer_types=None)
            elif data.get("layer_types") is None:  # transformers 4
                kinds = ["full_attention", "sliding_attention"]
                layers = range(data["num_hidden_layers"])
                data["layer_types"] = [kinds[layer >= first] for layer in layers]
        for key in ("architectures", "transformers_version", "_name_or_path", "auto_map"):
            data.pop(key, None)
        return cls(**data, mohd=mohd)

    def component(self, name, layer):
        """The settings of one layer's `attention` or `ffn`."""
        data = self.mohd[name]
        data = data[layer] if isinstance(data, list) else data
        return SubDimensions.read(data, self.hidden_size, f"mohd.{name}")

    def window(self, layer):
        """How many of the latest positions a token of this layer sees; None is all."""
        kinds = getattr(self, "layer_types", None)
        if kinds and kinds[layer] == "full_attention":
            return None
        return self.sliding_window

    def _check_dense(self):
        if self.hidden_act != "silu":
            raise ValueError(f"hidden_act: must be silu, found {self.hidden_act!r}")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"num_key_value_heads: must divide {self.num_attention_heads} heads, "
                f"found {self.num_key_value_heads}"
            )
        if self.head_dim % 2:
            raise ValueError(
                f"head_dim: must be even for the rotary embedding, found {self.head_dim}"
            )
        kinds = getattr(self, "layer_types", None)
        if kinds is not None:
            allowed = {"full_attention", "sliding_attention"}
            if len(kinds) != self.num_hidden_layers or not set(kinds) <= allowed:
                raise ValueError(
                    f"layer_types: must be {self.num_hidden_layers} of full_attention or "
                    f"sliding_attention, found {kinds}"
                )

    def _stored(self, data, place):
        """A component's settings as they are saved: checked, defaults said, but d_e = d/N."""
        settings = SubDimensions.read(data, self.hidden_size, place)
        data = asdict(settings)
        if settings.width == self.hidden_size:
            del data["sub_dimension_size"]
        return data

    def _read_mohd(self, mohd):
        if not isinstance(mohd, dict) or set(mohd) - {"execution"} != set(COMPONENTS):
            raise ValueError(f"mohd: must have the keys attention and ffn, found {mohd!r}")
        result = {}
        if "execution" in mohd:
            result["execution"] = mohd["execution"]
            if mohd["execution"] not in EXECUTIONS:
                raise ValueError(
                    f"mohd.execution: must be one of {', '.join(EXECUTIONS)}, "
                    f"found {mohd['execution']!r}"
                )
        for name in COMPONENTS:
            data, place = mohd[name], f"mohd.{name}"
            if not isinstance(data, list):
                result[name] = self._stored(data, place)
                continue
            if len(data) != self.num_hidden_layers:
                raise ValueError(
                    f"{place}: must have one entry for each of {self.num_hidden_layers} layers, "
                    f"found {len(data)}"
                )
            result[name] = [
                self._stored(entry, f"{place}[{layer}]")
                for layer, entry in enumerate(data)
            ]
        return result


def _rope(parameters, theta, scaling, max_position_embeddings):
    """Rotary settings in transformers 5's form, from that or from transformers 4's."""
    rope = dict(parameters or scaling or {})
    rope.setdefault("rope_theta", 10000.0 if theta is None else theta)
    rope["rope_type"] = rope.get("rope_type", rope.pop("type", "default"))
    rope.pop("type", None)
    if rope["rope_type"] not in ROPE_TYPES:
        raise ValueError(
            f"rope_parameters.rope_type: must be one of {', '.join(ROPE_TYPES)}, "
            f"found {rope['rope_type']!r}"
        )
    needed = {"linear": ["factor"], "llama3": ["factor", "low_freq_factor", "high_freq_factor"]}
    for key in needed.get(rope["rope_type"], []):
        if key not in rope:
            raise ValueError(f"rope_parameters.{key}: is missing for {rope['rope_type']}")
    if rope["rope_type"] == "llama3":
        rope.setdefault("original_max_position_embeddings", max_position_embeddings)
    return rope


def paper_preset(name, **changes):
    """`mohd` as Table 3 has it for 50%, 75%, x2, x3 or x4, with `changes` to both components."""
    active, count = PRESETS[name]
    settings = {
        "sub_dimensions": count, "shared": 3, "top_k": active,
        "fusion": "monarch", "fusion_blocks": count, **changes,
    }
    return {"attention": dict(settings), "ffn": dict(settings)}


def active_parameters(config, count="all"):
    """How many parameters one token uses, without the embeddings and the output layer.

    `paper` counts the projections as they are stored: of W_q, W_k, W_v, W_gate and W_up the
    columns of active sub-dimensions, K d_e; of W_o and W_down the rows of active ones, K d/N (all
    d if `sparse_side` is `input`; K d_e where used rows alone are stored). This gives Tables 1, 2
    and 5. Bases count under `all`.

    `all` adds whatever else multiplies or is added to a token: norms, biases, router (its bias
    too), the energy router's weight norms (D, derived, no parameters of the model), scale, basis,
    fusion, biases of inactive sub-dimensions, and both factors of the low-rank path, whole. Where
    the choice is known before the basis is multiplied, nobody needs the inactive rows of a dense basis.

    `dense` is `all` of the dense model with the same shape.
    """
    if count not in ("paper", "all", "dense"):
        raise ValueError(f"count: must be paper, all or dense, found {count!r}")
    hidden, intermediate = config.hidden_size, config.intermediate_size
    query = config.num_attention_heads * config.head_dim
    key_value = 2 * config.num_key_value_heads * config.head_dim
    shapes = {  # component: (inputs' width, output's width, input biases, output bias)
        "attention": (
            query + key_value, query, config.attention_bias, config.attention_output_bias
        ),
        "ffn": (2 * intermediate, intermediate, config.mlp_bias, config.mlp_bias),
    }
    total = 0 if count == "paper" else hidden  # the final norm
    for layer in range(config.num_hidden_layers):
        for name, (width, inner, input_biases, output_bias) in shapes.items():
            settings = config.component(name, layer)
            active_in = active_out = hidden
            if count != "dense":
                active_in = settings.top_k * settings.sub_dimension_size
                active_out = settings.active_outputs(hidden)
            total += active_in * width + active_out * inner
            if count == "paper":
                continue
            total += hidden + input_biases * width + output_bias * active_out
            if count == "all":
                total += _extra_parameters(settings, hidden, width)
    return total


def _extra_parameters(settings, hidden, width):
    count, active = settings.sub_dimensions, settings.top_k
    blocks = settings.fusion_blocks
    block_diagonal = hidden * (hidden // blocks)
    monarch = block_diagonal + hidden * blocks
    router = settings.width if settings.router == "energy" else count * hidden + count
    is_fixed = settings.shared == active and settings.gate == "unit"
    is_known = (settings.router == "centroid" or is_fixed) and not settings.low_rank
    rows = active * settings.sub_dimension_size if is_known else settings.width
    basis = {"none": 0, "dense": rows * hidden, "monarch": monarch}[settings.input_basis]
    fusion = {"none": 0, "block_diagonal": block_diagonal, "monarch": monarch}[settings.fusion]
    bias = (count - active) * width if settings.inactive_bias else 0
    low_rank = settings.low_rank * (settings.width + width)
    return router + active + basis + fusion + bias + low_rank


# save_pretrained then copies this file and writes `auto_map`.
MoHDConfig.register_for_auto_class()
