"""Training steps as PyTorch takes them: the peer of compare_training.py. One burst for each line of input.

    torch_train.py CONFIG SEQUENCES LENGTH eager|compiled

Prints tokens/s for each line "STEPS" read, float32, fused AdamW, sdpa. A MoHD config runs modeling_mohd.py.
"""

import json
import os
import pathlib
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
config, sequences, length, mode = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.set_num_threads(int(os.environ.get("THREADS", os.cpu_count())))
torch.manual_seed(1)
given = json.loads(pathlib.Path(config).read_text())
if given["model_type"] == "mohd":
    sys.path.insert(0, str(ROOT / "Sources/Results/Conversion"))
    from HuggingFace.configuration_mohd import MoHDConfig
    from HuggingFace.modeling_mohd import MoHDForCausalLM

    given["mohd"]["execution"] = "masked"
    model_config = MoHDConfig(**given)
    model_config._attn_implementation = "sdpa"
    model = MoHDForCausalLM(model_config)
else:
    model_config = LlamaConfig(**given)
    model_config._attn_implementation = "sdpa"
    model = LlamaForCausalLM(model_config)
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
ids = torch.randint(0, given["vocab_size"], (64, sequences, length))


def loss_of(batch):
    return model(input_ids=batch, labels=batch, use_cache=False).loss


if mode == "compiled":
    loss_of = torch.compile(loss_of)


def step(number):
    optimizer.zero_grad(set_to_none=True)
    loss = loss_of(ids[number % len(ids)])
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


step(0), step(1)
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    start = time.perf_counter()
    for number in range(count):
        step(number)
    print(count * sequences * length / (time.perf_counter() - start), flush=True)
