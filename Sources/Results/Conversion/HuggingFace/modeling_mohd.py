"""Mixture of Hidden Dimensions (arXiv 2412.05644) in PyTorch: the definition, clarity first.

Every sub-dimension is computed and the inactive ones are multiplied by zero, so a token costs what
it costs in the dense model; a program that leaves the inactive work out must agree with this one.
Equation numbers are the paper's. [T, d] is tokens by hidden size, batch dimensions left out.

Specification
=============

Settings are config.json's (`configuration_mohd.SubDimensions`). A *component* is the attention or
the FFN of one layer; every tensor below lies under `….self_attn.mohd` or `….mlp.mohd`.
d hidden size, N sub-dimensions of d_e = `sub_dimension_size` entries, D = N d_e the width that the
input is cut in (d_e = d/N and D = d unless said), S shared, K active, m the joined width of the
component's input projections: q | k | v in this order, or gate | up. These projections are [m, D].

 1. a = RMSNorm(x)·gain, the component's input [T, d] (hook points attention_input, ffn_input).
 2. z = B a. `basis` is B [D, d], z_j = Σ_k B_jk a_k; or `basis.left`, `basis.right` of a Monarch
    matrix as in (9), with the same r and D = d; without either z = a and D = d.
 3. Entry o_j of z, o = `dimension_order` [D] (integers), belongs to sub-dimension ⌊j / d_e⌋, and
    so does entry o_j of the component's output y. Only membership follows the order: projections
    keep their rows and columns in the order of z and of the residual stream. Absent: o_j = j.
    Where D is not d, o is that of z alone, and y is cut as it lies: entry j of y belongs to
    sub-dimension ⌊j / (d/N)⌋. But where all are active (N = K), D < d and `sparse_side` is `both`,
    W_o and W_down hold the D used rows alone: row j (and its bias) is entry o_j of y, of
    sub-dimension ⌊j / d_e⌋, o are D of the numbers 0…d−1, the other entries of y are 0, and z is
    cut as it lies.
 4. Scores s [T, N], in float32 at least.
    centroid: s = softmax(Φ a + b) over all N (Eqs. 6, 11): it reads a, not z. Φ `router.weight`
    [N, d], b `router.bias` [N]; absent: 0.
    energy: s_i = Σ_{j in i} ‖w_j‖² z_j², as it is, without softmax; w_j is column j of the joined
    input projections [m, D] as stored (no biases, no `scale`).
 5. Active A_t: sub-dimensions 0…S−1 and the K−S largest scores of the rest (Eq. 12); of equal
    scores the lower index.
 6. Gates g_i = s_i if i is in A_t, else 0; `gate: unit` makes them 1 and 0. This is the g of the
    balance loss too, so under `unit` that loss has no gradient.
 7. α of Section 4.2, G = Σ_i g_i: `paper` N·G, `unit_sum` N/G, `unit_mean` K/G, `none` 1;
    `gate: unit` always 1. If G = 0 (the energy of an input of zeros), α = 1.
    α stands where Eqs. 10, 14 and 16 have it: once, at the output, never at an input.
 8. Input side, both `sparse_side`s: z̃_j = c_i z_j for j in an active i, else 0, with
    c_i = `scale`_i (absent: 1), times g_i under `gate_at: every_projection`. The projections of z̃
    with their own biases, joined [T, m], plus
      Σ_{i inactive} `inactive_bias`_i                       [N, m], plus
      b (a z_r), z_r = z where inactive, else 0, without c:  `low_rank.a` [r, D], `.b` [m, r]
    are the hook points query, key, value (before the rotary embedding), ffn_gate, ffn_up.
    Attention and SiLU(gate)·up stay whole: heads and d_ff are not hidden dimensions. A key and a
    value come from their own token's active set; W_o's outputs follow the query token's.
 9. Output side. y [T, d] is W_o's or W_down's output with its bias.
    `both`: y_j ← α g_i y_j, bias included, so inactive entries are 0. `input`: y stays whole and
    carries neither g nor α; gates then act through the choice alone, or at inputs under (8).
    Fusion, under either: u_j = y_{o_j}, u ← M u, y_{o_j} = u_j: M mixes entries in the order of
    the sub-dimensions (Eq. 9), those of y; used rows come first, and then the entries that are 0
    in ascending order. monarch M = P L Pᵀ R, with r = fusion_blocks and b = d/r:
      R `fusion.right` [r, b, b]:  v_{g,p} = Σ_q R_{g,p,q} u_{g,q},  u seen as [r, b]
      L `fusion.left` [b, r, r]:   u'_{h,p} = Σ_g L_{p,h,g} v_{g,p}, u' seen as [r, b]
    block_diagonal is R alone. With r = N, R mixes within and L across sub-dimensions.
10. y is attention_output or ffn_output; h = x + y (Eq. 17). Attention: attention_heads enters W_o.
11. Balance loss (Eq. 13) of a component, over its specialised i = S…N−1:
      β Σ_i mean_t(g_ti / G_t) · f_i,  f_i the share of tokens whose largest specialised gate is i
    (equal gates: the lower index). G_t sums all N gates. Padding is left out of mean and share. A
    token with G_t = 0 has shares 0. f is a constant to the gradient; with softmax gates, logits l
    and M tokens ∂/∂l_tk = β/M · ρ_tk (f_k − Σ_i f_i ρ_ti) on active k, 0 on the others, where
    ρ_ti = g_ti / G_t and f of a shared sub-dimension is 0. The model's loss is the cross entropy
    plus the sum over components and layers (Eq. 18).

Training: without gates on inputs, `sparse_side: input` gives a router no gradient but (11)'s.
For FSDP wrap `MoHDDecoderLayer`: it uses no parameter of another module.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.cache_utils import Cache, DynamicCache
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import ModelOutput
from transformers.modeling_utils import PreTrainedModel

from .configuration_mohd import MoHDConfig


class Routing(NamedTuple):
    """What a router decides for each token: [..., N], alpha [..., 1]."""

    scores: torch.Tensor
    active: torch.Tensor  # bool
    gates: torch.Tensor
    alpha: torch.Tensor


@dataclass
class MoHDModelOutput(ModelOutput):
    """The last layer's normalised output, and the balance losses' sum.

    `router_scores` has one (attention, ffn) pair of [batch, tokens, N] for each layer.
    """

    last_hidden_state: torch.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None
    balance_loss: torch.Tensor | None = None
    router_scores: tuple | None = None


@dataclass
class MoHDCausalLMOutput(ModelOutput):
    """`loss` is `cross_entropy_loss` + `balance_loss` (Eq. 18), there when labels are given."""

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: Cache | None = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None
    cross_entropy_loss: torch.Tensor | None = None
    balance_loss: torch.Tensor | None = None
    router_scores: tuple | None = None


# Sub-dimensions


class Monarch(nn.Module):
    """M = P L Pᵀ R (Dao et al. 2022) on the last dimension; without L, block-diagonal."""

    def __init__(self, size, blocks, has_left=True):
        super().__init__()
        self.blocks, self.block_size = blocks, size // blocks
        self.right = nn.Parameter(torch.empty(blocks, self.block_size, self.block_size))
        self.left = None
        if has_left:
            self.left = nn.Parameter(torch.empty(self.block_size, blocks, blocks))

    def forward(self, x):
        x = x.unflatten(-1, (self.blocks, self.block_size))
        x = torch.einsum("gpq,...gq->...gp", self.right, x)
        if self.left is not None:
            x = torch.einsum("phg,...gp->...hp", self.left, x)
        return x.flatten(-2)


class CentroidRouter(nn.Module):
    """s = softmax(Φ a + b) over all sub-dimensions (Eqs. 6, 11). Φ: [N, d]."""

    def __init__(self, hidden_size, count):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(count, hidden_size))
        self.bias = nn.Parameter(torch.empty(count))

    def forward(self, a):
        a = at_least_float32(a)
        logits = functional.linear(a, self.weight.to(a.dtype), self.bias.to(a.dtype))
        return logits.softmax(-1)


class LowRank(nn.Module):
    """x ↦ b (a x). a: [rank, D], b: [m, rank]."""

    def __init__(self, inputs, outputs, rank):
        super().__init__()
        self.a = nn.Parameter(torch.empty(rank, inputs))
        self.b = nn.Parameter(torch.empty(outputs, rank))

    def forward(self, x):
        return functional.linear(functional.linear(x, self.a), self.b)


class MixtureOfSubDimensions(nn.Module):
    """Which hidden dimensions one component uses for each token, and how (Section 4).

    Args:
        settings: `configuration_mohd.SubDimensions`.
        width: m, the joined width of the component's input projections.
    """

    def __init__(self, settings, hidden_size, width):
        super().__init__()
        self.settings, self.hidden_size = settings, hidden_size
        count, blocks = settings.sub_dimensions, settings.fusion_blocks
        self.keeps_used_outputs = settings.keeps_used_outputs(hidden_size)
        self.register_buffer("dimension_order", torch.arange(settings.width))
        self.scale = nn.Parameter(torch.empty(count))
        self.router = self.basis = self.fusion = self.inactive_bias = self.low_rank = None
        if settings.router == "centroid":
            self.router = CentroidRouter(hidden_size, count)
        if settings.input_basis == "dense":
            self.basis = nn.Parameter(torch.empty(settings.width, hidden_size))
        elif settings.input_basis == "monarch":
            self.basis = Monarch(hidden_size, blocks)
        if settings.fusion != "none":
            self.fusion = Monarch(hidden_size, blocks, has_left=settings.fusion == "monarch")
        if settings.inactive_bias:
            self.inactive_bias = nn.Parameter(torch.empty(count, width))
        if settings.low_rank:
            self.low_rank = LowRank(settings.width, width, settings.low_rank)

    def read(self, a, projections):
        """The input side: the projections' outputs, each [..., width], and the routing.

        Args:
            a: the component's normalised input, [..., d].
            projections: the linear layers that read it, in the order of m.
        """
        z = self.change_basis(a)
        routing = self.route(a, z, projections)
        weights = routing.active * self.scale
        if self.settings.gate_at == "every_projection":  # Eqs. 15, 16
            weights = weights * routing.gates
        selected = z * self.per_input(weights).to(z.dtype)
        outputs = torch.cat([projection(selected) for projection in projections], dim=-1)
        inactive = ~routing.active
        if self.inactive_bias is not None:
            outputs = outputs + inactive.to(z.dtype) @ self.inactive_bias
        if self.low_rank is not None:
            outputs = outputs + self.low_rank(z * self.per_input(inactive))
        return outputs.split([p.out_features for p in projections], dim=-1), routing

    def write(self, y, routing):
        """The output side: M α ‖ g_i Dim_i (Eqs. 10, 14, 16), [..., d].

        Args:
            y: [..., d], or [..., D] where W_out holds used rows alone.
        """
        order = self.output_order()
        if self.settings.sparse_side == "both":
            weights = routing.alpha * routing.gates
            if self.keeps_used_outputs:
                y = y * weights.repeat_interleave(self.settings.sub_dimension_size, -1).to(y.dtype)
                y = functional.pad(y, (0, self.hidden_size - y.shape[-1]))[..., order.argsort()]
            else:
                size = self.hidden_size // self.settings.sub_dimensions
                y = y * weights[..., order.argsort() // size].to(y.dtype)
        if self.fusion is not None:
            y = self.fusion(y[..., order])[..., order.argsort()]
        return y

    def input_order(self):
        """The entries of z in the order of the sub-dimensions, [D]."""
        if self.keeps_used_outputs:
            return torch.arange(self.settings.width, device=self.dimension_order.device)
        return self.dimension_order

    def output_order(self):
        """The entries of y in the order of the sub-dimensions, [d]."""
        order, size = self.dimension_order, self.hidden_size
        if self.keeps_used_outputs:  # these, then the others
            place = torch.full((size,), size, device=order.device)
            place[order] = torch.arange(len(order), device=order.device)
            return place.argsort(stable=True)
        return order if len(order) == size else torch.arange(size, device=order.device)

    def change_basis(self, a):
        if self.basis is None:
            return a
        if isinstance(self.basis, Monarch):
            return self.basis(a)
        return functional.linear(a, self.basis)

    def route(self, a, z, projections):
        """Scores, active set, gates and α (Eqs. 6, 11, 12 and Section 4.2)."""
        settings = self.settings
        scores = self.energy(z, projections) if self.router is None else self.router(a)
        active = self.choose(scores)
        if settings.gate == "unit":
            gates = active.to(scores.dtype)
            return Routing(scores, active, gates, torch.ones_like(gates[..., :1]))
        gates = scores * active
        total = gates.sum(-1, keepdim=True)
        if settings.scaling == "paper":
            alpha = settings.sub_dimensions * total
        elif settings.scaling == "unit_sum":
            alpha = settings.sub_dimensions / nonzero(total)
        elif settings.scaling == "unit_mean":
            alpha = settings.top_k / nonzero(total)
        else:
            alpha = torch.ones_like(total)
        return Routing(scores, active, gates, torch.where(total == 0, 1.0, alpha))

    def choose(self, scores):
        """The shared sub-dimensions and the best-scored others, top_k in all (Eq. 12)."""
        shared = self.settings.shared
        # A stable sort keeps the lower index first where scores are equal.
        order = scores[..., shared:].sort(dim=-1, descending=True, stable=True).indices
        chosen = order[..., : self.settings.top_k - shared] + shared
        active = torch.zeros_like(scores, dtype=torch.bool)
        active[..., :shared] = True
        return active.scatter(-1, chosen, True)

    def energy(self, z, projections):
        """s_i = ‖D_i z_i‖², D_i the norms of the weights that read sub-dimension i (ours)."""
        norms = sum(at_least_float32(p.weight).square().sum(0) for p in projections)
        energies = at_least_float32(z).square() * norms
        shape = (self.settings.sub_dimensions, self.settings.sub_dimension_size)
        return energies[..., self.input_order()].unflatten(-1, shape).sum(-1)

    def balance_loss(self, routing, tokens=None):
        """β Σ_i mean(g_i / Σ_j g_j) · share of tokens whose largest gate is i (Eq. 13).

        Args:
            tokens: which tokens count, [...] of bool; None is all.
        """
        gates = routing.gates if tokens is None else routing.gates[tokens]
        gates = gates.reshape(-1, self.settings.sub_dimensions)
        shared = self.settings.shared
        if shared == self.settings.sub_dimensions or len(gates) == 0:
            return gates.sum() * 0
        mean_gate = (gates / nonzero(gates.sum(-1, keepdim=True))).mean(0)[shared:]
        largest = first_largest(gates[:, shared:])
        share = functional.one_hot(largest, mean_gate.numel()).to(gates.dtype).mean(0)
        return self.settings.balance_weight * (mean_gate * share).sum()

    def per_input(self, values):
        """Each sub-dimension's value, [..., N], becomes that of its entries of z, [..., D]."""
        return values[..., self.input_order().argsort() // self.settings.sub_dimension_size]

    def reset_parameters(self, deviation):
        """The start of training: a random router; scale, basis and fusion change nothing."""
        initialise(self.dimension_order, torch.arange(len(self.dimension_order)))
        initialise(self.scale, 1.0)
        if self.router is not None:
            initialise(self.router.weight, deviation * torch.randn(self.router.weight.shape))
            initialise(self.router.bias, 0.0)
        if isinstance(self.basis, nn.Parameter):
            initialise(self.basis, torch.eye(self.hidden_size)[
                torch.arange(len(self.basis)) % self.hidden_size
            ])
        for monarch in (self.basis, self.fusion):
            if isinstance(monarch, Monarch):
                initialise(monarch.right, torch.eye(monarch.block_size))
                if monarch.left is not None:
                    initialise(monarch.left, torch.eye(monarch.blocks))
        if self.inactive_bias is not None:
            initialise(self.inactive_bias, 0.0)
        if self.low_rank is not None:
            initialise(self.low_rank.a, deviation * torch.randn(self.low_rank.a.shape))
            initialise(self.low_rank.b, 0.0)


def at_least_float32(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def nonzero(total):
    """`total`, but 1 where it is 0: there every gate is 0 as well."""
    return torch.where(total == 0, 1.0, total)


def first_largest(gates):
    """Index of each row's largest entry; of equal ones the lowest. `argmax` does not promise it."""
    return gates.sort(dim=-1, descending=True, stable=True).indices[..., 0]


def initialise(tensor, values):
    """Sets a tensor, unless the checkpoint that is being loaded has set it."""
    if not getattr(tensor, "_is_hf_initialized", False):
        with torch.no_grad():
            tensor.copy_(torch.as_tensor(values, dtype=tensor.dtype, device=tensor.device))


# The LLaMA parts


class MoHDRMSNorm(nn.Module):
    def __init__(self, hidden_size, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(hidden_size))
        self.epsilon = epsilon

    def forward(self, x):
        wide = at_least_float32(x)
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon)
        return self.weight * wide.to(x.dtype)


def rotary_frequencies(rope, head_size, dtype, device):
    """Angle per position of each pair of a head, [head_size / 2].

    linear: all over `factor`. llama3: those that make fewer than `low_freq_factor` turns in the
    original context over `factor`, those that make more than `high_freq_factor` as they are, and
    a mixture between.
    """
    exponents = torch.arange(0, head_size, 2, dtype=dtype, device=device) / head_size
    frequencies = 1.0 / rope["rope_theta"] ** exponents
    if rope["rope_type"] == "default":
        return frequencies
    slow = frequencies / rope["factor"]
    if rope["rope_type"] == "linear":
        return slow
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    smooth = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 - smooth) * slow + smooth * frequencies


