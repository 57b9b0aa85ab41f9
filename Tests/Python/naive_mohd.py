"""MoHD a second time: NumPy, float64, one token and one sub-dimension after another.

Written from the definitions, not from modeling_mohd.py, and the other way round: inactive
sub-dimensions are left out of every product instead of multiplied by zero, and Monarch matrices are
multiplied out. It takes config.json's dictionary and the tensors of model.safetensors.
"""

import math

import numpy as np


def forward(config, tensors, sequence):
    """One sequence through the model.

    Returns:
        A dictionary: every hook point of every layer, `name/layer`, [T, width]; of attention and
        ffn `…_router` (the scores), `…_active`, `…_router_gate`, [T, N], `…_router_alpha`, [T, 1],
        and `…_balance_loss`, [1, 1]; `logits`.
    """
    tensors = {name: np.asarray(value, dtype=np.float64) for name, value in tensors.items()}
    trace = {}
    x = [tensors["model.embed_tokens.weight"][token] for token in sequence]
    for layer in range(config["num_hidden_layers"]):
        x = block(config, tensors, layer, x, trace)
    norm = tensors["model.norm.weight"]
    head = tensors.get("lm_head.weight", tensors["model.embed_tokens.weight"])
    trace["logits"] = np.stack([head @ rms_norm(row, norm, config["rms_norm_eps"]) for row in x])
    return trace


def block(config, tensors, layer, x, trace):
    prefix = f"model.layers.{layer}."
    own = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    epsilon, tokens = config["rms_norm_eps"], range(len(x))

    def record(name, rows):
        trace[f"{name}/{layer}"] = np.stack(rows)

    record("residual_pre", x)
    component = Component(config, own, layer, "attention")
    a = [rms_norm(row, own["input_layernorm.weight"], epsilon) for row in x]
    record("attention_input", a)
    choices = [component.choose(row) for row in a]
    read = [component.read(a[t], choices[t]) for t in tokens]
    for index, name in enumerate(["query", "key", "value"]):
        record(name, [row[index] for row in read])
    heads = attention(config, layer, read)
    record("attention_heads", heads)
    o = [component.write(heads[t], choices[t]) for t in tokens]
    record("attention_output", o)
    component.trace(choices, record)
    h = [x[t] + o[t] for t in tokens]
    record("residual_mid", h)

    component = Component(config, own, layer, "ffn")
    m = [rms_norm(row, own["post_attention_layernorm.weight"], epsilon) for row in h]
    record("ffn_input", m)
    choices = [component.choose(row) for row in m]
    read = [component.read(m[t], choices[t]) for t in tokens]
    record("ffn_gate", [row[0] for row in read])
    record("ffn_up", [row[1] for row in read])
    hidden = [gate / (1 + np.exp(-gate)) * up for gate, up in read]
    record("ffn_hidden", hidden)
    f = [component.write(hidden[t], choices[t]) for t in tokens]
    record("ffn_output", f)
    component.trace(choices, record)
    y = [h[t] + f[t] for t in tokens]
    record("residual_post", y)
    return y


