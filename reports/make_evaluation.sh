#!/usr/bin/env bash
# Makes reports/comparison and reports/ablation: what it costs SmolLM2-135M to use some of its hidden
# dimensions, and why. The first is mohd-convert's default recipe with three quarters of them, the second
# the paper's preset, half of them in eight sub-dimensions; both are calibrated on some of the sample
# corpora and judged on the others. Run it from the repository's root after `make build`, on a machine
# that does nothing else; a quarter of an hour on two cores. Committed are the pages and their figures;
# .gitignore names the rest.
set -euo pipefail
bin=${1:-$(swift build -c release --show-bin-path)}
model=.cache/SmolLM2-135M-Instruct.Q4_1.gguf work=.cache/evaluation
source Tests/Tools/sample_split.sh
sample_split notebooks-data/corpora

rm -rf $work && mkdir -p $work
"$bin/mohd-convert" --model $model --corpus "${calibration[@]}" --active 0.75 --output $work/default
"$bin/mohd-convert" --model $model --corpus "${calibration[@]}" \
  --active 0.5 --sub-dimensions 8 --shared 3 --output $work/eight

rm -rf reports/comparison reports/ablation
"$bin/mohd-eval" compare $model $work/default --corpus "${evaluation[@]}" --output reports/comparison
"$bin/mohd-eval" ablate $work/eight --dense $model --corpus "${evaluation[@]}" \
  --output reports/ablation
