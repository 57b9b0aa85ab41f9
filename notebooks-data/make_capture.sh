#!/usr/bin/env bash
# Makes notebooks-data/run, the capture that smollm2.ipynb opens: the inputs and outputs of layer 15 of
# SmolLM2-135M on the five sample corpora, float32. Run it from the repository's root after
# `make build`; about half a minute on two cores.
set -euo pipefail
bin=${1:-$(swift build -c release --show-bin-path)}
arguments=()
for domain in notebooks-data/corpora/*/; do
  arguments+=("$(basename "$domain")=${domain%/}")
done
"$bin/mohd-probe" capture --model .cache/SmolLM2-135M-Instruct.Q4_1.gguf \
  --corpus "${arguments[@]}" --max-tokens-per-domain 800 --layers 15 --dtype float32 \
  --output notebooks-data/run --resume
