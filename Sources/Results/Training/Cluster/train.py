#!/usr/bin/env python3
"""Goes on with a run of mohd-train under torchrun, on any number of GPUs or processors:

    torchrun --nproc-per-node 8 train.py --precision bf16 --accumulate 4

This folder is a run's folder: plan.json decides model, text, batches, rates and optimiser; checkpoints,
train.jsonl and evaluation.jsonl are those of mohd-train, which goes on from here with --resume, and
transformers reads each checkpoint. In float32 losses agree with mohd-train's to rounding. Weights are sharded
by FSDP2, block by block. The cross entropy is a mean over all tokens of a step that are scored, the balance
loss a function of all its tokens: not means over micro-batches or ranks. SIGTERM and SIGUSR1 end it after a
checkpoint with status 75; start it again with the same command (train.sbatch requeues itself).

Needs torch, transformers and safetensors.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import signal
import sys

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from step_losses import Balance, ZLoss, total
from step_text import StepText, fingerprint
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional
from transformers import AutoModelForCausalLM

FOLDER = pathlib.Path(__file__).resolve().parent
SPIKE_STEPS, SPIKE_DEVIATIONS = 128, 6.0
BESIDE = {"model.safetensors", "optimizer.safetensors", "state.json"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=["bf16", "float32"], default="bf16")
    parser.add_argument("--accumulate", type=int, default=1, help="micro-batches of a step, on each rank")
    parser.add_argument("--activation-checkpointing", action="store_true")
    parser.add_argument("--stop-after", type=int, help="end with a checkpoint after this step")
    return parser.parse_args()


def full(tensor):
    tensor = tensor.detach()
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).float().cpu().contiguous()


class Run:
    def __init__(self, args):
        self.args, self.rank, self.world = args, dist.get_rank(), dist.get_world_size()
        self.device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if torch.cuda.is_available() else (
            torch.device("cpu"))
        self.plan = json.loads((FOLDER / "plan.json").read_text())
        self.options = self.plan["options"]
        self.text = StepText(self.plan, FOLDER / "tokens")
        self.steps = -(-self.options["tokens"] // self.options["batch_tokens"])
        parts = self.world * args.accumulate
        if self.text.count % parts:
            raise SystemExit(
                f"--accumulate: expected ranks times micro-batches to divide the {self.text.count} sequences "
                f"of a step, found {parts}")
        self.checkpoints = sorted(FOLDER.glob("checkpoints/step-*"))
        self.start = self.checkpoints[-1]
        state = json.loads((self.start / "state.json").read_text())
        self.step, self.window = state["step"], state["spike_window"]
        self._load()

    def _load(self):
        stored = load_file(self.start / "model.safetensors")
        model = AutoModelForCausalLM.from_pretrained(
            self.start, trust_remote_code=True, dtype=torch.float32, attn_implementation="sdpa")
        model.config.use_cache = False
        self.names = [name for name, _ in model.named_parameters() if name in stored]
        for name, parameter in model.named_parameters():
            # mohd-train trains what its checkpoint has: a scale of 1 that is absent stays one.
            parameter.requires_grad_(name in stored)
        self.buffers = [name for name in stored if name not in self.names]
        self.is_mohd = self.plan["model"]["model_type"] == "mohd"
        if self.args.activation_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        self.balance = Balance(model, self.device)
        self.z = ZLoss(model, self.options["z_loss_weight"])
        model.to(self.device).train()
        policy = MixedPrecisionPolicy()
        if self.args.precision == "bf16":
            policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
        mesh = dist.device_mesh.init_device_mesh(self.device.type, (self.world,))
        for layer in model.model.layers:
            fully_shard(layer, mesh=mesh, mp_policy=policy)
        fully_shard(model, mesh=mesh, mp_policy=policy)
        self.model, self.parameters = model, dict(model.named_parameters())
        adam = self.options["adam"]
        decays = [n for n in self.names if self.parameters[n].dim() > 1 and not n.endswith("inactive_bias")]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [self.parameters[n] for n in decays], "weight_decay": adam["weight_decay"]},
                {"params": [self.parameters[n] for n in self.names if n not in decays], "weight_decay": 0.0},
            ],
            lr=0.0, betas=(adam["beta1"], adam["beta2"]), eps=adam["epsilon"],
        )
        path = self.start / "optimizer.safetensors"
        if not path.exists():
            return
        moments = load_file(path)
        for name in self.names:
            parameter, state = self.parameters[name], {"step": torch.tensor(float(self.step))}
            for key in ("exp_avg", "exp_avg_sq"):
                value = moments[f"{key}.{name}"].to(self.device)
                state[key] = dist.tensor.distribute_tensor(value, mesh, parameter.placements)
            self.optimizer.state[parameter] = state

    def rate(self, step):
        schedule, options = self.options["schedule"], self.options
        warm = math.floor(schedule["warmup"] * self.steps + 0.5)
        if step <= warm:
            return options["learning_rate"] * step / warm
        if schedule["shape"] == "constant" or self.steps <= warm:
            return options["learning_rate"]
        share = (step - warm) / (self.steps - warm)
        cosine = 0.5 * (1 + math.cos(math.pi * share))
        return options["learning_rate"] * (schedule["floor"] + (1 - schedule["floor"]) * cosine)

    def inputs(self, sequences):
        length = max(map(len, sequences))
        ids = torch.stack([functional.pad(s, (0, length - len(s))) for s in sequences]).to(self.device)
        mask = torch.stack([torch.arange(length) < len(s) for s in sequences]).to(self.device)
        return ids, mask

    def forward(self, sequences):
        """The sum of the cross entropy, and this micro-batch's part of the balance loss."""
        ids, mask = self.inputs(sequences)
        self.z.mask, self.z.is_forward = mask, True
        given = {"attention_mask": mask.long()} if self.is_mohd else {}
        inner = self.model(input_ids=ids, use_cache=False, **given)
        self.z.is_forward = False
        targets = ids[:, 1:].masked_fill(~mask[:, 1:], -100)
        loss = functional.cross_entropy(
            inner.logits[:, :-1].float().flatten(0, 1), targets.flatten(), reduction="sum")
        return loss, inner.balance_loss if self.is_mohd else torch.zeros((), device=self.device)

    def take_step(self):
        step, options = self.step + 1, self.options
        sequences = self.text.step(step)
        tokens, scored = sum(map(len, sequences)), sum(len(s) - 1 for s in sequences)
        # Rank r has the r-th part of the step, in its order.
        share = len(sequences) // self.world
        own = sequences[self.rank * share : (self.rank + 1) * share]
        size = share // self.args.accumulate
        parts = [own[i : i + size] for i in range(0, share, size)]
        self.balance.begin(tokens, is_counting=len(parts) > 1)
        if len(parts) > 1 and self.is_mohd:
            with torch.no_grad():
                for part in parts:
                    self.forward(part)
            self.z.take(1)
            self.balance.finish_counting()
        self.balance.is_counting = False
        self.optimizer.zero_grad(set_to_none=True)
        sums = [0.0, 0.0, 0.0]
        for index, part in enumerate(parts):
            self.model.set_requires_gradient_sync(index + 1 == len(parts))
            loss, balance = self.forward(part)
            z = self.z.take(tokens)
            # FSDP takes the mean over ranks; these are sums.
            ((loss / scored + balance + z) * self.world).backward()
            for i, value in enumerate((loss, balance, z)):
                sums[i] += float(value.detach() if isinstance(value, torch.Tensor) else value)
        entropy, balance, z = total(*sums, device=self.device)
        entropy /= scored
        trained = [self.parameters[n] for n in self.names]
        clip = options["clip"] if options["clip"] > 0 else math.inf
        norm = torch.nn.utils.clip_grad_norm_(trained, clip)
        norm = float(norm.full_tensor() if isinstance(norm, DTensor) else norm)
        if not math.isfinite(entropy + balance + z + norm):
            raise SystemExit(f"step {step}: the loss is not finite; the last checkpoint is kept")
        spike = self.is_spike(entropy)
        if not (spike and options["skip_spikes"]):
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate(step)
            self.optimizer.step()
        if self.is_mohd:
            self.update_norms()
        self.step = step
        record = dict(
            step=step, cross_entropy=entropy, balance_loss=balance, z_loss=z, gradient_norm=norm,
            learning_rate=self.rate(step), batch=fingerprint(sequences), tokens=tokens, scored=scored)
        if spike:
            record["spike"] = True
        self.append("train.jsonl", record)
        return record

    def is_spike(self, loss):
        if len(self.window) == SPIKE_STEPS:
            mean = sum(self.window) / SPIKE_STEPS
            variance = sum((x - mean) ** 2 for x in self.window) / (SPIKE_STEPS - 1)
            if loss > mean + SPIKE_DEVIATIONS * variance**0.5:
                return True
            self.window.pop(0)
        self.window.append(loss)
        return False

    def update_norms(self):
        """Energy routers go by the projections as they are now."""
        for name, module in self.model.named_modules():
            if type(module).__name__ == "EnergyRouter":
                component = self.model.get_submodule(name.removesuffix(".mohd.router"))
                names = [n for n in ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj") if hasattr(component, n)]
                squares = sum(full(getattr(component, n).weight).square().sum(0) for n in names)
                module.norms.copy_(squares.sqrt())

    @torch.no_grad()
    def evaluate(self):
        domains = {}
        for domain in self.text.domains:
            sums = [0.0, 0.0]
            # Every rank takes part in every forward pass: weights are gathered for it.
            count = -(-len(domain.held_out) // self.world)
            self.balance.begin(1.0, is_counting=True)
            for index in range(count):
                place = index * self.world + self.rank
                sequence = domain.held_out[min(place, len(domain.held_out) - 1)]
                loss, _ = self.forward([domain.ids(sequence)])
                self.z.take(1)
                if place < len(domain.held_out):
                    sums = [sums[0] + float(loss), sums[1] + len(sequence) - 1]
            nats, tokens = total(*sums, device=self.device)
            if tokens:
                entropy = nats / tokens
                domains[domain.name] = dict(
                    cross_entropy=entropy, bits_per_byte=entropy / math.log(2) * domain.tokens_per_byte,
                    perplexity=math.exp(entropy), tokens=int(tokens))
        self.balance.begin(1.0, is_counting=False)
        self.append("evaluation.jsonl", dict(step=self.step, domains=domains))

    def append(self, name, record):
        if self.rank == 0:
            with open(FOLDER / name, "a") as file:
                file.write(json.dumps(record, sort_keys=True, separators=(",", ":")) + "\n")

    def cut_lines(self, name, step):
        path = FOLDER / name
        if self.rank == 0 and path.exists():
            lines = [line for line in path.read_text().splitlines(True) if line.endswith("\n")]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
            path.write_text("".join(kept))
        dist.barrier()
        return sum(1 for _ in open(path)) if path.exists() else 0

    def checkpoint(self):
        name = f"step-{self.step:08}"
        partial = FOLDER / "checkpoints" / f".{name}.partial"
        weights = {n: full(self.parameters[n]) for n in self.names}
        moments = {
            f"{key}.{n}": full(self.optimizer.state[self.parameters[n]][key])
            for key in ("exp_avg", "exp_avg_sq") for n in self.names
        }
        if self.rank == 0:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            for path in self.start.iterdir():
                if path.is_file() and path.name not in BESIDE:
                    shutil.copy(path, partial / path.name)
            own = dict(self.model.named_buffers())
            for key in self.buffers:
                if key in own:
                    weights[key] = own[key].detach().cpu().contiguous()
            save_file(weights, partial / "model.safetensors", metadata={"format": "pt"})
            save_file(moments, partial / "optimizer.safetensors")
            state = dict(schema=1, step=self.step, spike_window=self.window)
            (partial / "state.json").write_text(json.dumps(state, indent=2, sort_keys=True) + "\n")
            for path in partial.iterdir():
                with open(path, "rb") as file:
                    os.fsync(file.fileno())
            os.replace(partial, FOLDER / "checkpoints" / name)
            self.prune()
        dist.barrier()

    def is_due(self, step, every):
        return step % every == 0 or step == self.steps

    def prune(self):
        options = self.options
        found = sorted(FOLDER.glob("checkpoints/step-*"))
        due = [p for p in found if self.is_due(int(p.name[5:]), options["checkpoint_every"])]
        every = options["keep_every"]
        kept = {*due[-options["keep"] :], found[-1], self.start}
        kept |= {p for p in found if every > 0 and int(p.name[5:]) % every == 0}
        for path in set(found) - kept:
            shutil.rmtree(path)

    def run(self):
        stop = []
        for name in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(name, lambda *_: stop.append(True))
        self.cut_lines("train.jsonl", self.step)
        if self.cut_lines("evaluation.jsonl", -1 if self.step == 0 else self.step) == 0:
            self.evaluate()
        last = min(self.args.stop_after or self.steps, self.steps)
        while self.step < last:
            record = self.take_step()
            if self.rank == 0:
                print(f"step {self.step} of {self.steps}, loss {record['cross_entropy']:.4f}", flush=True)
            if self.is_due(self.step, self.options["evaluate_every"]):
                self.evaluate()
            stops = total(float(bool(stop)), device=self.device)[0] > 0
            if stops or self.step == last or self.is_due(self.step, self.options["checkpoint_every"]):
                self.checkpoint()
            if stops:
                return 75
        return 0


def main():
    args = arguments()
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    status = Run(args).run()
    dist.destroy_process_group()
    sys.exit(status)


if __name__ == "__main__":
    main()
