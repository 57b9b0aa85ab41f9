"""Mixture of Hidden Dimensions (arXiv 2412.05644) in PyTorch: the definition, clarity first.

The definition is `Component.read` and `write`: every sub-dimension is computed and the inactive
ones are multiplied by zero. What leaves the inactive work out (`read_gathered`, `write_gathered`)
agrees with it to rounding; config.json's `mohd.execution` chooses.
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
    energy: s_i = Σ_{j in i} (n_j z_j)², as it is, without softmax. n is `router.norms` [D], float32
    and stored: n_j = ‖w_j‖ of column j of the joined input projections [m, D] (no biases, no
    `scale`) when the weights were published. It is no parameter and stays as it is when weights
    are packed or changed afterwards; `update_norms` takes it anew. Absent: taken at loading.
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
11. Balance loss (Eq. 13) of a component, over its specialised i = S…N−1, or, under
    `balance_over: all`, over all i (as printed):
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
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.cache_utils import Cache, DynamicCache
from transformers.generation import GenerationMixin
from transformers.masking_utils import create_causal_mask, create_sliding_window_causal_mask
from transformers.modeling_outputs import ModelOutput
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel

from .configuration_mohd import MoHDConfig

# Products over fewer dimensions move their result for longer than they multiply.
LEAST_SIZE = 32
IS_VERSION_4 = transformers.__version__.startswith("4.")


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


class EnergyRouter(nn.Module):
    """s_i = ‖D_i z_i‖², D_i the norms of the weights that read sub-dimension i (ours).

    `norms` [D] are stored, so that wrappers which change or hide weights (adapters, quantisation,
    offloading) do not change what is chosen. They are float32 at least, whatever the model is.
    """

    def __init__(self, width, count):
        super().__init__()
        self.count = count
        self.register_buffer("norms", torch.full((width,), math.nan, dtype=torch.float32))

    def forward(self, z, order):
        """z: [..., D]; order: its entries in the order of the sub-dimensions."""
        energies = (at_least_float32(z) * self.norms).square()[..., order]
        return energies.unflatten(-1, (self.count, -1)).sum(-1)

    def _apply(self, fn, recurse=True):
        norms = self.norms
        super()._apply(fn, recurse)
        if self.norms.element_size() < norms.element_size():
            self.norms = norms.to(self.norms.device)
        return self


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

    It is called twice, around the component's own projections: with the normalised input, and with
    their output and what was decided. Whatever has tensors is called, never looked into, so that
    hooks see it.

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
        self.basis = self.fusion = self.inactive_bias = self.low_rank = None
        if settings.router == "centroid":
            self.router = CentroidRouter(hidden_size, count)
        else:
            self.router = EnergyRouter(settings.width, count)
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
        # What follows from the order, and which sub-dimensions are active where all tokens agree.
        for name in ("input_order", "input_member", "output_order", "output_place", "output_member"):
            self.register_buffer(name, None, persistent=False)
        self.register_buffer("first_active", None, persistent=False)
        self.prepare()
        self.register_load_state_dict_post_hook(_prepare)

    @torch.no_grad()
    def prepare(self):
        """Computes what follows from `dimension_order`: whoever changes that calls it again."""
        settings, order, hidden = self.settings, self.dimension_order, self.hidden_size
        count = max(hidden, settings.width, settings.sub_dimensions)
        own = torch.arange(count, device=order.device)
        self.input_order = own[: settings.width] if self.keeps_used_outputs else order.clone()
        self.input_member = self.input_order.argsort() // settings.sub_dimension_size
        size, self.output_order = hidden // settings.sub_dimensions, own[:hidden]
        if self.keeps_used_outputs:  # the used ones, then the others
            place = torch.full_like(own[:hidden], hidden)
            place[order] = own[: settings.width]
            size, self.output_order = settings.sub_dimension_size, place.argsort(stable=True)
        elif settings.width == hidden:
            self.output_order = order.clone()
        self.output_place = self.output_order.argsort()
        member = self.output_place // max(size, 1)
        self.output_member = member.clamp(max=settings.sub_dimensions - 1)
        self.first_active = own[: settings.sub_dimensions] < settings.top_k
        # Whether sub-dimensions are runs of entries, at the input and at the output.
        self.is_ordered = not order.is_meta and all(
            torch.equal(found, own[: len(found)]) for found in (self.input_order, self.output_order)
        )

    def forward(self, x, routing=None, needs_scores=False):
        """The input side without `routing`, the output side with it: see `read` and `write`."""
        return self.read(x, needs_scores) if routing is None else self.write(x, routing)

    def read(self, a, needs_scores=False):
        """What the input projections read, what is added to their joined outputs, the routing.

        Args:
            a: the component's normalised input, [..., d].
            needs_scores: whether somebody looks at scores that decide nothing.

        Returns:
            z̃, [..., D]; [..., m], or None; the routing.
        """
        z = self.change_basis(a)
        routing = self.route(a, z, needs_scores)
        weights = (self.first_active if self.is_decided else routing.active) * self.scale
        if self.settings.gate_at == "every_projection" and not self.is_decided:  # Eqs. 15, 16
            weights = weights * routing.gates
        selected = z * weights[..., self.input_member].to(z.dtype)
        beside = None
        inactive = ~routing.active
        if self.inactive_bias is not None:
            beside = inactive.to(z.dtype) @ self.inactive_bias
        if self.low_rank is not None:
            low = self.low_rank(z * inactive[..., self.input_member])
            beside = low if beside is None else beside + low
        return selected, beside, routing

    def write(self, y, routing):
        """The output side: M α ‖ g_i Dim_i (Eqs. 10, 14, 16), [..., d].

        Args:
            y: [..., d], or [..., D] where W_out holds used rows alone.
        """
        if self.settings.sparse_side == "both":
            if self.is_decided:
                weights = self.first_active
            else:
                weights = routing.alpha * routing.gates
            if self.keeps_used_outputs:
                y = y * weights[..., self.input_member].to(y.dtype)
                y = functional.pad(y, (0, self.hidden_size - y.shape[-1]))[..., self.output_place]
            else:
                y = y * weights[..., self.output_member].to(y.dtype)
        if self.fusion is not None:
            y = self.fusion(y[..., self.output_order])[..., self.output_place]
        return y

    @property
    def is_decided(self):
        """Whether every token has the same active set, of equal weights: scores decide nothing."""
        settings = self.settings
        is_static = settings.top_k in (settings.shared, settings.sub_dimensions)
        return is_static and settings.gate == "unit"

    def change_basis(self, a):
        if self.basis is None:
            return a
        if isinstance(self.basis, Monarch):
            return self.basis(a)
        return functional.linear(a, self.basis)

    def route(self, a, z, needs_scores=True):
        """Scores, active set, gates and α (Eqs. 6, 11, 12 and Section 4.2)."""
        settings = self.settings
        learns = self.training and isinstance(self.router, CentroidRouter)
        if self.is_decided and not needs_scores and not learns:
            scores = self.scale.new_ones(()).expand(*a.shape[:-1], settings.sub_dimensions)
        elif isinstance(self.router, CentroidRouter):
            scores = self.router(a)
        else:
            scores = self.router(z, self.input_order)
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
        shared, count = self.settings.shared, self.settings.sub_dimensions
        if self.settings.top_k in (shared, count):
            return self.first_active.expand(scores.shape)
        # A stable sort keeps the lower index first where scores are equal.
        order = scores[..., shared:].sort(dim=-1, descending=True, stable=True).indices
        chosen = order[..., : self.settings.top_k - shared] + shared
        active = torch.zeros_like(scores, dtype=torch.bool)
        active[..., :shared] = True
        return active.scatter(-1, chosen, True)

    def balance_loss(self, routing, tokens=None):
        """β Σ_i mean(g_i / Σ_j g_j) · share of tokens whose largest gate is i (Eq. 13).

        A router that gets no gradient by its gates gets one of zeros: every parameter has one.

        Args:
            tokens: which tokens count, [...] of bool; None is all.
        """
        scores = routing.scores
        shared = 0 if self.settings.balance_over == "all" else self.settings.shared
        nothing = scores.sum() * 0 if scores.requires_grad else scores.new_zeros(())
        if shared == self.settings.sub_dimensions or scores.numel() == 0:
            return nothing
        gates = routing.gates.flatten(0, -2)
        shares = (gates / nonzero(gates.sum(-1, keepdim=True)))[:, shared:]
        largest = first_largest(gates[:, shared:])
        wins = functional.one_hot(largest, shares.shape[-1]).to(gates.dtype)
        if tokens is None:
            shares, wins = shares.mean(0), wins.mean(0)
        else:
            weights = tokens.flatten().to(gates.dtype)
            weights = weights / weights.sum().clamp(min=1)
            shares, wins = weights @ shares, weights @ wins
        return self.settings.balance_weight * (shares * wins).sum() + nothing

    def reset_parameters(self, deviation):
        """The start of training: a random router; scale, basis and fusion change nothing."""
        initialise(self.dimension_order, torch.arange(len(self.dimension_order)))
        self.prepare()
        initialise(self.scale, 1.0)
        if isinstance(self.router, EnergyRouter):  # `update_norms` sees them
            initialise(self.router.norms, math.nan)
        else:
            initialise(self.router.weight, deviation * torch.randn(self.router.weight.shape))
            initialise(self.router.bias, 0.0)
        if isinstance(self.basis, nn.Parameter):
            rows = torch.arange(len(self.basis)) % self.hidden_size
            initialise(self.basis, torch.eye(self.hidden_size)[rows])
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


class Component(nn.Module):
    """The attention or the FFN of a layer: its projections around its sub-dimensions.

    Args:
        inputs: the width of each projection that reads sub-dimensions, by name, in the order of m.
        output: the name of the one that writes them.
        inner: what that one reads.
    """

    def __init__(self, settings, hidden_size, inputs, output, inner, biases, execution="auto"):
        super().__init__()
        self.inputs, self.output = dict(inputs), output
        input_bias, output_bias = biases
        for name, width in inputs.items():
            setattr(self, name, nn.Linear(settings.width, width, bias=input_bias))
        width = settings.output_width(hidden_size)
        setattr(self, output, nn.Linear(inner, width, bias=output_bias))
        self.execution = execution
        self.mohd = MixtureOfSubDimensions(settings, hidden_size, sum(inputs.values()))
        self.register_load_state_dict_pre_hook(_look_for_norms)
        self.register_load_state_dict_post_hook(_take_missing_norms)
        self.misses_norms = False

    def read(self, a, needs_scores=False):
        """The input projections' outputs, each [..., width], and the routing. a: [..., d]."""
        if self.gathers():
            return self.read_gathered(a)
        selected, beside, routing = self.mohd(a, needs_scores=needs_scores)
        outputs = [getattr(self, name)(selected) for name in self.inputs]
        if beside is not None:
            beside = beside.split(list(self.inputs.values()), dim=-1)
            outputs = [output + part for output, part in zip(outputs, beside)]
        return outputs, routing

    def write(self, inner, routing):
        """The component's output, [..., d]."""
        if self.mohd.settings.sparse_side == "both" and self.gathers():
            return self.write_gathered(inner, routing)
        return self.mohd(getattr(self, self.output)(inner), routing)

    def gathers(self):
        """Whether inactive work is left out.

        Then weights are looked into, in slices, so whatever wraps a projection, a hook or an
        adapter, is given the masked form; so is a compiler, to which choices are no shapes.
        """
        mohd = self.mohd
        settings = mohd.settings
        if self.execution == "masked" or mohd.is_decided or not mohd.is_ordered:
            return False
        if torch.compiler.is_compiling() or mohd.low_rank is not None:
            return False
        is_worth_it = settings.sub_dimension_size >= LEAST_SIZE
        if self.execution == "auto" and not (is_worth_it and settings.top_k < settings.sub_dimensions):
            return False
        parts = [getattr(self, name) for name in (*self.inputs, self.output)]
        return all(type(part) is nn.Linear for part in parts) and not any(
            part._forward_hooks or part._forward_pre_hooks or "forward" in part.__dict__
            for part in (*parts, mohd, mohd.router)
        )

    def read_gathered(self, a):
        """As `read`, of the shared sub-dimensions for all tokens and of each other for its own."""
        mohd, settings = self.mohd, self.mohd.settings
        size, shared = settings.sub_dimension_size, settings.shared
        is_dense = isinstance(mohd.basis, nn.Parameter)
        needs_all = isinstance(mohd.router, EnergyRouter) or not is_dense
        z = mohd.change_basis(a) if needs_all else None
        decided = mohd.route(a, z)
        flat = a.reshape(-1, a.shape[-1])
        z = None if z is None else z.reshape(-1, z.shape[-1])
        routing = Routing(*(value.reshape(-1, value.shape[-1]) for value in decided))
        weights = mohd.scale.expand(routing.active.shape)
        if settings.gate_at == "every_projection":
            weights = weights * routing.gates

        def selected(rows, first, last):
            """z̃ of sub-dimensions first…last − 1 for some tokens; None is all."""
            run = slice(first * size, last * size)
            if z is None:
                part = functional.linear(flat if rows is None else flat[rows], mohd.basis[run])
            else:
                part = z[:, run] if rows is None else z[rows, run]
            factors = weights[:, first:last] if rows is None else weights[rows, first:last]
            factors = factors.to(part.dtype)[..., None]
            return (part.unflatten(-1, (last - first, size)) * factors).flatten(-2)

        parts = [getattr(self, name) for name in self.inputs]
        common = selected(None, 0, shared)
        outputs = [
            functional.linear(common, part.weight[:, : shared * size], part.bias) for part in parts
        ]
        for i, rows in self.choices(routing):
            own, columns = selected(rows, i, i + 1), slice(i * size, (i + 1) * size)
            for output, part in zip(outputs, parts):
                add_rows(output, rows, functional.linear(own, part.weight[:, columns]))
        if mohd.inactive_bias is not None:
            beside = (~routing.active).to(a.dtype) @ mohd.inactive_bias
            beside = beside.split(list(self.inputs.values()), dim=-1)
            outputs = [output + part for output, part in zip(outputs, beside)]
        outputs = [output.view(*a.shape[:-1], -1) for output in outputs]
        return outputs, decided

    def write_gathered(self, inner, routing):
        """As `write`, of outputs that are sparse too."""
        mohd, settings, part = self.mohd, self.mohd.settings, getattr(self, self.output)
        size, shape = mohd.hidden_size // settings.sub_dimensions, inner.shape[:-1]
        flat = inner.reshape(-1, inner.shape[-1])
        active = routing.active.reshape(-1, settings.sub_dimensions)
        weights = (routing.alpha * routing.gates).reshape(active.shape).to(inner.dtype)

        def written(rows, first, last):
            run = slice(first * size, last * size)
            bias = None if part.bias is None else part.bias[run]
            y = functional.linear(flat if rows is None else flat[rows], part.weight[run], bias)
            factors = weights[:, first:last] if rows is None else weights[rows, first:last]
            return (y.unflatten(-1, (last - first, size)) * factors[..., None]).flatten(-2)

        y = flat.new_zeros(len(flat), mohd.hidden_size)
        y[:, : settings.shared * size] = written(None, 0, settings.shared)
        for i, rows in self.choices(Routing(routing.scores, active, routing.gates, routing.alpha)):
            columns = slice(i * size, (i + 1) * size)
            y[slice(None) if rows is None else rows, columns] = written(rows, i, i + 1)
        if mohd.fusion is not None:
            y = mohd.fusion(y)
        return y.view(*shape, -1)

    def choices(self, routing):
        """Each specialised sub-dimension that is chosen, and by which tokens; None is all."""
        active = routing.active[:, self.mohd.settings.shared :]
        if len(active) == 1:
            chosen = active[0].nonzero().flatten().tolist()
            return [(i + self.mohd.settings.shared, None) for i in chosen]
        tokens = [(i, column.nonzero().flatten()) for i, column in enumerate(active.T)]
        return [(i + self.mohd.settings.shared, rows) for i, rows in tokens if len(rows)]

    @torch.no_grad()
    def update_norms(self):
        """Takes the norms of the input projections' weights as they are now, if energies route."""
        router = self.mohd.router
        if not isinstance(router, EnergyRouter):
            return
        squares = sum(self._squares(getattr(self, name)) for name in self.inputs)
        router.norms.copy_(squares.sqrt())

    def is_plain(self):
        """Whether no projection is wrapped or packed."""
        return all(type(getattr(self, name)) is nn.Linear for name in self.inputs)

    def _squares(self, projection):
        """Σ over outputs of w_j², [D]; of a wrapped or packed projection by what it answers."""
        weight, width = getattr(projection, "weight", None), self.mohd.settings.width
        if type(projection) is nn.Linear and not weight.is_meta:
            return at_least_float32(weight).square().sum(0)
        device = self.mohd.router.norms.device
        one = torch.eye(width, device=device, dtype=self.mohd.scale.dtype)
        nothing = projection(torch.zeros_like(one[:1]))
        return at_least_float32(projection(one) - nothing).square().sum(-1).to(device)


