#!/usr/bin/env bash
# Makes reports/comparison, reports/routed and reports/ablation: what it costs SmolLM2-135M to use some of
# its hidden dimensions, and why. The first is a static choice of three quarters, which is mohd-convert's
# recipe without a router; the other two are the paper's preset, half of them in eight sub-dimensions of
# which three are shared and one of five is chosen for each token. Run it from the repository's root after
# `make build`, on a machine that does nothing else; twenty minutes on two cores. Committed are the pages
# and their figures; .gitignore names the rest.
#
#   python3 reports/make_texts.py .cache/texts
#   reports/make_evaluation.sh .cache/texts/calibration .cache/texts/evaluation
set -euo pipefail
source reports/series.sh
model=.cache/SmolLM2-135M-Instruct.Q4_1.gguf work=.cache/evaluation

rm -rf $work && mkdir -p $work
"$bin/mohd-convert" --model $model --corpus "${from[@]}" --active 0.75 --output $work/three-quarters
"$bin/mohd-convert" --model $model --corpus "${from[@]}" --preset 50% --output $work/preset-50

rm -rf reports/comparison reports/routed reports/ablation
"$bin/mohd-eval" compare $model $work/three-quarters --corpus "${judged[@]}" --output reports/comparison
"$bin/mohd-eval" compare $model $work/preset-50 --corpus "${judged[@]}" --output reports/routed
"$bin/mohd-eval" ablate $work/preset-50 --dense $model --corpus "${judged[@]}" --output reports/ablation
