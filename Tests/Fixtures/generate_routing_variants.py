#!/usr/bin/env python3
"""Makes Tests/Fixtures/routing_variants: what other ways to choose sub-dimensions do to a model.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" safetensors==0.8.0 numpy==2.4.6
    python3 Tests/Fixtures/generate_routing_variants.py

PyTorch in float64, written from Definitions.md. Neither modeling_mohd.py nor transformers is used;
with the model's own routing the result must be that of Tests/Python/naive_mohd.py, of which only
the rotary frequencies are taken over. S sub-dimensions are shared, K of N active. The variants, by
which sub-dimensions are active for a token:

    own               the shared ones, and the K − S others of highest router score
    random            the shared ones, and the K − S others of highest draw: draws in 0..<1, N for
                      each layer, component and token, by `draws` below, seed SEED
    static            the same for all tokens: the shared ones, and the K − S others of highest mean
                      energy on text that is not scored, under the model's own routing, without
                      position 0 of each sequence
    shared_only       the shared ones
    specialised_only  the min(K, N − S) others of highest router score, and no shared ones
    unshared          the K of highest router score among all N
    oracle            the shared ones, and the K − S others of highest energy ‖D_i z_i‖² for the
                      token, whatever router the model has; D_i are the norms of the weights that
                      read the sub-dimension's entries, over all input projections
    all               all N
    balanced_W        the shared ones, and the K − S others of highest router score over (its mean
                      score)^W; means as those of static

Of equal ones the lower index. What an active one weighs is the model's: g_i its own router score
(or 1), α from the sum of the gates that are there, with K the number that are active; α = 1 where
that sum is 0. What is inactive is compensated as ever.

The text is drawn: documents of two domains, cut into sequences of LENGTH. In each domain the last
sequences, until they hold a quarter of its tokens but never all sequences, choose the static sets;
the others are scored, each token but a sequence's first. No score, energy or mean energy that is
chosen is closer than MARGIN to one that is not, and draws are exact in float32, so active sets must
be equal exactly. Seed 242 and up; equal versions give equal files. Each file is named for a model
of Tests/Fixtures/mohd:

    token_ids, documents        [token]; domain and length [document, 2]
    sequences                   document, index in it, length, 1 if scored [sequence, 4]
    VARIANT/C_active/L          active sets of the scored sequences' tokens, uint8 [token, N]
    VARIANT/logits              of the same tokens [token, vocabulary]
    VARIANT/losses              negative log-likelihoods of scored tokens in nats [scored token]
    static_sets/C/L             of attention and ffn: 1 for each of the set, uint8 [N]
    usual_scores/C/L            of attention and ffn: mean scores of the text that chooses [N]
"""

import hashlib
import json
import math
import pathlib
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file

FIXTURES = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FIXTURES.parent / "Python"))
sys.dont_write_bytecode = True
import naive_mohd  # noqa: E402

ROOT = FIXTURES / "routing_variants"
CASES = [
    "pico-mohd-paper", "pico-mohd-converted", "pico-mohd-input-gates", "pico-mohd-every-projection",
]
BALANCED = {"balanced_0.5": 0.5, "balanced_1.0": 1.0}
VARIANTS = ["own", "random", "static", "shared_only", "specialised_only", "unshared",
            "oracle", "all", *BALANCED]
DOCUMENTS = [(0, 10), (0, 6), (1, 4), (1, 5)]  # domain, tokens
LENGTH = 8
SEED = 11
SEEDS = range(242, 1242)
MARGIN = 2e-3
EXACT = 1e-12
COMPONENTS = {
    "attention": ("self_attn", ["q_proj", "k_proj", "v_proj"], "o_proj"),
    "ffn": ("mlp", ["gate_proj", "up_proj"], "down_proj"),
}
MASK = (1 << 64) - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def draws(words, count):
    """xoshiro256**, started by splitmix64 from all words: upper 24 bits as fractions."""
    mixed, state = 0x9E3779B97F4A7C15, []
    for word in words:
        mixed = mix(mixed ^ mix(word))
    for _ in range(4):
        mixed = (mixed + 0x9E3779B97F4A7C15) & MASK
        state.append(mix(mixed))
    result = []
    for _ in range(count):
        product = (state[1] * 5) & MASK
        result.append((((product << 7 | product >> 57) * 9) & MASK) >> 40)
        shifted = (state[1] << 17) & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= shifted
        state[3] = (state[3] << 45 | state[3] >> 19) & MASK
    return [value / 2**24 for value in result]