def _prepare(mixture, _):
    mixture.prepare()


def _look_for_norms(component, tensors, prefix, *_):
    has_weights = all(f"{prefix}{name}.weight" in tensors for name in component.inputs)
    component.misses_norms = has_weights and f"{prefix}mohd.router.norms" not in tensors


def _take_missing_norms(component, _):
    if component.misses_norms:
        component.update_norms()
    component.misses_norms = False


def add_rows(y, rows, values):
    """Adds values to some rows of y in place; None is all."""
    if rows is None:
        y += values
    else:
        y.index_add_(0, rows, values.to(y.dtype))


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


def attention_masks(config, x, mask, positions, cache, is_new, cache_position):
    """What each kind of layer may attend to, as transformers' attention functions want it.

    Args:
        mask: [batch, past and present tokens], 0 at padding; or made already, for all kinds of
            layers or by kind.
        is_new: whether `cache` is empty and was made here; positions that restart then say where
            packed documents begin.
    """
    if isinstance(mask, dict):
        return mask
    kinds = {"sliding" if config.window(i) else "full" for i in range(config.num_hidden_layers)}
    arguments = {
        "config": config, "attention_mask": mask, "position_ids": positions,
        "past_key_values": None if is_new else cache,
    }
    if IS_VERSION_4:
        arguments.update(input_embeds=x, cache_position=cache_position)
    else:
        arguments["inputs_embeds"] = x
    create = {"full": create_causal_mask, "sliding": create_sliding_window_causal_mask}
    return {f"{kind}_attention": create[kind](**arguments) for kind in kinds}


