"""Losses of a whole step, of which a rank sees some micro-batches."""

import torch
import torch.distributed as dist
from torch.nn import functional


def total(*values, device):
    """Sums over all ranks, in double precision where there is any."""
    kind = torch.float32 if device.type == "mps" else torch.float64
    sums = torch.tensor(values, dtype=kind, device=device)
    dist.all_reduce(sums)
    return sums.tolist()


class Balance:
    """The balance loss of a whole step (Eq. 13), of which a rank sees some micro-batches.

    The shares f of Eq. 13 are constants to the gradient, and known once all tokens have been routed. With one
    micro-batch they are summed over ranks on the way; with more, a first pass without gradients counts.
    """

    def __init__(self, model, device):
        self.device, self.counts, self.shares, self.is_counting = device, {}, {}, False
        self.tokens = 1.0
        for module in model.modules():
            if type(module).__name__ == "MixtureOfSubDimensions":
                module.balance_loss = self._loss(module)

    def begin(self, tokens, is_counting):
        self.tokens, self.is_counting = tokens, is_counting
        if is_counting:
            self.counts = {}
        self.shares = {}

    def finish_counting(self):
        self.is_counting = False
        for module, counts in self.counts.items():
            dist.all_reduce(counts)
            self.shares[module] = counts / self.tokens

    def _loss(self, module):
        settings = module.settings

        def loss(routing, tokens=None):
            first = 0 if getattr(settings, "balance_over", "") == "all" else settings.shared
            nothing = routing.scores.sum() * 0
            if first == settings.sub_dimensions:
                return nothing
            gates = routing.gates[tokens] if tokens is not None else routing.gates.flatten(0, -2)
            sums = gates.sum(-1, keepdim=True)
            shares = (gates / torch.where(sums == 0, 1.0, sums))[:, first:]
            if module not in self.shares:
                winners = functional.one_hot(gates[:, first:].argmax(-1), shares.shape[-1])
                counts = winners.sum(0).to(torch.float32)
                if self.is_counting:
                    self.counts[module] = self.counts.get(module, 0) + counts
                    return nothing
                dist.all_reduce(counts)
                self.shares[module] = counts / self.tokens
            mean = shares.float().sum(0) / self.tokens
            return settings.balance_weight * (mean * self.shares[module]).sum() + nothing

        return loss


class ZLoss:
    """weight · mean over the step's tokens of logsumexp(router logits)², over all routers."""

    def __init__(self, model, weight):
        self.weight, self.sums, self.mask, self.is_forward = weight, [], None, False
        for module in model.modules():
            if weight > 0 and type(module).__name__ == "CentroidRouter":
                module.register_forward_hook(self._hook)

    def _hook(self, module, inputs, scores):
        a = inputs[0].float()
        logits = functional.linear(a, module.weight.float(), module.bias.float())
        found = logits.logsumexp(-1)[self.mask].square().sum()
        # Activation checkpointing comes here once more, on the way back.
        if self.is_forward:
            self.sums.append(found)

    def take(self, tokens):
        found, self.sums = sum(self.sums, 0.0), []
        return self.weight * found / tokens
