#!/usr/bin/env python3
"""Makes Tests/Fixtures/comparisons: a dense model beside MoHD models, on the same text.

    python3 -m venv .venv-oracle && . .venv-oracle/bin/activate
    pip install "torch==2.13.0+cpu" safetensors==0.8.0 numpy==2.4.6
    python3 Tests/Fixtures/generate_comparisons.py

PyTorch in float64, written from Definitions.md, on the parts of generate_routing_variants.py. A
dense model is run as one of a single sub-dimension of weight 1. Neither modeling_mohd.py nor
transformers is used; logits, hook points and α must be those of Tests/Python/naive_mohd.py, and for
the dense model those that transformers gave in Tests/Fixtures/models.

The text is drawn: documents of three domains, cut into sequences of LENGTH; a sequence of one token
has nothing to score, and the last domain is nothing but one. No score that is chosen is closer than
MARGIN to one that is not, and no largest logit closer to the second, so active sets and agreement
must be equal exactly. Seed 1242 and up; equal versions give equal files. a is the dense model, b
the one of Tests/Fixtures/mohd that a file is named for. Those are no conversions of a, and say
quite other things; so there is also CUT: the weights of a, of which its energy routers leave a part
out. Its config.json is here, its weights are those of a. NaN is what is not defined:

    token_ids, documents  [token]; domain and length [document, 2]
    losses                negative log-likelihoods by a and by b, in nats, of all tokens but each
                          sequence's first [scored token, 2]
    divergence            KL(a ‖ b) and KL(b ‖ a) of the next token, in nats [token, 2]
    agrees                1 where a and b find the same next token most likely, uint8 [token]
    scores/D              of domain D, and of all: logarithms of the perplexity by a, of that by b
                          and of their ratio b / a; mean KL(a ‖ b), mean agreement; each with its
                          standard error [5, 2]
    mean_ratio            the logarithm of the geometric mean of the domains' ratios, with its
                          standard error; domains without a ratio do not count [2]

Logarithms are means over scored tokens, KL and agreement over all. Standard errors are those of a
ratio R = Σ y / Σ x over units, which are documents, or sequences where there is but one document:
√(n / (n − 1) Σ (y − R x)²) / Σ x. Units without any x do not count; of a single one there is none.

What follows leaves out position 0 of each sequence. H is attention_output, ffn_output or
residual_post, C attention or ffn, with S sub-dimensions shared, K of N active; L is the layer:

    reconstruction/H/L    1 − Σ‖b − a‖² / Σ‖a − ā‖², mean cosine of the tokens, RMS of b over a [3]
    C_loads/L             share of tokens for which each is active, of all, then of each domain that
                          has tokens [1 + domains, N]
    C_mean_score/L        mean of the scores, each token's over their sum [N]
    C_entropies/L         mean entropy of those over log N; entropy of the specialised ones' loads
                          over log(N − S); information of the domain on which of them is active, in
                          bits; the last two only where there is a choice [3]
    C_idle/L              specialised ones with less than a tenth of an even load [1]
    C_alpha/L             smallest, mean and largest α [3]
"""

import hashlib
import json
import math
import pathlib
import shutil

import torch
from generate_routing_variants import (
    COMPONENTS, EXACT, MARGIN, Chooser, Component, attend, naive_mohd, rms_norm,
)
from safetensors.torch import load_file, save_file

FIXTURES = pathlib.Path(__file__).resolve().parent
ROOT = FIXTURES / "comparisons"
DENSE = "pico-llama"
CASES = [
    "pico-mohd-paper", "pico-mohd-converted", "pico-mohd-every-projection", "pico-mohd-per-layer",
]
CUT = "pico-mohd-cut"
DOCUMENTS = [(0, 25), (0, 10), (1, 20), (2, 1)]  # domain, tokens
LENGTH = 12
SEEDS = range(1242, 2242)
SINGLE = 1e-5  # of the largest: transformers ran the dense model in float32
HOOK_POINTS = ["attention_output", "ffn_output", "residual_post"]
WHOLE = {
    "sub_dimensions": 1, "shared": 1, "top_k": 1, "router": "energy", "gate": "unit",
    "gate_at": "output", "scaling": "none", "sparse_side": "input", "fusion": "none",
    "fusion_blocks": 1, "input_basis": "none", "inactive_bias": False, "low_rank": 0,
    "balance_weight": 0.0,
}
PARTS = {
    "attention": WHOLE | {"sub_dimensions": 8, "shared": 1, "top_k": 7},
    "ffn": WHOLE | {"sub_dimensions": 16, "shared": 2, "top_k": 13},
}


