#!/usr/bin/env bash
# `make demo`: SmolLM2-135M over the five sample corpora, and what to do with the result.
set -euo pipefail
bin=$1 model=$2 corpora=$3 demo=$4
probe=$bin/mohd-probe

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || step() { printf '\n%s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

arguments=()
for domain in "$corpora"/*/; do
  arguments+=("$(basename "$domain")=${domain%/}")
done

step "1. The model"
show "$probe" inspect "$model"

step "2. What a capture would take"
show "$probe" capture --model "$model" --corpus "${arguments[@]}" --output "$demo/run" --dry-run

step "3. Capture the inputs and outputs of attention and FFN"
show "$probe" capture --model "$model" --corpus "${arguments[@]}" --output "$demo/run" --resume

step "4. Check every byte"
show "$probe" verify "$demo/run"
show "$probe" inspect "$demo/run"

step "5. Check the paper's claims, beside chance; from the model, nothing is kept on disk"
show "$bin/mohd-stats" stream --model "$model" --corpus "${arguments[@]}" \
  --max-tokens-per-domain 800 --hook-points all --basis-width 600 --name SmolLM2-135M \
  --output "$demo/report"

step "6. Make a model that uses three quarters of its hidden dimensions, calibrated on part of the text"
source "$(dirname "$0")/sample_split.sh"
sample_split "$corpora"
rm -rf "$demo/mohd"
show "$bin/mohd-convert" --model "$model" --corpus "${calibration[@]}" --active 0.75 --output "$demo/mohd"

step "7. What that cost, on the texts that were left out"
show "$bin/mohd-eval" compare "$model" "$demo/mohd" --corpus "${evaluation[@]}" \
  --output "$demo/evaluation" --no-pictures

cat <<EOF

What to do next:
  $PWD/$demo/report/report.html opens in any browser: verdicts, then figures.

  $PWD/$demo/run/activations.h5 opens in h5py, xarray (engine h5netcdf) and h5dump:

    import h5py
    file = h5py.File("$demo/run/activations.h5")
    x = file["ffn_input"][15]                  # layer 15: token, hidden

  $demo/mohd is a Hugging Face folder (trust_remote_code=True); $PWD/$demo/evaluation/report.html says
  what was lost, and where.

  Your own model and text:

    $probe capture --model MODEL --corpus TEXTS --output RUN --dry-run
EOF
