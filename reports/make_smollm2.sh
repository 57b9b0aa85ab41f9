#!/usr/bin/env bash
# Makes reports/smollm2: SmolLM2-135M on the five sample corpora, all hook points. Run it from the
# repository's root after `make build`; it takes a few minutes on two cores.
set -euo pipefail
bin=${1:-$(swift build -c release --show-bin-path)}
arguments=()
for domain in notebooks-data/corpora/*/; do
  arguments+=("$(basename "$domain")=${domain%/}")
done
"$bin/mohd-stats" stream --model .cache/SmolLM2-135M-Instruct.Q4_1.gguf \
  --corpus "${arguments[@]}" --max-tokens-per-domain 800 --hook-points all --basis-width 600 \
  --name SmolLM2-135M --output reports/smollm2
