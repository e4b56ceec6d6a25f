"""Training on data that is read in parts, from the library and the command line, within a limit of memory."""

import json
import subprocess
import sys

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.cli import main
from elbowroom.data import BufferedSplit, load_data, raw
from elbowroom.data.file_io import available_memory
from elbowroom.data.readers import numpy
from elbowroom.training import state
from tests.data.sources import (
    FORMATS,
    cyclic_labels,
    encode_png,
    random_images,
    tar_members,
    write_tar,
    write_tar_shards,
)


def make(shape):
    torch.manual_seed(0)
    return er.recipes.vae(shape, latent=2, hidden=(16,))


def train(data, out, **settings):
    return er.fit(*make(data.shape), data, out=out, device="cpu", **{"batch_size": 32, **settings})


def same_weights(a, b):
    a, b = serialization.read(a)[0], serialization.read(b)[0]
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


def interrupt_at(step):
    @er.on.step
    def stop(now):
        if now[state.STEP] == step:
            now[state.STOP] = "interrupted"

    return stop


def test_training_on_a_mapped_file_is_training_in_memory(tmp_path, monkeypatch, digits):
    np.save(tmp_path / "mine.npy", digits.train.x.numpy()[:300])
    runs_of = {}
    for way in ("memory", "mapped"):
        data = load_data(tmp_path / "mine.npy")
        runs_of[way] = train(data, tmp_path / way, epochs=2)
        monkeypatch.setattr(raw, "ALWAYS_IN_MEMORY_BYTES", 0)
        monkeypatch.setattr(raw, "available_memory", lambda: 0)
    assert isinstance(data.train, BufferedSplit)
    assert same_weights(*(run.weights for run in runs_of.values()))
    losses = [[row["loss"] for row in run.metrics() if "loss" in row] for run in runs_of.values()]
    assert losses[0] == losses[1]
    assert er.Run(tmp_path / "memory").data().protocol["fingerprint"] == data.protocol["fingerprint"]


@pytest.mark.parametrize(("form", "binarize"), [("npy", "dynamic"), ("tar", "none"), ("parquet", "dynamic")])
def test_resumed_in_the_middle_of_an_epoch_it_ends_with_the_same_weights(tmp_path, form, binarize):
    FORMATS[form](tmp_path, random_images(), cyclic_labels())

    def load():
        return load_data(tmp_path, buffer=20, binarize=binarize, validation=9)

    settings = {"epochs": 3, "batch_size": 16, "checkpoint_every": 2}
    whole = train(load(), tmp_path / "whole", **settings)
    stopped = train(load(), tmp_path / "stopped", **settings, callbacks=[interrupt_at(7)])
    assert stopped.metrics()[-1]["reason"] == "interrupted"
    assert not same_weights(whole.weights, stopped.weights)
    resumed = er.resume(tmp_path / "stopped", callbacks=[])
    assert same_weights(whole.weights, resumed.weights)
    losses = [[row["loss"] for row in run.metrics("validation")] for run in (whole, resumed)]
    assert losses[0] == losses[1]


def test_the_command_line_trains_on_shards_and_records_the_buffer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tar_shards(tmp_path, random_images(), cyclic_labels())
    small = ["--latent", "2", "--hidden", "8", "--batch-size", "30", "--epochs", "1", "--device", "cpu"]
    assert main(["train", "vae", "--data", "a-*.tar", "--buffer", "33", *small]) == 0
    run = er.Run("runs/vae-a-1")
    record = json.loads((run.path / "recipe.json").read_text())
    assert record["data"]["arguments"]["buffer"] == 33
    assert run.data().train.buffer == 33
    assert (
        main(
            [
                "train",
                "vae",
                "--data",
                "a-000.tar",
                "--resize",
                "4",
                "--validation",
                "6",
                "--test",
                "4",
                "--out",
                "small",
                *small,
            ]
        )
        == 0
    )
    assert er.Run("small").record["shape"] == [1, 4, 4]
    assert er.evaluate("small", samples=2)["elbo"].value < 0
    assert main(["reconstruct", "small", "--input", "a-040.tar", "--resize", "4", "--out", "again.png"]) == 0