def eager_attention(module, query, key, value, mask, dropout=0.0, scaling=1.0, **_):
    """softmax(q kᵀ · scaling + mask) v. Returns [batch, tokens, heads, size], and the weights."""
    groups = module.num_key_value_groups
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = at_least_float32(query @ key.transpose(-1, -2) * scaling)
    if mask is not None:
        scores = scores + mask[..., : key.shape[-2]]
    weights = functional.dropout(scores.softmax(-1).to(value.dtype), dropout, module.training)
    return (weights @ value).transpose(1, 2), weights


class MoHDAttention(Component):
    """MHA_MoHD (Eqs. 14, 15), grouped queries, rotary embedding."""

    is_causal = True

    def __init__(self, config, layer):
        size = config.head_dim
        query, key_value = config.num_attention_heads * size, config.num_key_value_heads * size
        super().__init__(
            config.component("attention", layer), config.hidden_size,
            {"q_proj": query, "k_proj": key_value, "v_proj": key_value}, "o_proj", query,
            (config.attention_bias, config.attention_output_bias),
            config.mohd.get("execution", "auto"),
        )
        self.config, self.layer_idx, self.window = config, layer, config.window(layer)
        self.head_dim, self.scaling = size, size**-0.5
        self.num_key_value_groups = config.num_attention_heads // config.num_key_value_heads

    def forward(self, a, rotary, mask=None, cache=None, cache_position=None, needs_scores=False):
        """a: normalised input [batch, tokens, d]. Returns y, the attention weights, the routing."""
        projected, routing = self.read(a, needs_scores)
        query, key, value = (x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for x in projected)
        query, key = rotate(query, rotary), rotate(key, rotary)
        if cache is not None:
            more = [{"cache_position": cache_position}] if IS_VERSION_4 else []
            key, value = cache.update(key, value, self.layer_idx, *more)
        name = self.config._attn_implementation
        attend = eager_attention if name == "eager" else ALL_ATTENTION_FUNCTIONS[name]
        heads, weights = attend(
            self, query, key, value, mask, scaling=self.scaling, sliding_window=self.window,
            dropout=self.config.attention_dropout if self.training else 0.0,
        )
        return self.write(heads.flatten(-2), routing), weights, routing


