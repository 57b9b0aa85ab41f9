"""Writes Tests/Fixtures/corpora: small corpora, compressed and not, and what Python reads in them.

Pinned: Python 3.11 (json, gzip), zstd 1.5.4 (the command). Seed 20. Run it from anywhere:

    python3 Tests/Fixtures/generate_corpora.py
"""

import gzip
import hashlib
import json
import pathlib
import random
import subprocess
import zlib

FOLDER = pathlib.Path(__file__).parent / "corpora"
SEED = 20


def zstd(data, *options):
    command = ["zstd", "--quiet", "--stdout", *options]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def documents(generator):
    """Eleven objects as RedPajama and Dolma write them: nested metadata, escapes, repeated ids."""
    words = "river stone Größe naïve 漢字 ответ 🦙 λ tab\tquote\" back\\slash new\nline".split(" ")
    for number in range(11):
        text = " ".join(generator.choice(words) for _ in range(generator.randrange(5, 60)))
        yield {
            "id": number % 7,
            "text": text,
            "meta": {"redpajama_set_name": ["RedPajamaBook", "RedPajamaGithub"][number % 2]},
            "added": [number, None, True, {"text": "not this one"}],
        }


def lines(generator):
    """Lines that a strict reader must take or refuse exactly as Python's json does."""
    fixed = [
        '{"text": "plain"}',
        ' \t{ "text" : "blanks" } \r',
        '{"text": ""}',
        '{"text": "a", "text": "b"}',
        '{"text": "a", "text": 1}',
        '{"te\\u0078t": "escaped key"}',
        '{"text": "\\ud83e\\udd99 \\ud83e \\udd99 \\ud83e\\ud83e\\udd99 \\u0000"}',
        '{"text": "\\b\\f\\n\\r\\t\\/\\\\\\""}',
        '{"n": [NaN, Infinity, -Infinity, -0, 0.5e+3, 1E-2, 1' + "0" * 400 + '], "text": "numbers"}',
        '{"n": 01, "text": "x"}',
        '{"n": 1., "text": "x"}',
        '{"n": .5, "text": "x"}',
        '{"n": +1, "text": "x"}',
        '{"n": 1e, "text": "x"}',
        '{"n": -, "text": "x"}',
        '{"n": tru, "text": "x"}',
        '{"n": nullx, "text": "x"}',
        '{"text": "a",}',
        '{"text": "a" "b": 1}',
        '{"text" "a"}',
        '{text: "a"}',
        "{'text': 'a'}",
        '{"text": "a"} {}',
        '{"text": "a"',
        '{"text": "a',
        '{"text": "a\\"}',
        '{"text": "\\x41"}',
        '{"text": "\\u12"}',
        '{"text": "\\u12G4"}',
        '{"text": "tab\there"}',
        '{"text": "\u007f\u2028\ufeff"}',
        '{"a": [], "b": {}, "c": [[], {}, [[1, 2], {"d": {}}]], "text": "nested"}',
        '{"a": [1, 2,], "text": "x"}',
        '{"a": [1 2], "text": "x"}',
        '{"a": {"text": "inner"}, "text": "outer"}',
        '{"a": [' + "[" * 100 + "]" * 100 + '], "text": "deep"}',
        "[]",
        '"text"',
        "17",
        "null",
        "nonsense",
        "{}",
        '{"text": null}',
        '{"text": ["a"]}',
        '{"text": {"text": "a"}}',
    ]
    yield from fixed
    pieces = ['"text"', ":", '"a"', "{", "}", "[", "]", ",", " ", "1", "null", '"\\u00e9"', "-2e3"]
    pieces += list("abé \u4e00\U0001f999") + [" ", "\t", '\\n', "\\ud83e", "\\udd99", "\\u0041"] * 2
    for _ in range(400):
        line = bytearray(generator.choice(fixed[:8] + fixed[31:36]), "utf-8")
        for _ in range(generator.randrange(1, 3)):
            start = generator.randrange(len(line) + 1)
            end = min(len(line), start + generator.choice([0, 0, 0, 1, 2]))
            line[start:end] = generator.choice(pieces).encode()
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            continue


def text_of(line):
    """The text that Python finds, in hexadecimal, or "!" when it finds none."""
    try:
        value = json.loads(line)
    except ValueError:
        return "!"
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        return "!"
    text = value["text"]
    return "".join("\ufffd" if 0xD800 <= ord(c) <= 0xDFFF else c for c in text).encode().hex()


def main():
    generator = random.Random(SEED)
    FOLDER.mkdir(exist_ok=True)
    rows = [json.dumps(d, ensure_ascii=i % 2 == 0) for i, d in enumerate(documents(generator))]
    plain = "\n".join(rows).encode() + b"\n"
    cut = plain.index(b"\n", len(plain) // 2) - 10
    head, tail = plain[:cut], plain[cut:]
    skippable = b"\x53\x2a\x4d\x18\x05\x00\x00\x00hello"
    text = "\ufeffTwo\r\nlines, kept\u2028verbatim: e\u0301 é\n\n".encode() * 3
    table = list(lines(generator))

    def member(data):
        return gzip.compress(data, mtime=0)

    files = {
        "small.jsonl": plain,
        "small.jsonl.gz": member(head) + member(b"") + member(tail) + b"\0" * 512,
        "small.jsonl.zst": skippable + zstd(head, "-19") + zstd(tail, "--no-check") + skippable,
        # Named as text and compressed all the same: the first bytes decide.
        "prose.txt": text,
        "prose.zst.txt": zstd(text),
        "lines.jsonl": "\n".join(table).encode(),
        "lines.expected": "\n".join(text_of(line) for line in table).encode() + b"\n",
        # Compressed twice to be small here; the tests take the outer layer off.
        "bomb.gz.gz": member(member(bytes(200 << 20))),
        "bomb.zst.zst": zstd(zstd(bytes(1 << 30))),
        "wide.zst.zst": zstd(zstd(bytes(1 << 20) + b"end", "--long=27", "--no-content-size")),
        "wider.zst.zst": zstd(zstd(bytes(1 << 20) + b"end", "--long=28", "--no-content-size")),
    }
    sums = []
    for name, data in sorted(files.items()):
        (FOLDER / name).write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    (FOLDER / "SHA256SUMS").write_text("".join(sums))


if __name__ == "__main__":
    main()
