#!/usr/bin/env python3
"""mohd-eval ablate against PyTorch: routing variants, even loads, parts, knock-outs and zeroed dimensions of a MoHD folder.

    python Tests/Oracles/compare_ablation.py --eval .build/release/mohd-eval --converted MOHD

Reads 256 tokens (or --tokens) of each of four sample corpora in sequences of 64, in float32, and routes by its own reading of
Definitions.md: random sets from its own generator, static sets from its own energies, the oracle by energy. Exits with 1 when
a perplexity differs by 0.1 % and not by rounding. The code of MOHD is run.
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import types

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

DOMAINS = ["books", "code", "science", "questions_and_answers"]
LENGTH = 64
SEED = 11
TOLERANCE = 1e-3
CORPORA = pathlib.Path(__file__).resolve().parents[2] / "notebooks-data" / "corpora"
MASK = (1 << 64) - 1
parser = argparse.ArgumentParser()
parser.add_argument("--eval", required=True)
parser.add_argument("--converted", required=True)
parser.add_argument("--tokens", type=int, default=256, help="tokens of each domain")
parser.add_argument("--knock-outs", type=int, default=4)
options = parser.parse_args()
torch.set_num_threads(2)

found = json.loads(subprocess.run(
    [options.eval, "ablate", options.converted, "--corpus", *[f"{d}={CORPORA / d}" for d in DOMAINS],
     "--max-tokens-per-domain", str(options.tokens), "--sequence-length", str(LENGTH), "--seed", str(SEED),
     "--knock-outs", str(options.knock_outs), "--zero", "0.1", "0.5", "--json", "--quiet"],
    check=True, capture_output=True, text=True).stdout)


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


# The text: the last sequences with a quarter of each domain's tokens choose, the others are scored.
tokenizer = Tokenizer.from_file(str(pathlib.Path(options.converted) / "tokenizer.json"))
scored, choosing, document = [], [], 0
for domain in DOMAINS:
    room, own = options.tokens, []
    for path in sorted((CORPORA / domain).iterdir(), key=lambda path: path.name.encode()):
        texts = [path.read_bytes().decode()] if path.suffix == ".txt" else [
            json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for text in texts:
            if room == 0:
                break
            ids = tokenizer.encode(text).ids[:room]
            room -= len(ids)
            own += [(document, index, ids[start:start + LENGTH])
                    for index, start in enumerate(range(0, len(ids), LENGTH))]
            document += 1
    start, total = len(own), options.tokens - room
    while start > 1 and 4 * sum(len(ids) for _, _, ids in own[start:]) < total:
        start -= 1
    scored += own[:start]
    choosing += own[start:]

model = AutoModelForCausalLM.from_pretrained(options.converted, dtype=torch.float32, attn_implementation="eager",
                                             trust_remote_code=True).eval()
where = {"document": 0, "sequence": 0}  # of the sequence that is being run
plan = {"variant": "own", "fixed": {}, "knock_out": None, "zeroed": None, "scaled": True, "balance": None}
sums, usual = {}, {}


def best(scores, count, among):
    """The `count` largest of some columns; of equal ones the lower index."""
    order = scores[..., among].sort(dim=-1, descending=True, stable=True).indices[..., :count]
    return torch.zeros_like(scores, dtype=torch.bool).scatter(-1, torch.tensor(among)[order], True)


def route(self, a, z, projections):
    settings, (layer, component) = self.settings, self.place
    count, shared, top_k = settings.sub_dimensions, settings.shared, settings.top_k
    scores = self.energy(z, projections) if self.router is None else self.router(a)
    energies = self.energy(z, projections)
    specialised, variant = list(range(shared, count)), plan["variant"]
    base = torch.zeros_like(scores, dtype=torch.bool)
    base[..., :shared] = True
    if variant == "random":
        scores_of_choice = torch.tensor([
            draws([SEED, layer, component, where["document"], where["sequence"], position], count)
            for position in range(scores.shape[-2])])[None]
        active = base | best(scores_of_choice, top_k - shared, specialised)
    elif variant == "static":
        active = torch.zeros_like(base)
        active[..., plan["fixed"][self.place]] = True
    elif variant == "shared_only":
        active = base
    elif variant == "specialised_only":
        active = best(scores, min(top_k, count - shared), specialised)
    elif variant == "all":
        active = torch.ones_like(base)
    elif variant == "unshared":
        active = best(scores, top_k, list(range(count)))
    elif plan["balance"] is not None:
        active = base | best(scores / plan["usual"][self.place] ** plan["balance"], top_k - shared, specialised)
    else:
        active = base | best(energies if variant == "oracle" else scores, top_k - shared, specialised)
    if plan["knock_out"] and plan["knock_out"][:2] == self.place:
        active[..., plan["knock_out"][2]] = False
    sums[self.place] = sums.get(self.place, 0) + energies[0, 1:].double().sum(0)
    usual[self.place] = usual.get(self.place, 0) + scores[0, 1:].double().sum(0)
    gates = active.to(scores.dtype)
    alpha = torch.ones_like(gates[..., :1])
    if settings.gate != "unit":
        gates = scores * active
        total = gates.sum(-1, keepdim=True)
        safe = torch.where(total == 0, 1.0, total)
        alpha = {"paper": count * total, "unit_sum": count / safe, "none": alpha,
                 "unit_mean": active.sum(-1, keepdim=True) / safe}[settings.scaling if plan["scaled"] else "none"]
        alpha = torch.where(total == 0, 1.0, alpha)
    return type(plain)(scores, active, gates, alpha)


def zero(layer, word):
    def hook(_, __, values):
        if plan["zeroed"] is None:
            return values
        order, fraction = plan["zeroed"]
        count = math.ceil(fraction * values.shape[-1] - 1e-9)
        if order == "random":
            ranks = torch.tensor([
                draws([SEED, layer, word, where["document"], where["sequence"], position], values.shape[-1])
                for position in range(values.shape[-2])])[None]
        else:
            ranks = values.abs() if order == "top" else -values.abs()
        return values.masked_fill(best(ranks, count, list(range(values.shape[-1]))), 0)
    return hook


def run(sequences):
    loss, positions = 0.0, 0
    with torch.inference_mode():
        for where["document"], where["sequence"], ids in sequences:
            tokens = torch.tensor([ids])
            logits = model(tokens).logits[0, :-1].double()
            loss += torch.nn.functional.cross_entropy(logits, tokens[0, 1:], reduction="sum").item()
            positions += len(ids) - 1
    return loss / positions


captured = []
first = model.model.layers[0].self_attn.mohd
first_route = first.route
first.route = lambda *arguments: captured.append(first_route(*arguments)) or captured[0]
run([(0, 0, scored[0][2][:2])])
plain = captured[0]
for layer, block in enumerate(model.model.layers):
    for component, mixture in enumerate([block.self_attn.mohd, block.mlp.mohd]):
        mixture.place = (layer, component)
        mixture.route = types.MethodType(route, mixture)
    block.input_layernorm.register_forward_hook(zero(layer, 2))
    block.post_attention_layernorm.register_forward_hook(zero(layer, 3))

sums.clear()
usual.clear()
run(choosing)
plan["usual"] = {place: (total / sum(len(ids) - 1 for _, _, ids in choosing)).float() for place, total in usual.items()}
for place, energies in sums.items():
    settings = model.model.layers[place[0]].self_attn.mohd.settings if place[1] == 0 else \
        model.model.layers[place[0]].mlp.mohd.settings
    order = energies[settings.shared:].sort(descending=True, stable=True).indices[:settings.top_k - settings.shared]
    plan["fixed"][place] = sorted([*range(settings.shared), *(order + settings.shared).tolist()])
failed = False


def check(what, expected, value):
    """A model that a variant has destroyed may depend on rounding: then PyTorch in float64 differs from itself too."""
    global failed
    passed, precise = abs(value - expected) <= TOLERANCE * abs(expected), ""
    if not passed:
        model.double()
        double = math.exp(run(scored))
        model.float()
        passed = abs(double - expected) > TOLERANCE * abs(expected)
        precise = f", PyTorch in float64 {double:.7g}" + (": rounding decides" if passed else "")
    failed |= not passed
    print(f"{'ok  ' if passed else 'FAIL'} {what}: PyTorch {expected:.7g}, mohd-eval {value:.7g}{precise}", flush=True)


print(f"{sum(len(ids) - 1 for _, _, ids in scored)} tokens scored, {sum(len(ids) for _, _, ids in choosing)} choose")
same = sum(plan["fixed"][row["layer"], ["attention", "ffn"].index(row["component"])] == row["static"]
           for row in found["components"])
print(f"static sets: {same} of {len(found['components'])} the same")
for row in found["routing"]:
    if row.get("score"):
        plan["variant"] = row["variant"]
        loss = run(scored)
        check(f"routing {row['variant']}", math.exp(loss), row["score"]["token_perplexity"]["value"])
        if row["variant"] == "own":
            own = loss
plan["variant"] = "own"
for row in found["load_balancing"]:
    plan["balance"] = row["weight"]
    check(f"loads evened by {row['weight']}", math.exp(run(scored)), row["score"]["token_perplexity"]["value"])
plan["balance"] = None
mixtures = [mixture for block in model.model.layers for mixture in (block.self_attn.mohd, block.mlp.mohd)]
for row in found["without"]:
    if row.get("score"):
        names = {"fusion": ["fusion"], "scaling": ["scale"], "compensation": ["inactive_bias", "low_rank"]}[row["part"]]
        kept = [(mixture, name, getattr(mixture, name)) for mixture in mixtures for name in names]
        for mixture, name, value in kept:
            setattr(mixture, name, torch.nn.Parameter(torch.ones_like(value)) if name == "scale" else None)
        plan["scaled"] = row["part"] != "scaling"
        check(f"without {row['part']}", math.exp(run(scored)), row["score"]["token_perplexity"]["value"])
        plan["scaled"] = True
        for mixture, name, value in kept:
            setattr(mixture, name, value)
for row in found["knock_outs"]:
    place = row["place"]
    plan["knock_out"] = (place["layer"], ["attention", "ffn"].index(place["component"]), place["sub_dimension"])
    check(f"without {place['component']} {place['sub_dimension']} of layer {place['layer']}: perplexity",
          math.exp(run(scored)), math.exp(own + row["loss_increase"]["value"]))
plan["knock_out"] = None
for row in found["zeroed_by_magnitude"]:
    plan["zeroed"] = (row["zeroed"]["order"], row["zeroed"]["fraction"])
    check(f"zeroed {plan['zeroed']}", math.exp(run(scored)), row["score"]["token_perplexity"]["value"])
sys.exit(failed)
