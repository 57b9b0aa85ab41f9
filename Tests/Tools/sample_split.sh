# Sourced: cuts the sample corpora in CORPORA into `calibration` and `evaluation`, arrays of
# domain=path. One text of each domain is left out to be judged by; a domain of one file is all
# calibration.
sample_split() {
  calibration=() evaluation=()
  local domain name files file
  for domain in "$1"/*/; do
    name=$(basename "$domain") files=("$domain"*.txt*)
    if [ ${#files[@]} -gt 1 ]; then
      evaluation+=("$name=${files[0]}") files=("${files[@]:1}")
    else
      files=("$domain"*)
    fi
    for file in "${files[@]}"; do calibration+=("$name=$file"); done
  done
}