class MoHDMLP(Component):
    """FFN_MoHD (Eq. 16; SiLU acts on the gate alone, as in LLaMA)."""

    def __init__(self, config, layer):
        inner = config.intermediate_size
        super().__init__(
            config.component("ffn", layer), config.hidden_size,
            {"gate_proj": inner, "up_proj": inner}, "down_proj", inner,
            (config.mlp_bias, config.mlp_bias), config.mohd.get("execution", "auto"),
        )

    def forward(self, m, needs_scores=False):
        """m: normalised input [..., d]. Returns y and the routing."""
        (gate, up), routing = self.read(m, needs_scores)
        return self.write(functional.silu(gate) * up, routing), routing


class MoHDDecoderLayer(nn.Module):
    """Block_MoHD (Eq. 17): h = x + MHA(norm(x)), h + FFN(norm(h))."""

    def __init__(self, config, layer):
        super().__init__()
        self.self_attn = MoHDAttention(config, layer)
        self.mlp = MoHDMLP(config, layer)
        self.input_layernorm = MoHDRMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = MoHDRMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self, x, rotary, mask=None, tokens=None, cache=None, cache_position=None,
        needs_scores=False, needs_balance=False,
    ):
        """Returns y, the balance loss, the attention weights, both routers' scores.

        `tokens` says which of these tokens are none of padding. A plain tuple: reentrant
        checkpointing and FSDP do not keep other types.
        """
        y, weights, attention = self.self_attn(
            self.input_layernorm(x), rotary, mask, cache, cache_position, needs_scores
        )
        h = x + y
        y, ffn = self.mlp(self.post_attention_layernorm(h), needs_scores)
        balance = scores = None
        if needs_balance:
            balance = self.self_attn.mohd.balance_loss(attention, tokens)
            balance = balance + self.mlp.mohd.balance_loss(ffn, tokens)
        if needs_scores:
            scores = (attention.scores, ffn.scores)
        return h + y, balance, weights, scores


