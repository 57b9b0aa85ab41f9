#!/usr/bin/env bash
# `make bench`: capture against the script that a user would write today, and against the machine.
# Needs the network once, for torch. README.md beside this file says what the ratios mean.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=.cache model=$(ls .cache/*.gguf) pairs=${PAIRS:-5} tokens=8192

if [ ! -x $cache/venv-peer/bin/python ]; then
  python3 -m venv $cache/venv-peer
  $cache/venv-peer/bin/pip install -q --disable-pip-version-check \
    "torch==2.13.0+cpu" transformers==5.23.0 accelerate h5py==3.16.0 safetensors==0.8.0 gguf==0.19.0
fi
peer=$cache/venv-peer/bin/python
[ -d $cache/smollm2-hf ] || $peer Benchmarks/peer/smollm2_to_hf.py "$model" $cache/smollm2-hf

swift build -c release >/dev/null
swift build -c release --package-path Benchmarks --scratch-path .build-benchmarks >/dev/null
probe=$(swift build -c release --show-bin-path)/mohd-probe
forward=$(swift build -c release --package-path Benchmarks --scratch-path .build-benchmarks --show-bin-path)/forward-benchmark

if [ "${1:-}" = statistics ]; then
  exec "$peer" Benchmarks/compare_statistics.py --probe "$probe" --stats "$(dirname "$probe")/mohd-stats" \
    --peer "$peer" --gguf "$model" --work $cache/bench --pairs "${PAIRS:-3}"
fi
if [ "${1:-}" = kmeans ]; then
  "$peer" -c "import sklearn" 2>/dev/null ||
    "$peer" -m pip install -q --disable-pip-version-check scikit-learn==1.9.1 threadpoolctl==3.8.0
  exec "$peer" Benchmarks/compare_kmeans.py --probe "$probe" --forward "$forward" --gguf "$model" --work $cache/bench
fi
if [ "${1:-}" = distillation ]; then
  exec "$peer" Benchmarks/compare_distillation.py --convert "$(dirname "$probe")/mohd-convert" --peer "$peer" \
    --gguf "$model" --folder $cache/smollm2-hf --work $cache/bench --pairs "${PAIRS:-3}"
fi
exec "$peer" Benchmarks/compare.py --probe "$probe" --forward "$forward" --peer "$peer" \
  --gguf "$model" --folder $cache/smollm2-hf --work $cache/bench --tokens $tokens --pairs "$pairs"