class Chooser:
    """Chooses as one variant says, and keeps what it saw: by (layer, component)."""

    def __init__(self, variant, fixed=None, usual=None):
        self.variant = variant
        self.fixed, self.usual = fixed, usual
        self.document = self.sequence = 0  # of the sequence that is being run
        self.margin = float("inf")
        self.active, self.energies, self.scores = {}, {}, {}

    def __call__(self, place, settings, scores, energies):
        """The active sets, [token, N]: of scores and energies, [token, N]."""
        count, shared, top = (settings[k] for k in ("sub_dimensions", "shared", "top_k"))
        active = torch.zeros_like(scores, dtype=torch.bool)
        active[:, :shared] = self.variant not in ("specialised_only", "unshared")
        if self.variant == "static":
            active[:] = self.fixed[place]
        elif self.variant == "all":
            active[:] = True
        elif self.variant == "random":
            layer, component = place[0], list(COMPONENTS).index(place[1])
            own = [SEED, layer, component, self.document, self.sequence]
            numbers = [draws([*own, position], count) for position in range(len(scores))]
            active |= best(torch.tensor(numbers, dtype=torch.float64), shared, top - shared)
        elif self.variant == "oracle":
            active |= self.clear(energies, shared, top - shared)
        elif self.variant == "specialised_only":
            active |= self.clear(scores, shared, min(top, count - shared))
        elif self.variant == "unshared":
            active |= self.clear(scores, 0, top)
        elif self.variant in BALANCED:
            balanced = scores / self.usual[place] ** BALANCED[self.variant]
            active |= self.clear(balanced, shared, top - shared)
        elif self.variant == "own":
            active |= self.clear(scores, shared, top - shared)
        self.active.setdefault(place, []).append(active)
        self.energies.setdefault(place, []).append(energies)
        self.scores.setdefault(place, []).append(scores)
        return active

    def clear(self, values, shared, number):
        """`best`, and how clear it was."""
        ranked = values[:, shared:].sort(dim=-1, descending=True).values
        if 0 < number < ranked.shape[-1]:
            gap = 1 - ranked[:, number] / ranked[:, number - 1]
            self.margin = min(self.margin, gap.min().item())
        return best(values, shared, number)


def best(values, shared, number):
    """The `number` largest of those that are not shared; of equal ones the lower index."""
    order = values[:, shared:].sort(dim=-1, descending=True, stable=True).indices + shared
    return torch.zeros_like(values, dtype=torch.bool).scatter(-1, order[:, :number], True)


class Component:
    """The attention or the FFN of one layer."""

    def __init__(self, config, tensors, layer, name):
        settings = config["mohd"][name]
        self.settings = settings[layer] if isinstance(settings, list) else settings
        self.place = (layer, name)
        part, inputs, output = COMPONENTS[name]
        prefix = f"model.layers.{layer}.{part}."
        own = {k[len(prefix):]: v for k, v in tensors.items() if k.startswith(prefix)}
        self.mohd = {k[len("mohd."):]: v for k, v in own.items() if k.startswith("mohd.")}
        weights = [own[f"{p}.weight"] for p in inputs]
        self.widths = [len(weight) for weight in weights]
        self.weight = torch.cat(weights)  # [m, d]
        self.bias = torch.cat([own.get(f"{p}.bias", torch.zeros(len(w)).double())
                               for p, w in zip(inputs, weights)])
        self.out_weight = own[f"{output}.weight"]
        self.out_bias = own.get(f"{output}.bias", 0)
        count, size = self.settings["sub_dimensions"], self.weight.shape[1]
        self.order = self.mohd.get("dimension_order", torch.arange(size)).long()
        self.member = torch.empty(size, dtype=torch.long)  # the sub-dimension of each entry
        self.member[self.order] = torch.arange(size) // (size // count)

    def read(self, a, choose):
        """The input projections of a, [token, d], and what each output entry weighs, [token, d]."""
        settings, mohd = self.settings, self.mohd
        count = settings["sub_dimensions"]
        z = a
        if settings["input_basis"] == "dense":
            z = a @ mohd["basis"].T
        elif settings["input_basis"] == "monarch":
            z = monarch(a, mohd["basis.right"], mohd["basis.left"])
        parts = self.weight.square().sum(0) * z.square()
        energies = torch.zeros(len(a), count).double().index_add(1, self.member, parts)
        if settings["router"] == "energy":
            scores = energies
        else:
            scores = (a @ mohd["router.weight"].T + mohd.get("router.bias", 0)).softmax(-1)
        active = choose(self.place, settings, scores, energies).double()
        gates, alpha = active, torch.ones(len(a), 1).double()
        if settings["gate"] == "softmax":
            gates = scores * active
            total = gates.sum(-1, keepdim=True)
            scaling = {
                "paper": count * total,
                "unit_sum": count / total,
                "unit_mean": active.sum(-1, keepdim=True) / total,
                "none": alpha,
            }[settings["scaling"]]
            alpha = torch.where(total == 0, 1.0, scaling)

        weights = gates if settings["gate_at"] == "every_projection" else active
        selected = z * (weights * mohd.get("scale", torch.ones(count)))[:, self.member]
        y = selected @ self.weight.T + self.bias
        if settings["inactive_bias"]:
            y = y + (1 - active) @ mohd["inactive_bias"]
        if settings["low_rank"]:
            left_out = z * (1 - active)[:, self.member]
            y = y + left_out @ mohd["low_rank.a"].T @ mohd["low_rank.b"].T
        gain = torch.ones_like(a)
        if settings["sparse_side"] == "both":
            gain = (alpha * gates)[:, self.member]
        return y.split(self.widths, dim=-1), gain

    def write(self, inner, gain):
        y = gain * (inner @ self.out_weight.T + self.out_bias)
        if self.settings["fusion"] == "none":
            return y
        fused = torch.empty_like(y)
        right, left = self.mohd["fusion.right"], self.mohd.get("fusion.left")
        fused[:, self.order] = monarch(y[:, self.order], right, left)
        return fused


