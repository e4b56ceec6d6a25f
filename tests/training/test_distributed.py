"""Data-parallel training: the losses and weights of one process, batch shards, restarts after a kill."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import torch

import elbowroom as er
from elbowroom import distributed, serialization
from elbowroom.training import checkpoint
from elbowroom.training.batch_shard import iter_shards
from tests.distributed_worker import TRAININGS
from tests.distributed_worker import main as run_trainings
from tests.warm_process import WarmProcess

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without distributed")
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def torchrun(*arguments, **more):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [*TORCHRUN, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **more)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    with socket.create_server(("localhost", 0)) as free:
        port = str(free.getsockname()[1])
    # What torchrun tells its processes. Slow tests start it itself: its imports of torch take longer than this.
    group = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    group |= {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    processes = [
        WarmProcess(run_trainings, two, environment=os.environ | group | {"RANK": rank, "LOCAL_RANK": rank})
        for rank in ("0", "1")
    ]
    run_trainings(one)
    for process in processes:
        _, err = process.communicate()
        assert process.returncode == 0, err
    return one, two


@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_give_the_losses_and_the_weights_of_one(folders, name):
    """Also where batches do not divide evenly, with two players, in parts, over a loader, for anyone's module."""
    one, two = (er.Run(folder / name) for folder in folders)
    rows = [[row for row in run.metrics() if "split" in row] for run in (one, two)]
    assert {row["split"] for row in rows[0]} == {"train"} | ({"validation"} if name != "loader" else set())
    assert rows[0][0]["loss"] - rows[0][-1]["loss"] > 1, "nothing was learned, so nothing is compared"
    for a, b in zip(*rows, strict=True):
        assert (a["step"], a["split"], a["examples"]) == (b["step"], b["split"], b["examples"])
        for term in (t for t in a if t not in ("seconds", "examples_per_second") and isinstance(a[t], float)):
            assert a[term] == pytest.approx(b[term], abs=2e-4, rel=1e-5), (a["step"], a["split"], term)
    a, b = (serialization.read(run.weights)[0] for run in (one, two))
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-4, rtol=1e-3)


def test_each_process_draws_its_own_noise_for_its_own_examples(folders):
    first, second = (torch.load(folders[1] / f"drawn-{i}.pt", weights_only=True) for i in (0, 1))
    assert [len(z[0]) for z in first] == [len(z[0]) for z in second] == [64, 64]
    flat = torch.cat([z.flatten() for z in (*first, *second)])
    assert len(flat.unique()) == len(flat)


@pytest.mark.parametrize(("count", "examples", "size"), [(2, 10, 4), (3, 11, 4), (4, 9, 8), (3, 7, 5)])
def test_shards_of_all_processes_are_the_batches(monkeypatch, count, examples, size):
    """Every example once, in the batch it belongs to; and the shares of a batch average to one."""
    order, split = torch.randperm(examples), er.data.InMemorySplit(torch.arange(float(examples))[:, None])
    shards = []
    for rank in range(count):
        monkeypatch.setattr(distributed, "world_size", lambda: count)
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        shards.append(list(iter_shards(split, size, order)))
    for batch_shards, chunk in zip(zip(*shards, strict=True), order.split(size), strict=True):
        counted = torch.cat([p.batch.index[: p.n_local] for p in batch_shards])
        assert sorted(counted.tolist()) == sorted(chunk.tolist())
        shares = [sum(share for _, share, _ in p.micro_batches(2)) for p in batch_shards]
        assert sum(shares) / count == pytest.approx(1)
        assert all(p.n_global == len(chunk) for p in batch_shards)


TRAIN = ["train", "vae", "--latent", "2", "--hidden", "16", "--data", "digits", "--device", "cpu", "--batch-size", "64"]
TRAIN += ["--no-report", "--sampler", "none"]


@pytest.mark.slow
@pytest.mark.exhaustive  # most of two minutes
def test_a_worker_that_dies_is_started_again_and_the_run_ends_as_if_it_had_not(tmp_path):
    """The restarted processes find their run by --out, and go on from its checkpoint, bit for bit."""
    arguments = ["-m", "elbowroom", *TRAIN, "--epochs", "30", "--checkpoint-every", "7", "--out"]
    whole = torchrun(*arguments, tmp_path / "whole")
    _, err = whole.communicate(timeout=240)
    assert whole.returncode == 0, err
    killed = torchrun("--max-restarts", "2", *arguments, tmp_path / "killed")
    run = er.Run(tmp_path / "killed")
    deadline = time.monotonic() + 120
    while len(run.metrics("train")) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    workers = subprocess.run(["pgrep", "-P", str(killed.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(workers[-1]), signal.SIGKILL)
    out, err = killed.communicate(timeout=240)
    assert killed.returncode == 0, err
    assert "finished after" in out
    a, b = (checkpoint.list_checkpoints(er.Run(tmp_path / name))[0] for name in ("whole", "killed"))
    a, b = serialization.read(a)[0], serialization.read(b)[0]
    assert all(torch.equal(a[key], b[key]) for key in a)
    steps = [(row["step"], row["split"]) for row in run.metrics() if "split" in row]
    assert len(steps) == len(set(steps))


@pytest.mark.slow
def test_sigterm_stops_all_processes_after_the_same_step(tmp_path):
    process = torchrun("-m", "elbowroom", *TRAIN, "--epochs", "100000", "--out", tmp_path / "run")
    run = er.Run(tmp_path / "run")
    deadline = time.monotonic() + 120
    while len(run.metrics("train")) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.terminate()
    process.communicate(timeout=120)
    assert run.metrics()[-1]["reason"] == "terminated"
    resumed = checkpoint.list_checkpoints(run)[0]
    assert int(resumed.name.split("-")[0]) == run.metrics()[-1]["step"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WORLD_SIZE": "2", "TORCHELASTIC_MAX_RESTARTS": "3"}, "must find its run: give --out"),
    ],
)
def test_what_several_processes_need_is_asked_for(monkeypatch, digits, environment, words):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "init_process_group", lambda: None)
    with pytest.raises(ValueError, match=words):
        er.fit(*er.recipes.vae((1, 8, 8), latent=2), digits, device="cpu")


def test_a_batch_smaller_than_the_processes_is_refused(monkeypatch, digits):
    monkeypatch.setattr(distributed, "world_size", lambda: 4)
    with pytest.raises(ValueError, match="batch size 2 for 4 processes leaves some without an example"):
        er.fit(*er.recipes.vae((1, 8, 8), latent=2), digits, batch_size=2, device="cpu")
