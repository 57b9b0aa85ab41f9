#!/usr/bin/env bash
# `make demo-train`: a MoHD model of twice the width, trained for two minutes on the sample corpora, and
# what to do with it. So little text is read many times: the tool says how often.
set -euo pipefail
bin=$1 corpora=$2 demo=$3
step() { printf '\n%s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }

step "1. Text, as token ids"
rm -rf "$demo/tokens"
show "$bin/mohd-train" tokens --tokenizer notebooks-data/tokenizer-1024 \
  --corpus "prose=$corpora" --output "$demo/tokens"

step "2. What it would take"
common=(--tokenizer notebooks-data/tokenizer-1024 --prepared "$demo/tokens" --tokens 245760
  --max-epochs 12 --checkpoint-every 20 --evaluate-every 20)
show "$bin/mohd-train" run --preset nano-x2 "${common[@]}" --output "$demo/train" --dry-run

step "3. Train; a run that was stopped goes on"
show "$bin/mohd-train" run --preset nano-x2 "${common[@]}" --output "$demo/train" --resume
show "$bin/mohd-train" inspect "$demo/train"

step "4. It is a model like any other"
model=$(ls -d "$demo"/train/checkpoints/step-* | tail -1)
show "$bin/mohd-eval" perplexity --model "$model" --corpus "prose=$corpora"
rm -rf "$demo/train-capture" "$demo/train-report"
show "$bin/mohd-probe" capture --model "$model" --corpus "prose=$corpora" --max-tokens 4096 \
  --hook-points all --output "$demo/train-capture"
show "$bin/mohd-stats" report "$demo/train-capture" --output "$demo/train-report" --no-pictures