def monarch(x, right, left):
    """P L Pᵀ R of each row: R is r blocks of b × b, Pᵀ makes [b, r] of [r, b], L is b of r × r."""
    x = torch.einsum("gij,tgj->tgi", right, x.reshape(len(x), *right.shape[:2]))
    if left is not None:
        x = torch.einsum("pij,tjp->tip", left, x)
    return x.reshape(len(x), -1)


def rms_norm(x, gain, epsilon):
    return x / (x.square().mean(-1, keepdim=True) + epsilon).sqrt() * gain


def rotate(config, x):
    """Rotary embedding of heads, [head, token, size]: entry j turns with entry j + size / 2."""
    half = x.shape[-1] // 2
    rope = config["rope_parameters"]
    turns = [naive_mohd.frequency(rope, j, half) for j in range(half)]
    angle = torch.arange(x.shape[1])[:, None] * torch.tensor(turns, dtype=torch.float64)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * angle.cos() - second * angle.sin(),
                      second * angle.cos() + first * angle.sin()], dim=-1)


def attend(config, query, key, value):
    """Causal attention: of projections to heads, each [token, width]."""
    assert config["sliding_window"] is None
    size, count = config["head_dim"], len(query)
    query, key, value = (x.reshape(count, -1, size).transpose(0, 1) for x in (query, key, value))
    shared = len(query) // len(key)
    key, value = (x.repeat_interleave(shared, dim=0) for x in (key, value))
    scores = rotate(config, query) @ rotate(config, key).transpose(1, 2) / math.sqrt(size)
    future = torch.ones(count, count, dtype=torch.bool).triu(1)
    heads = scores.masked_fill(future, float("-inf")).softmax(-1) @ value
    return heads.transpose(0, 1).reshape(count, -1)


def forward(config, tensors, ids, choose):
    """The logits of one sequence, [token, vocabulary]."""
    epsilon = config["rms_norm_eps"]
    x = tensors["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        norms = [tensors[f"model.layers.{layer}.{name}_layernorm.weight"]
                 for name in ("input", "post_attention")]
        attention, ffn = (Component(config, tensors, layer, name) for name in COMPONENTS)
        (query, key, value), gain = attention.read(rms_norm(x, norms[0], epsilon), choose)
        x = x + attention.write(attend(config, query, key, value), gain)
        (gate, up), gain = ffn.read(rms_norm(x, norms[1], epsilon), choose)
        x = x + ffn.write(torch.nn.functional.silu(gate) * up, gain)
    head = tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"])
    return rms_norm(x, tensors["model.norm.weight"], epsilon) @ head.T


