"""Several processes that share a sweep, one of them killed: every point is trained, as if by one that was not."""

import json
import time

import pytest

import elbowroom as er
from elbowroom.sweeps.claims import ClaimLostError, Claims
from elbowroom.sweeps.grid import parameter_grid
from elbowroom.sweeps.sweep import plan
from elbowroom.training.interrupts import RunLockedError, guard_training, lock_run
from tests.sweeps import shared_sweep
from tests.warm_process import WarmProcess

HEARTBEAT_S = 0.5
TIMEOUT_S = 900


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The sweep as one process trains it, without interruptions."""
    folder = tmp_path_factory.mktemp("alone")
    shared_sweep.train_points(folder, HEARTBEAT_S)
    return folder


def wait_for(condition):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def weights_of(folder):
    return {file.parent.name: file.read_bytes() for file in folder.glob("*/model.safetensors")}


def test_points_of_a_killed_process_are_taken_over_with_the_same_weights(alone, tmp_path):
    killed = WarmProcess(shared_sweep.train_until_killed, tmp_path, HEARTBEAT_S)
    wait_for((tmp_path / "hangs").exists)
    claims = Claims(tmp_path)
    assert claims.find_holder("latent=2") is not None
    assert shared_sweep.last_checkpoint(tmp_path / "latent=2") == shared_sweep.CHECKPOINT_EVERY
    others = [WarmProcess(shared_sweep.train_points, tmp_path, HEARTBEAT_S) for _ in range(2)]
    wait_for(lambda: len(weights_of(tmp_path)) == 3)
    # What is held by a process that lives is left to it.
    assert claims.count_takes("latent=2") == 1
    killed.kill()
    killed.communicate()
    for process in others:
        process.communicate()
        assert process.returncode == 0
    assert [point.state for point in plan(parameter_grid(shared_sweep.AXES), tmp_path)] == ["finished"] * 3
    assert claims.count_takes("latent=2") == 2
    assert weights_of(tmp_path) == weights_of(alone)
    assert json.loads((tmp_path / "sweep.json").read_text())["failed"] == {}


def test_a_training_that_has_lost_its_claim_ends_and_saves_nothing_more(tmp_path):
    def lose():
        raise ClaimLostError("lost")

    with pytest.raises(ClaimLostError), guard_training(lose):
        shared_sweep.start(tmp_path / "a", 2, 0)
    run = er.Run(tmp_path / "a")
    assert run.state == "unfinished"
    assert shared_sweep.last_checkpoint(run) == 0


def test_a_point_that_another_process_trains_is_left_to_it(tmp_path):
    lines = []
    run = er.Run(tmp_path / "latent=2")
    run.path.mkdir()
    with lock_run(run):
        with pytest.raises(RunLockedError), lock_run(run):
            pass
        points = er.sweep(shared_sweep.start, {"latent": (2, 3), "seed": (0,)}, tmp_path, lines.append, waits=False)
    assert [point.state for point in points] == ["to train", "finished"]
    assert "left: another process is training" in lines[1]


def test_one_that_does_not_wait_ends_where_others_hold_the_rest(tmp_path):
    lines = []
    with Claims(tmp_path).take("latent=2"):
        points = er.sweep(shared_sweep.start, {"latent": (2, 3), "seed": (0,)}, tmp_path, lines.append, waits=False)
    assert [point.state for point in points] == ["training", "finished"]
    assert lines[0] == "[2/2] latent=3"


def test_a_failure_of_another_process_is_not_tried_again(tmp_path):
    n_calls = 0

    def fail(out, latent):
        nonlocal n_calls
        n_calls += 1
        if latent == 2:  # meanwhile another process tries the second point
            er.sweep(fail, {"latent": (2, 3)}, tmp_path, lambda _: None, waits=False)
        raise ValueError(f"no {latent}")

    points = er.sweep(fail, {"latent": (2, 3)}, tmp_path, lambda _: None)
    assert n_calls == 2
    assert [point.error for point in points] == ["no 2", "no 3"]


def test_a_file_system_without_locks_is_trained_on_all_the_same(tmp_path, monkeypatch):
    def refuse(self, timeout=None):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("elbowroom.training.interrupts.FileLock.acquire", refuse)
    assert shared_sweep.start(tmp_path / "a", 2, 0).state == "finished"
