#!/usr/bin/env python3
"""Checks a capture with programs that are not ours.

usage: check_capture.py RUN

RUN is a finished capture of Tests/CaptureTests/SyntheticSource.swift, or of mohd-probe (then the
numbers themselves are not compared). Needs h5py, xarray and h5netcdf; h5dump is used where it is
installed.
"""
import json
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np
import xarray

SPACES = {
    "residual_pre": "hidden", "attention_input": "hidden", "query": "query_feature",
    "key": "key_feature", "value": "value_feature", "attention_heads": "heads_feature",
    "attention_output": "hidden", "residual_mid": "hidden", "ffn_input": "hidden",
    "ffn_gate": "intermediate", "ffn_up": "intermediate", "ffn_hidden": "intermediate",
    "ffn_output": "hidden", "residual_post": "hidden",
}
TOKEN_ARRAYS = ["token_id", "document", "sequence", "position", "domain"]
KINDS = list(SPACES)


def synthetic(kind, layer, tokens, width):
    """The numbers of SyntheticSource.value, exactly."""
    with np.errstate(over="ignore"):
        token = tokens.astype(np.uint32)[:, None]
        feature = np.arange(width, dtype=np.uint32)[None, :]
        bits = token * np.uint32(40503) + feature * np.uint32(7919)
        bits = bits + np.uint32(KINDS.index(kind)) * np.uint32(104729)
        bits = (bits + np.uint32(layer) * np.uint32(15485863)) * np.uint32(2654435761)
        bits ^= bits >> np.uint32(15)
        largest = np.float32(4294967295)
        return (bits.astype(np.float32) / largest - np.float32(0.5)) * np.float32(8)


def check_file(path, plan, plan_text, first, count):
    options = plan["options"]
    with h5py.File(path, "r") as file:
        names = set(options["hook_points"]) | set(TOKEN_ARRAYS) | {"layer", "token"}
        names |= {SPACES[kind] for kind in options["hook_points"]}
        assert set(file) == names, set(file) ^ names
        assert file.attrs["mohd_plan"] == plan_text
        assert isinstance(file.attrs["title"], str)
        assert file.attrs["Conventions"].startswith("CF-")
        assert file.attrs["source"] == plan["tool"]
        assert file.attrs["model_sha256"] == plan["model"]["sha256"]
        assert file.attrs["mohd_schema_version"] == plan["schema_version"]
        assert list(file["layer"]) == options["layers"]
        assert (file["token"][:] == np.arange(first, first + count)).all()
        for name in TOKEN_ARRAYS:
            dataset = file[name]
            assert dataset.shape == (count,) and dataset.dtype == "<i4"
            assert dataset.dims[0][0].name == "/token"
            assert dataset.fillvalue == -1, dataset.fillvalue
        assert list(file["domain"].attrs["domains"]) == [d["name"] for d in plan["corpus"]["domains"]]
        for kind in options["hook_points"]:
            dataset = file[kind]
            width = plan["widths"][kind]
            assert dataset.shape == (len(options["layers"]), count, width), dataset.shape
            assert dataset.dtype == options["dtype"], dataset.dtype
            assert np.isnan(dataset.fillvalue)
            fill = dataset.attrs["_FillValue"]
            assert np.isnan(fill).all() and np.asarray(fill).dtype == options["dtype"]
            scales = [axis[0].name for axis in dataset.dims]
            assert scales == ["/layer", "/token", "/" + SPACES[kind]], scales
            for key in ["long_name", "units", "transformer_lens_name", "transformers_name"]:
                assert isinstance(dataset.attrs[key], str)
            if dataset.chunks:
                assert dataset.chunks[0] == 1 and dataset.chunks[2] == width
                assert dataset.chunks[1] * width * dataset.dtype.itemsize <= 1 << 20
            values = dataset[:]
            if plan["tool"].startswith("synthetic"):
                for index, layer in enumerate(options["layers"]):
                    expected = synthetic(kind, layer, np.arange(first, first + count), width)
                    assert (values[index] == expected.astype(options["dtype"])).all(), kind
            assert np.isfinite(values).all() or options["allow_non_finite"]
    with xarray.open_dataset(path, engine="h5netcdf") as data:
        for kind in options["hook_points"]:
            assert data[kind].dims == ("layer", "token", SPACES[kind]), data[kind].dims
            assert data[kind].attrs["units"] == "1"
        assert data["token_id"].dims == ("token",) and data["token_id"].dtype == "int32"
        assert set(data.coords) == {"layer", "token"}, set(data.coords)
        last = data.isel(token=-1)
        assert int(last["token"]) == first + count - 1
    if shutil.which("h5dump"):
        header = subprocess.run(
            ["h5dump", "-H", str(path)], check=True, capture_output=True, text=True).stdout
        for kind in options["hook_points"]:
            assert f'DATASET "{kind}"' in header


def check_missing(run, plan, last):
    """What is not there is seen to be missing, in integers too."""
    count = plan["shards"][-1]["token_count"]
    hidden = last.with_suffix(".away")
    last.rename(hidden)
    try:
        with h5py.File(run / "activations.h5", "r") as file:
            for name in TOKEN_ARRAYS + ["token"]:
                assert (file[name][-count:] == -1).all(), name
            for kind in plan["options"]["hook_points"]:
                assert np.isnan(file[kind][:, -count:]).all(), kind
    finally:
        hidden.rename(last)


def main():
    run = pathlib.Path(sys.argv[1])
    plan_text = (run / "plan.json").read_text(encoding="utf-8")
    plan = json.loads(plan_text)
    subprocess.run(["xxh128sum", "--check", "--strict", "--quiet", "XXH128SUMS"], cwd=run, check=True)
    first = 0
    for index, shard in enumerate(plan["shards"]):
        name = f"activations-{index:05}-of-{len(plan['shards']):05}.h5"
        check_file(run / "shards" / name, plan, plan_text, first, shard["token_count"])
        first += shard["token_count"]
    check_missing(run, plan, run / "shards" / name)
    check_file(run / "activations.h5", plan, plan_text, 0, plan["corpus"]["token_count"])
    print("capture is readable")


main()