def text(vocabulary):
    """Token ids, and sequences: document, index, ids, whether they are scored."""
    ids = torch.randint(0, vocabulary - 1, (sum(length for _, length in DOCUMENTS),))
    ids += ids >= 31  # every id but that of no printable character: see the test's texts
    domains = {}
    for document, part in enumerate(ids.split([length for _, length in DOCUMENTS])):
        own = domains.setdefault(DOCUMENTS[document][0], [])
        own += [[document, index, piece] for index, piece in enumerate(part.split(LENGTH))]
    for own in domains.values():
        total, kept = sum(len(ids) for _, _, ids in own), len(own)
        while kept > 1 and 4 * sum(len(ids) for _, _, ids in own[kept:]) < total:
            kept -= 1
        for place, sequence in enumerate(own):
            sequence.append(place < kept)
    return ids, [sequence for own in domains.values() for sequence in own]


def run(config, tensors, sequences, choose):
    """Logits of all tokens, and losses of all but each sequence's first."""
    logits, losses = [], []
    for choose.document, choose.sequence, ids, _ in sequences:
        logits.append(forward(config, tensors, ids, choose))
        losses.append(-logits[-1].log_softmax(-1)[:-1].gather(-1, ids[1:, None])[:, 0])
    return torch.cat(logits), torch.cat(losses)


def static_sets(config, tensors, sequences):
    """The best by mean energy and the mean scores, [N] by place, and how clear the choice was."""
    own, chooser = Chooser("own"), Chooser("own")
    run(config, tensors, sequences, own)
    sets = {}
    usual = {place: torch.cat([scores[1:] for scores in parts]).mean(0)
             for place, parts in own.scores.items()}
    for place, parts in own.energies.items():
        settings = Component(config, tensors, *place).settings
        mean = torch.cat([energies[1:] for energies in parts]).mean(0, keepdim=True)
        sets[place] = chooser(place, settings, mean, mean)[0]
    return sets, usual, min(own.margin, chooser.margin)


def variants(config, tensors, sequences):
    """Everything of one text, and the smallest distance of a chosen score from one that is not."""
    scored = [sequence for sequence in sequences if sequence[3]]
    fixed, usual, margin = static_sets(config, tensors, [s for s in sequences if not s[3]])
    found = {f"static_sets/{name}/{layer}": chosen.byte()
             for (layer, name), chosen in fixed.items()}
    found |= {f"usual_scores/{name}/{layer}": scores.float()
              for (layer, name), scores in usual.items()}
    for variant in VARIANTS:
        chooser = Chooser(variant, fixed, usual)
        logits, losses = run(config, tensors, scored, chooser)
        margin = min(margin, chooser.margin)
        found[f"{variant}/logits"] = logits.float()
        found[f"{variant}/losses"] = losses.float()
        for (layer, name), parts in chooser.active.items():
            found[f"{variant}/{name}_active/{layer}"] = torch.cat(parts).byte()
    return found, margin


def check(config, tensors, sequences):
    """That the model's own routing gives what the other implementation of the definitions gives."""
    wide = {name: tensor.numpy() for name, tensor in tensors.items()}
    for _, _, ids, _ in sequences:
        expected = torch.from_numpy(naive_mohd.forward(config, wide, ids.tolist())["logits"])
        error = (forward(config, tensors, ids, Chooser("own")) - expected).abs().max()
        if error > EXACT * expected.abs().max():
            raise SystemExit(f"naive_mohd.py differs by {error}")


def make(case):
    folder = FIXTURES / "mohd" / case
    config = json.loads((folder / "config.json").read_text())
    tensors = {k: v.double() for k, v in load_file(folder / "model.safetensors").items()}
    for seed in SEEDS:
        torch.manual_seed(seed)
        ids, sequences = text(config["vocab_size"])
        found, margin = variants(config, tensors, sequences)
        if margin > MARGIN:
            break
    else:
        raise SystemExit(f"{case}: no seed keeps scores {MARGIN} apart")
    check(config, tensors, sequences)
    found["token_ids"] = ids.float()
    found["documents"] = torch.tensor(DOCUMENTS).float()
    found["sequences"] = torch.tensor(
        [[document, index, len(ids), scored] for document, index, ids, scored in sequences]
    ).float()
    save_file(found, ROOT / f"{case}.safetensors")
    print(f"{case}: seed {seed}, margin {margin:.2g}")


@torch.inference_mode()
def main():
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    for case in CASES:
        make(case)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.glob("*.safetensors"))
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
