#!/usr/bin/env bash
# Makes reports/smollm2: SmolLM2-135M on the five sample corpora, all hook points; and of its tables
# those in notebooks-data/tables. Run it from the repository's root after `make build`; it takes a few
# minutes on two cores. Committed are report.html and the figures; .gitignore names the rest.
set -euo pipefail
bin=${1:-$(swift build -c release --show-bin-path)}
arguments=()
for domain in notebooks-data/corpora/*/; do
  arguments+=("$(basename "$domain")=${domain%/}")
done
"$bin/mohd-stats" stream --model .cache/SmolLM2-135M-Instruct.Q4_1.gguf \
  --corpus "${arguments[@]}" --max-tokens-per-domain 800 --hook-points all --basis-width 600 \
  --name SmolLM2-135M --output reports/smollm2

from=reports/smollm2/tables to=notebooks-data/tables
cp $from/{five_tokens,magnitude,sparsity}.csv $to
# The large tables without what notebooks do not need: see the README beside them.
ends='^(attention|ffn)_(input|output)$'
awk -F, -v ends="$ends" 'NR == 1 || ($1 == "all" && $3 ~ ends && $4 == "squared")' \
  $from/long_tail.csv >$to/long_tail.csv
awk -F, -v ends="$ends" 'NR == 1 || ($1 == "all" && $3 ~ ends && ($5 == 0.2 || $5 == 0.5) &&
  ($4 == "above_quantile" || $4 == "token_top_fraction"))' $from/shared.csv >$to/shared.csv