class Component:
    """The attention or the FFN of one layer: which sub-dimensions, and what they do."""

    def __init__(self, config, own, layer, name):
        settings = config["mohd"][name]
        self.settings = settings[layer] if isinstance(settings, list) else settings
        self.name = name
        part = {"attention": "self_attn.", "ffn": "mlp."}[name]
        own = {k[len(part) :]: v for k, v in own.items() if k.startswith(part)}
        inputs, self.out = {
            "attention": (["q_proj", "k_proj", "v_proj"], "o_proj"),
            "ffn": (["gate_proj", "up_proj"], "down_proj"),
        }[name]
        self.own = own
        self.widths = [len(own[f"{p}.weight"]) for p in inputs]
        self.weight = np.concatenate([own[f"{p}.weight"] for p in inputs])  # [m, D]
        self.bias = np.concatenate(
            [own.get(f"{p}.bias", np.zeros(len(own[f"{p}.weight"]))) for p in inputs]
        )
        width = self.weight.shape[1]
        self.size = own["mohd.basis"].shape[1] if "mohd.basis" in own else width
        count = self.settings["sub_dimensions"]
        order = own.get("mohd.dimension_order", np.arange(width)).astype(int)
        each = width // count
        self.entries = [order[i * each : (i + 1) * each] for i in range(count)]
        self.rows = self.outputs = self.entries
        self.order = order
        if width != self.size:  # outputs have their own slices
            own_size = self.size // count
            self.outputs = [range(i * own_size, (i + 1) * own_size) for i in range(count)]
            self.rows, self.order = self.outputs, np.arange(self.size)
        if self.settings["sparse_side"] == "input":
            self.rows = self.outputs = [range(self.size)]
        elif width < self.size and self.settings["top_k"] == count:  # used rows alone are stored
            self.rows = [range(i * each, (i + 1) * each) for i in range(count)]
            self.entries, self.outputs = self.rows, self.entries
            unused = [j for j in range(self.size) if j not in order]
            self.order = np.array([*order, *unused])

    def choose(self, a):
        """Scores, active set, gates, α, and the input in its basis."""
        own, settings = self.own, self.settings
        count, shared, top = (settings[k] for k in ("sub_dimensions", "shared", "top_k"))
        z = a
        if settings["input_basis"] == "dense":
            z = own["mohd.basis"] @ a
        if settings["input_basis"] == "monarch":
            z = monarch(own["mohd.basis.left"], own["mohd.basis.right"]) @ a
        if settings["router"] == "centroid":
            logits = own["mohd.router.weight"] @ a + own.get("mohd.router.bias", np.zeros(count))
            scores = np.exp(logits - logits.max())
            scores /= scores.sum()
        else:
            scores = np.zeros(count)
            norms = own.get("mohd.router.norms", np.linalg.norm(self.weight, axis=0))
            for i, entries in enumerate(self.entries):
                for j in entries:
                    scores[i] += (norms[j] * z[j]) ** 2
        ranked = sorted(range(shared, count), key=lambda i: (-scores[i], i))
        active = set(range(shared)) | set(ranked[: top - shared])
        gates = np.zeros(count)
        for i in active:
            gates[i] = 1 if settings["gate"] == "unit" else scores[i]
        total = gates.sum()
        alpha = {
            "paper": lambda: count * total,
            "unit_sum": lambda: count / total,
            "unit_mean": lambda: top / total,
            "none": lambda: 1.0,
        }[settings["scaling"] if settings["gate"] == "softmax" else "none"]()
        return {"scores": scores, "active": active, "gates": gates, "alpha": alpha, "z": z}

    def read(self, a, choice):
        own, settings, z = self.own, self.settings, choice["z"]
        scale = own.get("mohd.scale", np.ones(len(self.entries)))
        result = self.bias.copy()
        left_out = np.zeros_like(z)
        for i, entries in enumerate(self.entries):
            if i in choice["active"]:
                gate = choice["gates"][i] if settings["gate_at"] == "every_projection" else 1
                result += self.weight[:, entries] @ (gate * scale[i] * z[entries])
            else:
                left_out[entries] = z[entries]
                if settings["inactive_bias"]:
                    result += own["mohd.inactive_bias"][i]
        if settings["low_rank"]:
            result += own["mohd.low_rank.b"] @ (own["mohd.low_rank.a"] @ left_out)
        return np.split(result, np.cumsum(self.widths)[:-1])

    def write(self, inner, choice):
        own, settings = self.own, self.settings
        weight = own[f"{self.out}.weight"]
        bias = own.get(f"{self.out}.bias", np.zeros(len(weight)))
        y = np.zeros(self.size)
        for i, (rows, entries) in enumerate(zip(self.rows, self.outputs)):
            if settings["sparse_side"] == "input":
                y[entries] = weight[rows] @ inner + bias[rows]
            elif i in choice["active"]:
                gain = choice["alpha"] * choice["gates"][i]
                y[entries] = gain * (weight[rows] @ inner + bias[rows])
        if settings["fusion"] == "none":
            return y
        matrix = monarch(own.get("mohd.fusion.left"), own["mohd.fusion.right"])
        fused = np.zeros_like(y)
        fused[self.order] = matrix @ y[self.order]
        return fused

    def trace(self, choices, record):
        count, shared = self.settings["sub_dimensions"], self.settings["shared"]
        weight = self.settings["balance_weight"]
        record(f"{self.name}_router", [c["scores"] for c in choices])
        record(f"{self.name}_router_gate", [c["gates"] for c in choices])
        record(f"{self.name}_router_alpha", [[c["alpha"]] for c in choices])
        active = [[1 if i in c["active"] else 0 for i in range(count)] for c in choices]
        record(f"{self.name}_active", active)
        record(
            f"{self.name}_balance_loss",
            [[balance_loss([c["gates"] for c in choices], shared, weight)]],
        )