def load(folder):
    """The configuration and the weights, in float64; a dense model's as a MoHD model's."""
    config = json.loads((folder / "config.json").read_text())
    tensors = {k: v.double() for k, v in load_file(folder / "model.safetensors").items()}
    config.setdefault("mohd", {name: WHOLE for name in COMPONENTS})
    config.setdefault("sliding_window", None)
    return config, tensors


def trace(config, tensors, ids, choose):
    """The logits of one sequence and its hook points, by name and layer: [token, width]."""
    found = {}
    epsilon = config["rms_norm_eps"]
    x = tensors["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        norms = [tensors[f"model.layers.{layer}.{name}_layernorm.weight"]
                 for name in ("input", "post_attention")]
        attention, ffn = (Component(config, tensors, layer, name) for name in COMPONENTS)
        (query, key, value), gain = attention.read(rms_norm(x, norms[0], epsilon), choose)
        found[f"attention_output/{layer}"] = attention.write(
            attend(config, query, key, value), gain)
        x = x + found[f"attention_output/{layer}"]
        (gate, up), gain = ffn.read(rms_norm(x, norms[1], epsilon), choose)
        found[f"ffn_output/{layer}"] = ffn.write(torch.nn.functional.silu(gate) * up, gain)
        x = x + found[f"ffn_output/{layer}"]
        found[f"residual_post/{layer}"] = x
    head = tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"])
    found["logits"] = rms_norm(x, tensors["model.norm.weight"], epsilon) @ head.T
    return found


def run(config, tensors, parts):
    """Each sequence's trace, and who chose."""
    chooser = Chooser("own")
    return [trace(config, tensors, ids, chooser) for ids in parts], chooser


def text(vocabulary):
    """Token ids, and sequences: document, ids."""
    ids = torch.randint(0, vocabulary - 1, (sum(length for _, length in DOCUMENTS),))
    ids += ids >= 31  # every id but that of no printable character: see the test's texts
    documents = enumerate(ids.split([length for _, length in DOCUMENTS]))
    return ids, [(number, part) for number, own in documents for part in own.split(LENGTH)]


def lead(logits):
    """How far the largest of each row is from the second, of the largest of all."""
    first, second = logits.topk(2).values.unbind(-1)
    return ((first - second).min() / logits.abs().max()).item()


def ratio(y, x):
    """Σ y / Σ x over units that have any x, and its standard error."""
    y, x = y[x > 0], x[x > 0]
    if len(x) == 0:
        return math.nan, math.nan
    value = y.sum() / x.sum()
    if len(x) == 1:
        return value.item(), math.nan
    # The residuals sum to 0, so their variance is Σ (y − R x)² / (n − 1).
    return value.item(), ((len(x) * (y - value * x).var()).sqrt() / x.sum()).item()


def scores(sums, documents):
    """What one domain or all of them say: of each sequence's sums, [sequence, 6]."""
    if len(set(documents)) > 1:
        own = torch.tensor(documents)
        sums = torch.stack([sums[own == document].sum(0) for document in sorted(set(documents))])
    dense, converted, divergence, agreeing, scored, count = sums.unbind(-1)
    return torch.tensor([
        ratio(dense, scored),
        ratio(converted, scored),
        ratio(converted - dense, scored),
        ratio(divergence, count),
        ratio(agreeing, count),
    ])


def mean(values):
    """Of numbers with errors that were drawn independently, [number, 2], without those of NaN."""
    values = values[~values[:, 0].isnan()]
    return torch.stack([values[:, 0].mean(), values[:, 1].square().sum().sqrt() / len(values)])


