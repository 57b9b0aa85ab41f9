#!/usr/bin/env bash
# The ten tasks of arXiv 2412.05644, Section 5.1, with its shots, asked of one model through
# `mohd-eval serve`. The first run downloads the tasks' texts from the Hugging Face hub. Needs lm_eval
# 0.4.13 (`pip install "lm-eval[api]==0.4.13"`) on the path; no torch. A run that was stopped goes on:
# a group of tasks that has results is not asked again.
#
#   reports/lm-eval/paper_tasks.sh MODEL OUTPUT [more options of lm_eval, such as --limit 100]
#   python3 reports/lm-eval/table2.py "ours=OUTPUT"
set -euo pipefail
model=$1 output=$2
shift 2
eval=${MOHD_EVAL:-.build/release/mohd-eval}
mkdir -p "$output"
exec 3< <(exec "$eval" serve --model "$model")
server=$!
trap 'kill $server' EXIT
read -r -u 3 line || { echo "the server did not start" >&2; exit 1; }
url=${line##* }
# The longest prompt is the model's context and one id; lm_eval takes one off for itself.
window=$(python3 -c "
import json, urllib.request
print(json.load(urllib.request.urlopen('$url/v1/models'))['data'][0]['max_model_len'])")

ask() { # shots, tasks
  local folder=$output/shots-$1
  if compgen -G "$folder/*/results_*.json" >/dev/null; then return; fi
  lm_eval --model local-completions --tasks "$2" --num_fewshot "$1" --batch_size 16 \
    --model_args "model=$(basename "$model"),base_url=$url/v1/completions,tokenizer_backend=remote,max_length=$((window + 1)),num_concurrent=4" \
    --output_path "$folder" --log_samples "${@:3}"
}
ask 0 sciq,piqa,winogrande,arc_easy,logiqa,lambada_openai "$@"
ask 5 mmlu "$@"
ask 10 hellaswag "$@"
ask 25 arc_challenge "$@"
ask 32 boolq "$@"
