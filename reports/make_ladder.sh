#!/usr/bin/env bash
# Makes reports/ladder and reports/sweeps: what each step of a conversion of SmolLM2-135M is worth, and
# what comes of varying one thing. Run it from the repository's root after `make build`, and the ladder's
# part, which measures speeds, on a machine that does nothing else; forty minutes on two cores. Settings
# that reports/make_headline.sh has measured on the same text are not computed again.
#
#   python3 reports/make_texts.py .cache/texts
#   reports/make_ladder.sh .cache/texts/calibration .cache/texts/evaluation
#
# The texts are those of reports/make_headline.sh. Committed are the ladder's page and all figures and settings.csv of
# the sweeps; .gitignore names the rest.
set -euo pipefail
source reports/series.sh
series ladder --output reports/ladder
for over in sub-dimensions shared active budget scaling domains; do
  series sweep --over $over --rounds 0 --output reports/sweeps/$over
done