def predictions(sequences, dense, converted):
    """All that follows from the logits."""
    losses, divergence, agrees, sums = [], [], [], []
    for (_, ids), one, other in zip(sequences, dense, converted):
        p, q = (found["logits"].log_softmax(-1) for found in (one, other))
        losses.append(torch.stack([-x[:-1].gather(-1, ids[1:, None])[:, 0] for x in (p, q)], -1))
        divergence.append(torch.stack(
            [(a.exp() * (a - b)).sum(-1) for a, b in ((p, q), (q, p))], -1))
        agrees.append(p.argmax(-1) == q.argmax(-1))
        sums.append(torch.stack([
            *losses[-1].sum(0), divergence[-1][:, 0].sum(), agrees[-1].sum().double(),
            torch.tensor(len(ids) - 1.0).double(), torch.tensor(len(ids)).double(),
        ]))
    sums = torch.stack(sums)
    documents = [document for document, _ in sequences]
    found = {"scores/all": scores(sums, documents)}
    domains = [DOCUMENTS[document][0] for document in documents]
    for domain in sorted(set(domains)):
        own = [index for index, other in enumerate(domains) if other == domain]
        found[f"scores/{domain}"] = scores(sums[own], [documents[index] for index in own])
    found["mean_ratio"] = mean(
        torch.stack([found[f"scores/{domain}"][2] for domain in sorted(set(domains))]))
    found = {name: values.float() for name, values in found.items()}
    found["losses"] = torch.cat(losses).float()
    found["divergence"] = torch.cat(divergence).float()
    found["agrees"] = torch.cat(agrees).byte()
    return found


def reconstruction(dense, converted):
    """How well b follows a at one hook point, of each sequence's [token, width]."""
    a, b = (torch.cat([values[1:] for values in parts]) for parts in (dense, converted))
    determination = 1 - (b - a).square().sum() / (a - a.mean(0)).square().sum()
    cosine = ((a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))).mean()
    return torch.stack([determination, cosine, (b.square().mean() / a.square().mean()).sqrt()])


def alpha(settings, scores, active):
    """α of each token, [token]."""
    if settings["gate"] == "unit" or settings["scaling"] == "none":
        return torch.ones(len(scores)).double()
    total = (scores * active).sum(-1)
    count, top = settings["sub_dimensions"], settings["top_k"]
    return {
        "paper": count * total, "unit_sum": count / total, "unit_mean": top / total,
    }[settings["scaling"]]


def entropy(shares):
    """In nats, along the last dimension."""
    return torch.special.entr(shares).sum(-1)


def router(settings, scores, active, domains):
    """What one router does, of each sequence's scores and active sets, [token, N]."""
    scores, active = (torch.cat([values[1:] for values in parts]) for parts in (scores, active))
    owner = torch.cat([torch.full((count - 1,), domain) for domain, count in domains])
    count, shared, top = (settings[k] for k in ("sub_dimensions", "shared", "top_k"))
    loads = [active] + [active[owner == domain] for domain in owner.unique()]
    shares = scores / scores.sum(-1, keepdim=True)
    entropies = torch.full((3,), math.nan).double()
    idle = 0
    if count > 1:
        entropies[0] = entropy(shares).mean() / math.log(count)
    if count - shared > 1 and shared < top < count:
        # How often each domain uses each specialised one: a joint distribution.
        joint = torch.stack([own[:, shared:].sum(0) for own in loads[1:]]).double()
        own = joint.sum(0)
        idle = (10 * own * len(own) < own.sum()).sum()
        joint /= joint.sum()
        entropies[1] = entropy(joint.sum(0)) / math.log(count - shared)
        marginals = entropy(joint.sum(0)) + entropy(joint.sum(1))
        entropies[2] = (marginals - entropy(joint.flatten())) / math.log(2)
    scale = alpha(settings, scores, active)
    return {
        "loads": torch.stack([own.double().mean(0) for own in loads]).float(),
        "mean_score": shares.mean(0).float(),
        "entropies": entropies.float(),
        "idle": torch.tensor([idle]).float(),
        "alpha": torch.stack([scale.min(), scale.mean(), scale.max()]).float(),
    }