def rotary_table(config, x, positions):
    """Cosines and sines, each [batch, 1, tokens, head size]; j and j + size/2 are a pair."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    frequencies = rotary_frequencies(config.rope_parameters, config.head_dim, dtype, x.device)
    angles = positions[:, None, :, None].to(dtype) * frequencies
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().to(x.dtype), angles.sin().to(x.dtype)


def rotate(x, rotary):
    cosine, sine = rotary
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


def visible_keys(query, key, past, window, padding):
    """Which keys a query may see, [batch or 1, 1, queries, keys]; None is plain causality.

    Keys are the latest ones: a cache with a window drops those that no query can see.
    """
    query_count, key_count = query.shape[2], key.shape[2]
    if padding is None and window is None and (query_count == key_count or query_count == 1):
        return None
    total = past + query_count
    queries = torch.arange(past, total, device=query.device)[:, None]
    keys = torch.arange(total - key_count, total, device=query.device)
    visible = keys <= queries
    if window is not None:
        visible = visible & (keys > queries - window)
    visible = visible[None, None]
    if padding is not None:
        visible = visible & padding[:, None, None, total - key_count :]
    return visible | (keys == queries)  # a padding token sees itself: no empty softmax


class MoHDAttention(nn.Module):
    """MHA_MoHD (Eqs. 14, 15), grouped queries, rotary embedding."""

    def __init__(self, config, layer):
        super().__init__()
        self.config, self.layer, self.window = config, layer, config.window(layer)
        hidden, size = config.hidden_size, config.head_dim
        query = config.num_attention_heads * size
        key_value = config.num_key_value_heads * size
        settings = config.component("attention", layer)
        self.q_proj = nn.Linear(settings.width, query, bias=config.attention_bias)
        self.k_proj = nn.Linear(settings.width, key_value, bias=config.attention_bias)
        self.v_proj = nn.Linear(settings.width, key_value, bias=config.attention_bias)
        self.o_proj = nn.Linear(
            query, settings.output_width(hidden), bias=config.attention_output_bias
        )
        self.mohd = MixtureOfSubDimensions(settings, hidden, query + 2 * key_value)

    def forward(self, a, rotary, past=0, padding=None, cache=None):
        """a: normalised input [batch, tokens, d]. Returns y, the attention weights, the routing."""
        projected, routing = self.mohd.read(a, [self.q_proj, self.k_proj, self.v_proj])
        query, key, value = (
            x.unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2) for x in projected
        )
        query, key = rotate(query, rotary), rotate(key, rotary)
        if cache is not None:
            key, value = cache.update(key, value, self.layer)
        visible = visible_keys(query, key, past, self.window, padding)
        heads, weights = self.attend(query, key, value, visible)
        y = self.o_proj(heads.transpose(1, 2).flatten(-2))
        return self.mohd.write(y, routing), weights, routing

    def attend(self, query, key, value, visible):
        groups = query.shape[1] // key.shape[1]
        key = key.repeat_interleave(groups, dim=1)
        value = value.repeat_interleave(groups, dim=1)
        dropout = self.config.attention_dropout if self.training else 0.0
        if self.config._attn_implementation != "eager":
            heads = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=visible, dropout_p=dropout,
                is_causal=visible is None and query.shape[2] > 1,
            )
            return heads, None
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if visible is None:
            count = key.shape[2]
            visible = torch.ones(count, count, dtype=torch.bool, device=key.device).tril()
            visible = visible[-query.shape[2] :]
        scores = at_least_float32(scores).masked_fill(~visible, -math.inf)
        weights = functional.dropout(scores.softmax(-1).to(value.dtype), dropout)
        return weights @ value, weights


class MoHDMLP(nn.Module):
    """FFN_MoHD (Eq. 16; SiLU acts on the gate alone, as in LLaMA)."""

    def __init__(self, config, layer):
        super().__init__()
        hidden, intermediate = config.hidden_size, config.intermediate_size
        settings = config.component("ffn", layer)
        self.gate_proj = nn.Linear(settings.width, intermediate, bias=config.mlp_bias)
        self.up_proj = nn.Linear(settings.width, intermediate, bias=config.mlp_bias)
        self.down_proj = nn.Linear(
            intermediate, settings.output_width(hidden), bias=config.mlp_bias
        )
        self.mohd = MixtureOfSubDimensions(settings, hidden, 2 * intermediate)

    def forward(self, m):
        """m: normalised input [..., d]. Returns y and the routing."""
        (gate, up), routing = self.mohd.read(m, [self.gate_proj, self.up_proj])
        y = self.down_proj(functional.silu(gate) * up)
        return self.mohd.write(y, routing), routing


class MoHDDecoderLayer(nn.Module):
    """Block_MoHD (Eq. 17): h = x + MHA(norm(x)), h + FFN(norm(h))."""

    def __init__(self, config, layer):
        super().__init__()
        self.self_attn = MoHDAttention(config, layer)
        self.mlp = MoHDMLP(config, layer)
        self.input_layernorm = MoHDRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = MoHDRMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, rotary, past=0, padding=None, tokens=None, cache=None):
        """Returns y, the balance loss, the attention weights, both routers' scores.

        `padding` spans past and present, `tokens` is its part for these tokens. A plain tuple:
        reentrant checkpointing and FSDP do not keep other types.
        """
        y, weights, attention = self.self_attn(
            self.input_layernorm(x), rotary, past, padding, cache
        )
        h = x + y
        y, ffn = self.mlp(self.post_attention_layernorm(h))
        balance = self.self_attn.mohd.balance_loss(attention, tokens)
        balance = balance + self.mlp.mohd.balance_loss(ffn, tokens)
        return h + y, balance, weights, (attention.scores, ffn.scores)


# The model


class MoHDPreTrainedModel(PreTrainedModel):
    config_class = MoHDConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["MoHDDecoderLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_sdpa = True
    _supports_cache_class = True
    # Tensors that config.json does not announce; absent, they change nothing.
    _keys_to_ignore_on_load_missing = [
        r"\.mohd\.dimension_order$", r"\.mohd\.scale$", r"\.mohd\.router\.bias$"
    ]

    def _init_weights(self, module):
        deviation = self.config.initializer_range
        if isinstance(module, MixtureOfSubDimensions):
            module.reset_parameters(deviation)
        elif isinstance(module, (nn.Linear, nn.Embedding)):
            initialise(module.weight, deviation * torch.randn(module.weight.shape))
            if getattr(module, "bias", None) is not None:
                initialise(module.bias, 0.0)
        elif isinstance(module, MoHDRMSNorm):
            initialise(module.weight, 1.0)


class MoHDModel(MoHDPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(
            config.vocab_size, config.hidden_size, config.pad_token_id
        )
        self.layers = nn.ModuleList(
            MoHDDecoderLayer(config, layer) for layer in range(config.num_hidden_layers)
        )
        self.norm = MoHDRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def set_input_embeddings(self, value):
        self.embed_tokens = value

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        output_router_scores=False,
        return_dict=None,
        **kwargs,
    ):
        """`attention_mask`: [batch, past and present tokens], 0 at padding; None is none."""
        config = self.config
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if output_attentions is None:
            output_attentions = getattr(config, "output_attentions", False)
        if output_hidden_states is None:
            output_hidden_states = config.output_hidden_states
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        checkpointing = self.gradient_checkpointing and self.training
        use_cache = config.use_cache if use_cache is None else use_cache
        cache = past_key_values
        if checkpointing:
            cache = None  # the backward pass would write it again
        elif use_cache and cache is None and not self.training:
            cache = DynamicCache()
        past = cache.get_seq_length() if cache is not None else 0
        if position_ids is None:
            position_ids = torch.arange(past, past + x.shape[1], device=x.device)[None]
        padding = tokens = None
        if attention_mask is not None:
            if attention_mask.shape != (x.shape[0], past + x.shape[1]):
                raise ValueError(
                    f"attention_mask: must be {[x.shape[0], past + x.shape[1]]}, "
                    f"found {list(attention_mask.shape)}"
                )
            if not attention_mask.all():
                padding = attention_mask.bool()
                tokens = padding[:, past:]
        rotary = rotary_table(config, x, position_ids)

        hidden_states, attentions, router_scores = [], [], []
        balance_loss = torch.zeros((), dtype=torch.float32, device=x.device)
        for layer in self.layers:
            hidden_states.append(x)
            arguments = (x, rotary, past, padding, tokens, cache)
            if checkpointing:
                output = self._gradient_checkpointing_func(layer.__call__, *arguments)
            else:
                output = layer(*arguments)
            x, balance, weights, scores = output
            balance_loss = balance_loss + balance.to(balance_loss.device)
            attentions.append(weights)
            router_scores.append(scores)
        x = self.norm(x)
        hidden_states.append(x)
        output = MoHDModelOutput(
            last_hidden_state=x,
            past_key_values=cache,
            hidden_states=tuple(hidden_states) if output_hidden_states else None,
            attentions=tuple(attentions) if output_attentions else None,
            balance_loss=balance_loss,
            router_scores=tuple(router_scores) if output_router_scores else None,
        )
        return output.to_tuple() if return_dict is False else output


class MoHDForCausalLM(MoHDPreTrainedModel, GenerationMixin):
    # transformers 5 wants what is tied to what, transformers 4 the names alone.
    _tied_weights_keys = (
        ["lm_head.weight"]
        if transformers.__version__.startswith("4.")
        else {"lm_head.weight": "model.embed_tokens.weight"}
    )

    def __init__(self, config):
        super().__init__(config)
        self.model = MoHDModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def set_input_embeddings(self, value):
        self.model.embed_tokens = value

    def get_output_embeddings(self):
        return self.lm_head

    def set_output_embeddings(self, value):
        self.lm_head = value

    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        inputs_embeds=None,
        labels=None,
        use_cache=None,
        output_attentions=None,
        output_hidden_states=None,
        output_router_scores=False,
        return_dict=None,
        logits_to_keep=0,
        num_items_in_batch=None,
        **kwargs,
    ):
        """Logits [batch, tokens, vocabulary], and with `labels` the loss.

        Args:
            labels: the input ids again, -100 where no loss is wanted; shifted here.
            logits_to_keep: how many of the last positions get logits; 0 is all.
            num_items_in_batch: the labels of all batches that one step accumulates, as the
                Trainer gives it: the loss is then this batch's part of their mean.
        """
        output = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            output_router_scores=output_router_scores,
            return_dict=True,
        )
        x = output.last_hidden_state
        if isinstance(logits_to_keep, int):
            logits_to_keep = slice(-logits_to_keep or None, None)
        logits = self.lm_head(x[:, logits_to_keep])
        loss = cross_entropy = None
        if labels is not None:
            targets = labels[:, 1:].flatten().to(logits.device)
            predictions = at_least_float32(logits[:, :-1].flatten(0, 1))
            cross_entropy = functional.cross_entropy(predictions, targets, reduction="sum")
            count = (targets != -100).sum()
            share = 1.0
            if num_items_in_batch is not None:
                share = count / num_items_in_batch
            cross_entropy = cross_entropy / count.clamp(min=1) * share
            loss = cross_entropy + output.balance_loss * share  # Eq. 18
        result = MoHDCausalLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
            cross_entropy_loss=cross_entropy,
            balance_loss=output.balance_loss,
            router_scores=output.router_scores,
        )
        return result.to_tuple() if return_dict is False else result


# save_pretrained then copies this file and writes `auto_map`.
MoHDForCausalLM.register_for_auto_class("AutoModelForCausalLM")
MoHDModel.register_for_auto_class("AutoModel")
