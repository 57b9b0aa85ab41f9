#!/usr/bin/env bash
# Makes reports/headline: perplexity over the dense model's against measured prefill speed, for 26
# conversions of SmolLM2-135M, one of them trained afterwards. Run it from the repository's root
# after `make build`, on a machine that does nothing else; half an hour on two cores. What is there already
# is not computed again.
#
#   python3 reports/make_texts.py .cache/texts
#   reports/make_headline.sh .cache/texts/calibration .cache/texts/evaluation
#
# Both are folders with the same text files, one a domain; the committed report is of those that
# make_texts.py takes from Debian packages: 8192 tokens to calibrate on, 32,768 to train on and 4 x 1030
# to judge by. With other text the numbers differ, the order should not. Committed are the page and
# the figure; .gitignore names the rest.
set -euo pipefail
source reports/series.sh
series sweep --over headline --distill 32768 --output reports/headline
