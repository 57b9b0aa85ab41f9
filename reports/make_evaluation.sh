#!/usr/bin/env bash
# Makes reports/comparison, reports/routed, reports/ablation and reports/parts: what it costs SmolLM2-135M to
# use some of its hidden dimensions, and why. The first is a static choice of three quarters, which is
# mohd-convert's recipe without a router. The next two are the paper's preset of one half: eight
# sub-dimensions, three of them shared, of the other five one is chosen for each token. The last takes the
# preset of three quarters apart, with all parts that a conversion can have: fusion, factors, biases and a
# low-rank path. Run it from the repository's root after `make build`, on a machine that does nothing else;
# half an hour on two cores. Committed are the pages and their figures; .gitignore names the rest.
#
#   python3 reports/make_texts.py .cache/texts
#   reports/make_evaluation.sh .cache/texts/calibration .cache/texts/evaluation
set -euo pipefail
source reports/series.sh
model=.cache/SmolLM2-135M-Instruct.Q4_1.gguf work=.cache/evaluation

rm -rf $work && mkdir -p $work
"$bin/mohd-convert" --model $model --corpus "${from[@]}" --active 0.75 --output $work/three-quarters
"$bin/mohd-convert" --model $model --corpus "${from[@]}" --preset 50% --output $work/preset-50
"$bin/mohd-convert" --model $model --corpus "${from[@]}" --preset 75% --fusion monarch \
  --refit scale bias low-rank --low-rank 16 --output $work/preset-75-parts

rm -rf reports/comparison reports/routed reports/ablation reports/parts
"$bin/mohd-eval" compare $model $work/three-quarters --corpus "${judged[@]}" --output reports/comparison
"$bin/mohd-eval" compare $model $work/preset-50 --corpus "${judged[@]}" --output reports/routed
"$bin/mohd-eval" ablate $work/preset-50 --dense $model --corpus "${judged[@]}" --output reports/ablation
"$bin/mohd-eval" ablate $work/preset-75-parts --dense $model --corpus "${judged[@]}" --output reports/parts
