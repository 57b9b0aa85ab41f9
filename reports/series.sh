# For the make_*.sh beside it, sourced with their two arguments: `series COMMAND ...` is that
# command of mohd-eval on SmolLM2-135M, calibrated on the texts of the first folder and judged on those of
# the second, 4 x 1030 tokens. Results of single settings lie in reports/headline/settings for both.
calibration=${1:?usage: $0 CALIBRATION EVALUATION} evaluation=${2:?usage: $0 CALIBRATION EVALUATION}
bin=$(swift build -c release --show-bin-path)
named() { for file in "$1"/*; do name=$(basename "$file"); echo "${name%%.*}=$file"; done; }
mapfile -t from < <(named "$calibration")
mapfile -t judged < <(named "$evaluation")
series() {
  "$bin/mohd-eval" "$@" .cache/SmolLM2-135M-Instruct.Q4_1.gguf \
    --calibration-corpus "${from[@]}" --calibration-tokens 8192 --corpus "${judged[@]}" \
    --max-tokens-per-domain 1030 --cache reports/headline/settings
}