def close(found, expected, tolerance, what):
    """That two programs agree, relative to the largest."""
    error = (found - expected).abs().max()
    if not error <= tolerance * expected.abs().max():
        raise SystemExit(f"{what} differs by {error}")


def check(config, tensors, parts, traces, chooser):
    """That the other implementation of the definitions gives the same."""
    wide = {name: tensor.numpy() for name, tensor in tensors.items()}
    for index, (ids, found) in enumerate(zip(parts, traces)):
        expected = {name: torch.from_numpy(values).double()
                    for name, values in naive_mohd.forward(config, wide, ids.tolist()).items()}
        for (layer, name), own in chooser.scores.items():
            active = chooser.active[layer, name][index]
            settings = Component(config, tensors, layer, name).settings
            scale = alpha(settings, own[index], active)[:, None]
            found[f"{name}_router/{layer}"] = own[index]
            found[f"{name}_active/{layer}"] = active.double()
            found[f"{name}_router_alpha/{layer}"] = scale
        for name, values in found.items():
            close(values, expected[name], EXACT, f"naive_mohd.py's {name}")


def check_dense(config, tensors):
    """That transformers gave the same."""
    expected = load_file(FIXTURES / "models" / DENSE / "expected.safetensors")
    lengths = expected["sequence_lengths"].int().tolist()
    traces, _ = run(config, tensors, expected["token_ids"].long().split(lengths))
    for name in traces[0]:
        values = torch.cat([found[name] for found in traces])
        close(values, expected[name].double(), SINGLE, f"transformers' {name}")


def cut(config, tensors):
    """The dense model with parts left out."""
    config = config | {
        "architectures": ["MoHDForCausalLM"], "model_type": "mohd", "mohd": PARTS,
    }
    folder = ROOT / CUT
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    return config, tensors


def make(case, dense, converted):
    config, tensors = converted
    for seed in SEEDS:
        torch.manual_seed(seed)
        ids, sequences = text(config["vocab_size"])
        parts = [ids for _, ids in sequences]
        one, _ = run(*dense, parts)
        other, chooser = run(config, tensors, parts)
        leads = [lead(found["logits"]) for traces in (one, other) for found in traces]
        if min(chooser.margin, *leads) > MARGIN:
            break
    else:
        raise SystemExit(f"{case}: no seed keeps scores {MARGIN} apart")
    found = predictions(sequences, one, other)
    for layer in range(config["num_hidden_layers"]):
        for name in HOOK_POINTS:
            both = [[values[f"{name}/{layer}"] for values in traces] for traces in (one, other)]
            found[f"reconstruction/{name}/{layer}"] = reconstruction(*both).float()
    domains = [(DOCUMENTS[document][0], len(ids)) for document, ids in sequences]
    for (layer, name), own in chooser.scores.items():
        settings = Component(config, tensors, layer, name).settings
        numbers = router(settings, own, chooser.active[layer, name], domains)
        found |= {f"{name}_{key}/{layer}": values for key, values in numbers.items()}
    check(config, tensors, parts, other, chooser)
    found["token_ids"] = ids.float()
    found["documents"] = torch.tensor(DOCUMENTS).float()
    save_file(found, ROOT / f"{case}.safetensors")
    print(f"{case}: seed {seed}, margin {min(chooser.margin, *leads):.2g}")


@torch.inference_mode()
def main():
    torch.set_num_threads(1)
    dense = load(FIXTURES / "models" / DENSE)
    check_dense(*dense)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    for case in CASES:
        make(case, dense, load(FIXTURES / "mohd" / case))
    make(CUT, dense, cut(*dense))
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}\n"
        for path in sorted(ROOT.rglob("*"))
        if path.is_file()
    ]
    (ROOT / "SHA256SUMS").write_text("".join(lines))


if __name__ == "__main__":
    main()