LIMITED = """
import sys
import numpy as np, psutil, torch
import elbowroom as er
from elbowroom.data import BufferedSplit, load_data


def train(data, out, steps):
    torch.manual_seed(0)
    model, objective = er.recipes.vae((1, 64, 64), latent=2, hidden=(16,))
    settings = {"batch_size": 64, "watch": (), "device": "cpu", "report": False}  # a page takes memory of its own
    return er.fit(model, objective, data, steps=steps, out=out, **settings)


array, shards, out = sys.argv[1:]
# What libraries take when they are first used is not the data's.
train(load_data(np.zeros((90, 64, 64), dtype=np.uint8)), out + "/first", 1)
load_data(shards, buffer=4096)
room = 300 * 2**20
psutil.Process().rlimit(psutil.RLIMIT_DATA, (psutil.Process().memory_info().data + room,) * 2)


def too_large(read):
    try:
        read()
    except MemoryError:
        return True


assert np.load(array, mmap_mode="r").nbytes > 2 * room
assert too_large(lambda: np.load(array))
for source, buffer in ((array, None), (shards, 4096)):
    data = load_data(source, buffer=buffer)
    assert isinstance(data.train, BufferedSplit)
    assert too_large(lambda: data.train.first(len(data.train)))
    run = train(data, f"{out}/{buffer}", 70)
    print("trained", run.metrics("train")[-1]["step"], "steps on", len(data.train))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit that leaves maps of files out is Linux's")
def test_it_trains_from_files_larger_than_the_memory_it_may_have(tmp_path):
    """In a process that may take 300 MiB more for data: a GiB of an array, mostly holes; 780 MiB of images."""
    large = np.lib.format.open_memmap(tmp_path / "large.npy", "w+", np.uint8, (2**18, 64, 64))
    large[:: 2**12] = random_images(64, (64, 64))
    large.flush()
    del large
    few = [encode_png(pixels) for pixels in random_images(4, (16, 1)).repeat(4, 1).repeat(64, 2)]
    pq.write_table(pa.table({"image": few * 50_000}), tmp_path / "large.parquet", row_group_size=2000)
    command = [
        sys.executable,
        "-c",
        LIMITED,
        *(str(tmp_path / name) for name in ("large.npy", "large.parquet", "runs")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1", "PATH": ""})
    assert done.returncode == 0, done.stderr
    assert "trained 70 steps on 209716\n" in done.stdout
    assert "trained 70 steps on 160000\n" in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
def test_what_is_free_heeds_the_limits_of_the_process(monkeypatch):
    assert available_memory() > 2**26
    free = psutil.RLIM_INFINITY
    for name in (psutil.RLIMIT_AS, psutil.RLIMIT_DATA):
        limits = {name: (2**50, free)}
        monkeypatch.setattr(
            psutil.Process, "rlimit", lambda process, which, limits=limits: limits.get(which, (free, free))
        )
        before = available_memory()
        limits[name] = (2**20, free)
        assert available_memory() == 0 < before


def test_a_changed_file_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(numpy, "PARTIAL_HASH_BYTES", 1000)
    np.save(tmp_path / "mine.npy", random_images())
    (tmp_path / "tar").mkdir()
    write_tar_shards(tmp_path / "tar", random_images(), cyclic_labels())
    made = [train(load_data(tmp_path / source), tmp_path / f"run-{source}", steps=2) for source in ("mine.npy", "tar")]
    for run in made:
        assert run.data().protocol["fingerprint"] == run.record["data"]["fingerprint"]
    with open(tmp_path / "mine.npy", "r+b") as file:
        file.seek(1500)
        file.write(b"\x07")
    write_tar(tmp_path / "tar" / "a-040.tar", tar_members(random_images(40, seed=1), cyclic_labels(40)))
    for run in made:
        with pytest.raises(ValueError, match=r"has changed since .* was trained \(fingerprint"):
            run.data()