# The model


class MoHDPreTrainedModel(PreTrainedModel):
    config_class = MoHDConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["MoHDDecoderLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_sdpa = _supports_flash_attn = _supports_attention_backend = True
    _can_compile_fullgraph = True
    # Tensors that config.json does not announce; absent, they change nothing.
    _keys_to_ignore_on_load_missing = [
        r"\.mohd\.dimension_order$", r"\.mohd\.scale$", r"\.mohd\.router\.(bias|norms)$"
    ]

    def finish(self):
        """What comes after all modules are made."""
        self.post_init()
        # Said afterwards: transformers 4 looks for it among parameters alone.
        self._keep_in_fp32_modules_strict = ["router.norms"]
        if not self.get_input_embeddings().weight.is_meta:
            self.update_norms()

    @classmethod
    def from_pretrained(cls, *arguments, **options):
        loaded = super().from_pretrained(*arguments, **options)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        narrow = []
        for module in model.modules():
            _fetch_buffers(module)
            if isinstance(module, MixtureOfSubDimensions):
                module.prepare()
            # bitsandbytes' packed form for CPUs has blocks of 64 inputs and 32 outputs; widths that
            # are no multiples of these go through its plain form.
            if getattr(module, "support_avx512bf16_for_cpu", False):
                whole = module.in_features % 64 == 0 and module.out_features % 32 == 0
                module.support_avx512bf16_for_cpu = whole
            # bitsandbytes 0.50.2 on CPUs unpacks such weights to other numbers.
            if type(module).__name__ == "Linear4bit" and module.in_features % 64:
                if module.weight.device.type == "cpu":
                    narrow.append(module.in_features)
        if narrow:
            warnings.warn(
                f"{len(narrow)} 4-bit layers on the CPU have a number of inputs that is no multiple of 64 "
                f"({narrow[0]}, say): bitsandbytes may unpack them wrongly; use 8 bits or another device"
            )
        model.update_norms(missing_only=True)
        return loaded

    def update_norms(self, missing_only=False):
        """Lets energy routers go by the input projections as they are now.

        Training that changes these weights leaves the norms as they were; call this before the
        model is published, or as often as routers shall follow.

        Args:
            missing_only: only where there are none yet: those of older files.
        """
        for module in self.modules():
            if isinstance(module, Component):
                norms = getattr(module.mohd.router, "norms", None)
                if norms is None or norms.is_meta or missing_only and not norms.isnan().any():
                    continue
                # To ask a packed projection packs it anew, and here nobody needs the answer.
                if missing_only and module.mohd.is_decided and not module.is_plain():
                    continue
                module.update_norms()

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


def _fetch_buffers(module):
    """Reads buffers that transformers 4 leaves on disk with their layer's weights."""
    stored = getattr(getattr(module, "_hf_hook", None), "weights_map", None)
    if stored is None:
        return
    for name, buffer in module.named_buffers(recurse=False):
        if name not in module._non_persistent_buffers_set and name in stored:
            device = "cpu" if buffer.is_meta else buffer.device
            setattr(module, name, stored[name].to(device, buffer.dtype))


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
        self.finish()

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
        output_balance_loss=None,
        return_dict=None,
        **kwargs,
    ):
        """Args:
            attention_mask: [batch, past and present tokens], 0 at padding; None is none. Then
                positions that restart begin another document, which sees nothing of those before.
            output_balance_loss: None is in training, and with router scores.
        """
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
        cache, is_new = past_key_values, False
        if checkpointing:
            cache = None  # the backward pass would write it again
        elif use_cache and cache is None and not self.training:
            cache, is_new = DynamicCache(config=config), True
        past = cache.get_seq_length() if cache is not None else 0
        cache_position = kwargs.get("cache_position")  # transformers 4 gives it
        if cache_position is None:
            cache_position = torch.arange(x.shape[1], device=x.device) + past
        if position_ids is None:
            position_ids = cache_position[None]
        tokens = None
        if isinstance(attention_mask, torch.Tensor) and attention_mask.dim() == 2:
            expected = (x.shape[0], past + x.shape[1])
            if isinstance(past, int) and attention_mask.shape != expected:
                raise ValueError(
                    f"attention_mask: must be {list(expected)}, found {list(attention_mask.shape)}"
                )
            tokens = attention_mask[:, -x.shape[1] :].bool()
        masks = attention_masks(
            config, x, attention_mask, position_ids, cache, is_new, cache_position
        )
        rotary = rotary_table(config, x, position_ids)
        if output_balance_loss is None:
            output_balance_loss = self.training or output_router_scores

        hidden_states, attentions, router_scores = [], [], []
        balance_loss = None
        if output_balance_loss:
            balance_loss = torch.zeros((), dtype=torch.float32, device=x.device)
        for index, layer in enumerate(self.layers):
            hidden_states.append(x)
            kind = "sliding_attention" if config.window(index) else "full_attention"
            mask = masks[kind] if isinstance(masks, dict) else masks
            arguments = (
                x, rotary, mask, tokens, cache, cache_position, output_router_scores,
                output_balance_loss,
            )
            if checkpointing:
                output = self._gradient_checkpointing_func(layer.__call__, *arguments)
            else:
                output = layer(*arguments)
            x, balance, weights, scores = output
            if output_balance_loss:
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
        if IS_VERSION_4
        else {"lm_head.weight": "model.embed_tokens.weight"}
    )

    def __init__(self, config):
        super().__init__(config)
        self.model = MoHDModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.finish()

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
            output_balance_loss=True if labels is not None else None,
            return_dict=True,
            cache_position=kwargs.get("cache_position"),
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
