#!/bin/sh
# Makes Tests/Fixtures/capture/version-1: a capture as mohd-probe wrote them when a shard was one
# batch, for the test that such captures are still read.
#
# usage: generate_capture_version_1.sh MOHD_PROBE FOLDER
#
# MOHD_PROBE is the program built at commit d15f288, and FOLDER is new. The model is the fixture
# pico-llama with the tokenizer of Tests/CommandLineTests/PicoCapture.swift.
set -eu
probe=$1
fixtures=$(cd "$(dirname "$0")" && pwd)
mkdir "$2"
cd "$2"
mkdir model
cp "$fixtures/models/pico-llama/config.json" "$fixtures/models/pico-llama/model.safetensors" model/
python3 - <<'END'
characters = "Ġabcdefghijklmnopqrstuvwxyz0123456789"
entries = ", ".join(f'"{t}": {i}' for i, t in enumerate(["<s>", "</s>", "Ċ", *characters]))
with open("model/tokenizer.json", "w", encoding="utf-8") as file:
    file.write(
        '{"version": "1.0", "added_tokens": [], "normalizer": null, '
        '"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, '
        '"use_regex": true}, "post_processor": null, "decoder": {"type": "ByteLevel"}, '
        f'"model": {{"type": "BPE", "vocab": {{{entries}}}, "merges": []}}}}')
for name, words in [("one", "a shard was a batch once "), ("two", "dead beef cafe 0123 ")]:
    with open(name + ".txt", "w", encoding="utf-8") as file:
        file.write((words * 20)[:360])
END
"$probe" capture --model model --corpus one=one.txt two=two.txt --sequence-length 128 \
  --hook-points attention_input ffn_input --output version-1 --quiet
rm version-1/capture.log
