#!/usr/bin/env bash
# `make lm-eval`: the project's own tasks, asked of dense SmolLM2-135M and of conversions of it by
# lm-evaluation-harness through `mohd-eval serve`, without torch. Writes reports/lm-eval/table.md.
# Safe to repeat; the second time it needs no network and converts nothing.
set -euo pipefail
cache=$1 bin=$2 model=$3 corpora=$4
source "$(dirname "$0")/sample_split.sh"
say() { printf 'lm-eval: %s\n' "$*" >&2; }

requirements=Tests/Tools/lm-eval-requirements.txt
if ! cmp -s "$requirements" "$cache/lm-eval/requirements.txt"; then
  say "making a virtual environment with lm-evaluation-harness"
  python3 -m venv "$cache/lm-eval"
  "$cache/lm-eval/bin/pip" install -q --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$cache/lm-eval/requirements.txt"
fi
python3 Tests/Oracles/lm_eval/make_tasks.py "$cache/lm-eval-tasks"
tasks=mohd_geography,mohd_words,mohd_nature,mohd_everyday,mohd_people,mohd_last_word,mohd_rolling

sample_split "$corpora"
models=(dense)
for active in 0.75 0.5 0.25; do
  folder=$cache/lm-eval-models/static-$active
  if [ ! -f "$folder/conversion.json" ]; then
    say "converting SmolLM2 to $active active, the same for every token"
    rm -rf "$folder"
    mkdir -p "$(dirname "$folder")"
    "$bin/mohd-convert" --model "$model" --corpus "${calibration[@]}" --active "$active" --output "$folder" --quiet
  fi
  models+=("static-$active")
done

export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HOME=$PWD/$cache/lm-eval-home
server=
trap '[ -z "$server" ] || kill "$server"' EXIT
results=()
for name in "${models[@]}"; do
  path=$cache/lm-eval-models/$name
  [ "$name" != dense ] || path=$model
  say "asking $name"
  exec 3< <(exec "$bin/mohd-eval" serve --model "$path" --quiet)
  server=$!
  read -r -u 3 line
  rm -rf "$cache/lm-eval-results/$name"
  "$cache/lm-eval/bin/python" -m lm_eval --model local-completions --tasks "$tasks" \
    --include_path "$cache/lm-eval-tasks" --batch_size 16 --log_samples \
    --model_args "model=$name,base_url=${line##* }/v1/completions,tokenizer_backend=remote,max_length=8194,num_concurrent=4" \
    --output_path "$cache/lm-eval-results/$name" >"$cache/lm-eval-results.log" 2>&1 ||
    { tail -n 30 "$cache/lm-eval-results.log" >&2; exit 1; }
  kill "$server"
  wait "$server" 2>/dev/null || true
  server=
  results+=("$name=$cache/lm-eval-results/$name")
done
python3 reports/lm-eval/table.py "${results[@]}" | tee reports/lm-eval/table.md
