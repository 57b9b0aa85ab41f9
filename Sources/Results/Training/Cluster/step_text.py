"""A plan's text, cut and ordered as mohd-train does it: each step's sequences are a function of (seed, step)."""

import hashlib
import pathlib

from safetensors import safe_open

MASK = (1 << 64) - 1
UNIT = 1 << 24
HELD_OUT_SHARE, LEAST_DOCUMENTS, BLOCK = 32, 20, 16


def mix(z):
    """Splitmix64's finalizer."""
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def permuted(index, count, seed, name, epoch):
    """A keyed bijection on 0..<count: a Feistel network of four rounds, walked until it lands inside."""
    bits = 2
    while 1 << bits < count:
        bits += 2
    half = bits // 2
    key = mix(seed ^ 0x6261746368657321)
    for byte in name.encode():
        key = mix(key ^ byte)
    key = mix(key ^ epoch)
    keys = [mix(key + n & MASK) for n in range(1, 5)]
    mask, value = (1 << half) - 1, index
    while True:
        left, right = value >> half, value & mask
        for each in keys:
            left, right = right, left ^ mix(each ^ right) & mask
        value = left << half | right
        if value < count:
            return value


class Domain:
    """One token file, cut into sequences: `training` and `held_out` are ranges of its tokens."""

    def __init__(self, path, planned, length, evaluation_tokens):
        self.name, self.weight = planned["name"], planned["weight"]
        with safe_open(path, "pt") as file:
            self.tokens = file.get_tensor("token_ids").long()
            starts = file.get_tensor("document_starts").tolist()
            sizes = file.get_tensor("document_bytes").tolist()
            digests = [n & MASK for n in file.get_tensor("document_sha256").tolist()]
        if self._sha256(starts, digests) != planned["sha256"]:
            raise SystemExit(f"{path}: not the text of plan.json: another SHA-256 of ids and documents")
        documents = [range(a, b) for a, b in zip(starts, starts[1:])]
        cuts = [
            [range(a, min(a + length, d.stop)) for a in range(d.start, d.stop, length)] for d in documents
        ]

        def usable(sequences):
            return [s for s in sequences if len(s) >= 2]

        if len(documents) >= LEAST_DOCUMENTS:
            chosen = {i for i, n in enumerate(digests) if n % HELD_OUT_SHARE == 0}
            chosen = chosen or {min(range(len(digests)), key=digests.__getitem__)}
            self.training = [s for i, c in enumerate(cuts) if i not in chosen for s in usable(c)]
            held, tokens, size = [], 0, 0
            for i in sorted(chosen, key=digests.__getitem__):
                if sum(map(len, held)) >= evaluation_tokens:
                    break
                held += usable(cuts[i])
                tokens, size = tokens + len(documents[i]), size + sizes[i]
        else:
            every = [s for c in cuts for s in usable(c)]
            blocks = [every[i : i + BLOCK] for i in range(0, len(every), BLOCK)]
            keys = [self._key(block[0]) for block in blocks]
            chosen = {i for i, n in enumerate(keys) if n % HELD_OUT_SHARE == 0}
            if not chosen and len(blocks) > 1:
                chosen = {min(range(len(keys)), key=keys.__getitem__)}
            self.training = [s for i, b in enumerate(blocks) if i not in chosen for s in b]
            held = [s for i, b in enumerate(blocks) if i in chosen for s in b]
            tokens, size = len(self.tokens), sum(sizes)
        self.tokens_per_byte = tokens / max(size, 1)
        self.held_out, room = [], evaluation_tokens
        for sequence in held:
            if room > 0:
                self.held_out.append(sequence)
            room -= len(sequence)

    def _key(self, sequence):
        key = 0
        for token in self.ids(sequence).tolist():
            key = mix(key ^ token)
        return mix(key)

    def _sha256(self, starts, digests):
        found = hashlib.sha256(self.tokens.int().numpy().tobytes())
        for numbers in (starts, digests):
            found.update(b"".join(n.to_bytes(8, "little") for n in numbers))
        return found.hexdigest()

    def ids(self, sequence):
        return self.tokens[sequence.start : sequence.stop]


class StepText:
    """What each step trains on."""

    def __init__(self, plan, folder):
        options = plan["options"]
        self.domains = [
            Domain(
                pathlib.Path(folder) / f"{planned['name']}.tokens.safetensors", planned,
                options["sequence_length"], options["evaluation_tokens"],
            )
            for planned in plan["domains"]
        ]
        self.seed = options["seed"]
        self.count = options["batch_tokens"] // options["sequence_length"]
        weights = [domain.weight for domain in self.domains]
        total = 0.0
        for weight in weights:
            total += weight
        self.parts = [int(weight / total * UNIT) for weight in weights]
        largest = max(range(len(weights)), key=lambda i: (weights[i], -i))
        self.parts[largest] += UNIT - sum(self.parts)
        self.taken, self.next = [0] * len(weights), 1

    def step(self, step):
        """The sequences of a step, from 1, as tensors of ids; steps in order cost nothing."""
        if step < self.next:
            self.taken, self.next = [0] * len(self.taken), 1
        while self.next < step:
            self._take()
        found = []
        for index, number in self._take():
            domain = self.domains[index]
            epoch, place = divmod(number, len(domain.training))
            place = permuted(place, len(domain.training), self.seed, domain.name, epoch)
            found.append(domain.ids(domain.training[place]))
        return found

    def _take(self):
        start = (self.next - 1) * self.count
        self.next += 1
        found = []
        for n in range(start, start + self.count):
            best, most = 0, None
            for index, part in enumerate(self.parts):
                behind = part * (n + 1) - UNIT * self.taken[index]
                if part > 0 and (most is None or behind > most):
                    best, most = index, behind
            found.append((best, self.taken[best]))
            self.taken[best] += 1
        return found


def fingerprint(sequences):
    """`batch` of train.jsonl: of the step's ids and lengths."""
    found = hashlib.sha256(b"".join(s.int().numpy().tobytes() for s in sequences))
    found.update(b"".join(len(s).to_bytes(4, "little") for s in sequences))
    return found.hexdigest()[:16]
