"""Sweeps: they resume, they grow, and a point that fails stops no other."""

import json
import shutil

import pytest
import torch

import elbowroom as er
from elbowroom.cli import main
from elbowroom.sweeps import parameter_grid, plan, sweep
from elbowroom.sweeps.sweep import MAX_CHECKED, require_trainable

QUICK = ["--steps", "12", "--device", "cpu", "--watch", "validation", "--no-report"]


def names_in(folder):
    return sorted(record.parent.name for record in folder.glob("*/recipe.json"))


def lines_of(captured):
    return [line for line in captured.out.splitlines() if line.startswith("[")]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Two sizes of code, one impossible, on two seeds."""
    folder = tmp_path_factory.mktemp("sweep") / "s"
    assert main(["sweep", "vae", "--latent", "0,2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]) == 1
    return folder


def test_each_point_is_what_train_makes_of_its_flags(swept, tmp_path):
    assert names_in(swept) == ["latent=2,seed=0", "latent=2,seed=1", "latent=3,seed=0", "latent=3,seed=1"]
    alone = tmp_path / "alone"
    assert main(["train", "vae", "--latent", "3", "--seed", "1", *QUICK, "--out", str(alone)]) == 0
    weights = (swept / "latent=3,seed=1" / "model.safetensors").read_bytes()
    assert (alone / "model.safetensors").read_bytes() == weights


def test_what_fails_is_told_and_the_others_go_on(swept, capsys):
    held = json.loads((swept / "sweep.json").read_text())
    assert list(held["failed"]) == ["latent=0,seed=0", "latent=0,seed=1"]
    assert "give a larger latent" in held["failed"]["latent=0,seed=0"]
    assert main(["sweep", "vae", "--latent", "0,2", "--seed", "0", *QUICK, "--out", str(swept)]) == 1
    printed = capsys.readouterr()
    assert "1 finished, 1 failed" in printed.out
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("failed     latent=0,seed=0: recipe vae(latent=0)")


def test_begun_again_it_keeps_what_is_finished_and_resumes_what_is_not(swept, tmp_path, capsys):
    folder = tmp_path / "s"
    shutil.copytree(swept, folder)
    kept = {name: (folder / name / "model.safetensors").stat().st_mtime_ns for name in names_in(folder)}
    # One was cut off after its first epoch, one after its last step and before its last line.
    cut, late = folder / "latent=2,seed=1", folder / "latent=3,seed=0"
    max((cut / "checkpoints").glob("0*.safetensors")).unlink()
    for run in (cut, late):
        rows = (run / "metrics.jsonl").read_text().splitlines(keepends=True)
        (run / "metrics.jsonl").write_text("".join(rows[:-1]))
        assert er.Run(run).state == "unfinished"
    flags = ["--latent", "2,3", "--seed", "0,1", *QUICK, "--out", str(folder)]
    assert main(["sweep", "vae", *flags, "--dry-run"]) == 0
    assert capsys.readouterr().out.count("unfinished") == 2
    assert main(["sweep", "vae", *flags]) == 0
    printed = lines_of(capsys.readouterr())
    assert [line.endswith("finished before") for line in printed] == [True, False, False, True]
    for name, before in kept.items():
        assert er.Run(folder / name).state == "finished"
        written = (folder / name / "model.safetensors").stat().st_mtime_ns
        assert (written == before) is (name != cut.name), name
    # Resumed, it is the run that was never cut off.
    assert (cut / "model.safetensors").read_bytes() == (swept / cut.name / "model.safetensors").read_bytes()


def test_a_grown_grid_trains_the_new_points_only(swept, tmp_path, capsys):
    folder = tmp_path / "s"
    shutil.copytree(swept, folder)
    flags = ["--latent", "2", "--seed", "0", "--lr", "0.001,0.01", *QUICK, "--out", str(folder)]
    assert main(["sweep", "vae", *flags]) == 0
    printed = lines_of(capsys.readouterr())
    assert printed == ["[1/2] latent=2,seed=0  finished before", "[2/2] latent=2,lr=0.01,seed=0"]


@pytest.fixture
def start(digits):
    """Trains one point in a few steps."""

    def start(out, latent=2, seed=0, fails="", stops=False):
        if fails:
            raise {"memory": MemoryError, "runtime": RuntimeError, "value": ValueError}[fails](f"{fails}\nat length")
        torch.manual_seed(seed)

        @er.on.step
        def stop(state):
            state[er.training.state.STOP] = "interrupted"

        callbacks = [stop] if stops else []
        return er.fit(
            *er.recipes.vae(digits.shape, latent=latent),
            digits,
            steps=3,
            seed=seed,
            out=out,
            device="cpu",
            watch=("validation",),
            report=False,
            callbacks=callbacks,
        )

    return start


def test_any_function_that_trains_can_be_swept(start, tmp_path):
    logged = []
    points = sweep(start, {"latent": (2, 3), "seed": (0,)}, tmp_path, logged.append)
    assert [point.state for point in points] == ["finished", "finished"]
    assert [point.run.model().latent_shape for point in points] == [(2,), (3,)]
    assert logged[0] == "[1/2] latent=2"
    loss = points[0].run.metrics("validation")[-1]["loss"]
    assert f"finished, validation loss {loss:.2f}" in logged[1]


def test_whatever_goes_wrong_is_one_line(start, tmp_path):
    points = sweep(start, {"fails": ("memory", "runtime", "value", "")}, tmp_path, lambda _: None)
    assert [point.error for point in points] == [
        "MemoryError: memory at length",
        "RuntimeError: runtime at length",
        "value at length",
        "",
    ]
    assert points[-1].state == "finished"
    # What failed is tried again, and what no longer fails is no failure any more.
    again = sweep(lambda out, fails: start(out), {"fails": ("memory",)}, tmp_path, lambda _: None)
    assert [point.state for point in again] == ["finished"]
    assert "fails=memory" not in json.loads((tmp_path / "sweep.json").read_text())["failed"]


def test_a_sweep_that_is_stopped_stops_there(start, tmp_path):
    points = sweep(start, {"stops": (False, True, False), "latent": (2, 3)}, tmp_path, lambda _: None)
    assert [point.state for point in points] == ["finished", "finished", "unfinished"]
    assert [point.state for point in plan(parameter_grid({"stops": (True,), "latent": (2, 3)}), tmp_path)] == [
        "unfinished",
        "to train",
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"points": 3}', '{"points": {"a": 1}, "failed": {}}'])
def test_a_damaged_sweep_says_so(text, tmp_path):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(ValueError, match=r"sweep.json is damaged: restore it, or remove it"):
        plan(parameter_grid({"latent": (2,)}), tmp_path)


def test_a_folder_that_is_none_says_so(start, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="give another --out"):
        sweep(start, {"latent": (2,)}, tmp_path / "file", lambda _: None)


@pytest.mark.parametrize(("n", "first_trainable", "is_refused"), [(3, None, True), (3, 2, False), (50, None, False)])
def test_a_sweep_is_refused_if_each_of_its_points_is_and_many_are_not_all_looked_at(n, first_trainable, is_refused):
    seen = []

    def check(number):
        seen.append(number)
        if number != first_trainable:
            raise ValueError(f"number {number}")

    points = [{"number": number} for number in range(n)]
    if is_refused:
        with pytest.raises(ValueError, match="number 0"):
            require_trainable(check, points)
    else:
        require_trainable(check, points)
    assert len(seen) == min(n, MAX_CHECKED)
