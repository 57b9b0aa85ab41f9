"""Writes Tests/Fixtures/foreign: small files of many kinds, each named KIND or KIND.more, as the
programs named here write them. The readers must tell each by its first bytes.

Pinned: Python 3.11, torch 2.13.0, pyarrow 26.0.1, h5py 3.16.0, numpy 2.4.6, gguf 0.19.0, safetensors
0.8.0, sentencepiece 0.2.3; zstd, xz, bzip2 and lz4 of Debian 12. Seed 18. Run it from anywhere:

    python3 Tests/Fixtures/generate_foreign.py
"""

import base64
import bz2
import gzip
import io
import json
import lzma
import pathlib
import pickle
import random
import sqlite3
import subprocess
import tarfile
import tempfile
import zipfile

import gguf
import h5py
import numpy
import pyarrow
import pyarrow.feather
import pyarrow.orc
import pyarrow.parquet
import sentencepiece
import torch
from safetensors.numpy import save

FOLDER = pathlib.Path(__file__).parent / "foreign"
DOCUMENTS = [{"text": "The river bends twice."}, {"text": "A clock."}]
LINES = "".join(json.dumps(document) + "\n" for document in DOCUMENTS).encode()


def put(name, data):
    (FOLDER / name).write_bytes(data.encode() if isinstance(data, str) else data)


def command(*words):
    return subprocess.run(words, input=LINES, capture_output=True, check=True).stdout


def with_path(suffix, write):
    """The bytes that `write` leaves at a path."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/archive{suffix}"
        write(path)
        return pathlib.Path(path).read_bytes()


def pointer(address, size):
    return f"version {address}\noid sha256:{'a' * 64}\nsize {size}\n"


def text():
    put("gitLFSPointer", pointer("https://git-lfs.github.com/spec/v1", 2200119864))
    put("gitLFSPointer.old", pointer("https://hawser.github.com/spec/v1", 12))
    put("gitAnnexPointer", "/annex/objects/SHA256E-s31390--f50d7ac4c6b9031379986bc362fcefb65f1e.bin\n")
    put("webPage", "<!DOCTYPE html><html><head><title>Entry not found</title></head></html>")
    put("webPage.mark", "\ufeff\r\n  <HTML lang=en>\n<body>Sign in</body></HTML>\n")
    put("webPage.xhtml", '<?xml version="1.0"?>\n<html xmlns="http://www.w3.org/1999/xhtml"></html>')
    put("xml", '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>')
    put("text", "Entry not found")
    put("text.long", "\n\nAccess to this model is restricted. You must be authenticated.\n")
    put("text.prose", '["Hello," she said, and left.] Nobody answered.\n')
    put("text.footnote", "[1] A note. [2] Another one.\n")
    put("jsonObject", json.dumps(DOCUMENTS[0], indent=2))
    put("jsonObject.mark", "\ufeff" + json.dumps({"error": "Invalid credentials"}))
    put("jsonArray", json.dumps(DOCUMENTS))
    put("jsonArray.indented", json.dumps(DOCUMENTS, indent=2))
    put("jsonArray.strings", json.dumps(["one [\"text\"]", "another"]))
    put("jsonArray.none", " [ ]\n")
    words = [bytes([byte]) for byte in range(33, 80)] + [b" the", b"\n\n"]
    put("tiktoken", "".join(f"{base64.b64encode(w).decode()} {i}\n" for i, w in enumerate(words)))
    put("utf16", "The river bends twice.\n".encode("utf-16"))
    put("utf16.big", "The river bends.\n".encode("utf-16-be"))
    put("utf16.unmarked", "The river bends.\n".encode("utf-16-le"))
    put("empty", "")
    put("zeros", bytes(64))


def packed():
    put("gzip", gzip.compress(LINES, mtime=0))
    put("zstd", command("zstd", "--quiet", "--stdout"))
    put("xz", lzma.compress(LINES))
    put("bzip2", bz2.compress(LINES))
    put("bzip2.empty", bz2.compress(b""))
    put("lz4", command("lz4", "-q", "-c"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("lines.jsonl"), LINES)
    put("zip", archive.getvalue())
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        entry = tarfile.TarInfo("lines.jsonl")
        entry.size = len(LINES)
        file.addfile(entry, io.BytesIO(LINES))
    put("tar", archive.getvalue()[:1536])


def weights():
    tensor = numpy.ones(3, numpy.float32)
    put("torchArchive", with_path(".bin", lambda path: torch.save({"w": torch.ones(3)}, path)))
    old = {"_use_new_zipfile_serialization": False}
    put("pickle", with_path(".pt", lambda path: torch.save({"w": torch.ones(3)}, path, **old)))
    put("pickle.plain", pickle.dumps({"w": [1.0]}, protocol=4))
    put("numpy", with_path(".npy", lambda path: numpy.save(path, tensor)))
    put("safetensors", save({"w": tensor}))

    def write_gguf(path):
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_tensor("w", tensor)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    put("gguf", with_path(".gguf", write_gguf))
    put("ggml", b"tjgg" + (3).to_bytes(4, "little") + bytes(24))
    words = ["".join(random.choices("abcdefgh", k=random.randrange(2, 9))) for _ in range(300)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words[i:i + 10]) for i in range(0, 300, 10)]),
        model_writer=model, vocab_size=40, model_type="bpe", minloglevel=2,
        normalization_rule_name="identity")
    put("sentencePiece", model.getvalue())


def tables():
    table = pyarrow.Table.from_pylist(DOCUMENTS)
    put("parquet", with_path(".parquet", lambda path: pyarrow.parquet.write_table(table, path)))
    put("arrow", with_path(".arrow", lambda path: pyarrow.feather.write_feather(table, path)))
    put("orc", with_path(".orc", lambda path: pyarrow.orc.write_table(table, path)))
    put("avro", b"Obj\x01\x02\x16avro.schema\x0c\"long\"\x00" + bytes(16))

    def write_hdf5(path):
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=numpy.arange(3))

    def write_sqlite(path):
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE documents (text TEXT)")

    put("hdf5", with_path(".h5", write_hdf5)[:512])
    put("sqlite", with_path(".db", write_sqlite)[:512])
    put("pdf", "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n")
    put("image", b"\x89PNG\r\n\x1a\n" + bytes(16))
    put("executable", pathlib.Path("/bin/true").read_bytes()[:256])


if __name__ == "__main__":
    random.seed(18)
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    text()
    packed()
    weights()
    tables()