def balance_loss(gates, shared, weight):
    """β Σ_i (mean over tokens of g_i / Σ_j g_j) · (share of tokens whose largest is i)."""
    tokens, count = len(gates), len(gates[0])
    loss = 0.0
    for i in range(shared, count):
        mean = sum(g[i] / sum(g) for g in gates) / tokens
        winners = 0
        for g in gates:
            winner = shared
            for j in range(shared, count):
                if g[j] > g[winner]:
                    winner = j
            winners += winner == i
        loss += mean * winners / tokens
    return weight * loss


def balance_gradient(a, scores, gates, shared, weight):
    """∂L_B/∂Φ of softmax gates by hand: f_i, the shares of largest gates, are constants.

    ρ_i = g_i / Σ_j g_j is a softmax over the active set alone, so ∂ρ_i/∂l_k = ρ_i (δ_ik − ρ_k).
    """
    tokens, count = scores.shape
    specialised = gates[:, shared:]
    f = np.zeros(count)
    for row in specialised:
        f[shared + int(np.argmax(row))] += 1 / tokens
    gradient = np.zeros((count, a.shape[1]))
    for t in range(tokens):
        rho = gates[t] / gates[t].sum()
        for k in range(count):
            slope = weight / tokens * rho[k] * (f[k] - f @ rho)
            gradient[k] += slope * a[t]
    return gradient


def monarch(left, right):
    """M = P L Pᵀ R as a matrix. R: r blocks of b × b; L: b blocks of r × r, absent: identity."""
    blocks, size = right.shape[0], right.shape[1]
    matrix = block_diagonal(right)
    if left is None:
        return matrix
    permutation = np.zeros((blocks * size, blocks * size))  # Pᵀ: [r, b] becomes [b, r]
    for g in range(blocks):
        for p in range(size):
            permutation[p * blocks + g, g * size + p] = 1
    return permutation.T @ block_diagonal(left) @ permutation @ matrix


def block_diagonal(stack):
    count, size, _ = stack.shape
    matrix = np.zeros((count * size, count * size))
    for g in range(count):
        matrix[g * size : (g + 1) * size, g * size : (g + 1) * size] = stack[g]
    return matrix


def rms_norm(x, gain, epsilon):
    return x / np.sqrt(np.mean(x**2) + epsilon) * gain


def attention(config, layer, read):
    head_size = config["head_dim"]
    kinds, window = config.get("layer_types"), config.get("sliding_window")
    if window is None or (kinds and kinds[layer] == "full_attention"):
        window = len(read)
    groups = config["num_attention_heads"] // config["num_key_value_heads"]
    result = []
    for t in range(len(read)):
        heads = []
        for head in range(config["num_attention_heads"]):
            columns = slice(head * head_size, (head + 1) * head_size)
            shared = slice(head // groups * head_size, (head // groups + 1) * head_size)
            query = rotated(config, read[t][0][columns], t)
            seen = range(max(0, t - window + 1), t + 1)
            scores = np.array([query @ rotated(config, read[s][1][shared], s) for s in seen])
            weights = np.exp((scores - scores.max()) / math.sqrt(head_size))
            weights /= weights.sum()
            heads.append(sum(w * read[s][2][shared] for w, s in zip(weights, seen)))
        result.append(np.concatenate(heads))
    return result


def rotated(config, x, position):
    half = len(x) // 2
    result = np.zeros_like(x)
    for j in range(half):
        angle = position * frequency(config["rope_parameters"], j, half)
        cosine, sine = math.cos(angle), math.sin(angle)
        result[j] = x[j] * cosine - x[j + half] * sine
        result[j + half] = x[j + half] * cosine + x[j] * sine
    return result


def frequency(rope, j, half):
    frequency = rope["rope_theta"] ** (-j / half)
    if rope["rope_type"] == "default":
        return frequency
    if rope["rope_type"] == "linear":
        return frequency / rope["factor"]
    context = rope["original_max_position_embeddings"]
    wavelength = 2 * math.pi / frequency
    if wavelength < context / rope["high_freq_factor"]:
        return frequency
    if wavelength > context / rope["low_freq_factor"]:
        return frequency / rope["factor"]
    smooth = context / wavelength - rope["low_freq_factor"]
    smooth /= rope["high_freq_factor"] - rope["low_freq_factor"]
    return (1 - smooth) * frequency / rope["factor"] + smooth * frequency
