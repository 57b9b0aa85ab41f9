#!/usr/bin/env python3
"""What a user would write today: distil a converted model into the dense one's logits with PyTorch.

usage: torch_distill.py DENSE_DIR CONVERTED_DIR TEXT_FILE STEPS

Steps of 1024 tokens in sequences of 512, KL(dense || converted), gradients of the input projections
and bases alone, Adam: what mohd-convert --distill does. Needs torch (CPU) and transformers. Prints
one line; the rate leaves the first step out.
"""
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

dense_dir, converted_dir, text, steps = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
TRAINED = ("q_proj.weight", "k_proj.weight", "v_proj.weight", "gate_proj.weight", "up_proj.weight", "mohd.basis")

teacher = AutoModelForCausalLM.from_pretrained(dense_dir, dtype=torch.float32).eval()
student = AutoModelForCausalLM.from_pretrained(converted_dir, dtype=torch.float32, trust_remote_code=True)
for name, parameter in student.named_parameters():
    parameter.requires_grad_(name.endswith(TRAINED))
trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
optimizer = torch.optim.Adam(trained, lr=1e-5, betas=(0.9, 0.95))
tokenizer = AutoTokenizer.from_pretrained(dense_dir)
ids = tokenizer(open(text, encoding="utf-8", newline="").read()[: steps * 1024 * 8])["input_ids"]
batches = torch.tensor(ids[: steps * 1024]).view(steps, 2, 512)

started, losses = time.perf_counter(), []
for step, batch in enumerate(batches):
    if step == 1:
        started = time.perf_counter()
    with torch.no_grad():
        wanted = teacher(batch, use_cache=False).logits.log_softmax(-1)
    found = student(batch, use_cache=False).logits.log_softmax(-1)
    loss = torch.nn.functional.kl_div(found, wanted, log_target=True, reduction="sum") / batch.numel()
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()
    losses.append(loss.item())
seconds = time.perf_counter() - started
print(f"losses {losses} {(steps - 1) * 1024 / seconds:.1f} tokens/s")
