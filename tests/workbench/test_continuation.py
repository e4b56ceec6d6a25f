"""Trainings that go on: a run made longer, and one that starts from the weights of another."""

import hashlib

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from tests.training.helpers import interrupt_at, same_weights, small_model, train


def settings_of(run):
    return er.Run(run.path).record["training"]


def test_a_finished_run_goes_on_as_one_that_was_planned_so_long(digits, tmp_path):
    whole = train(digits, tmp_path / "whole", steps=None, epochs=4)
    longer = train(digits, tmp_path / "longer", steps=None, epochs=2)
    with pytest.raises(ValueError, match=r"is finished \(20 steps\): 'elbowroom resume .* --epochs 4'"):
        er.resume(longer.path)
    er.resume(longer.path, epochs=4)
    assert same_weights(whole.weights, longer.weights)
    training = settings_of(longer)
    assert (training["epochs"], training["steps"]) == (4, None)
    assert training["lengthened"] == [{"at_step": 20, "steps": 40, "planned": 20}]
    rows = [(row["step"], row["split"]) for row in er.Run(longer.path).metrics() if "split" in row]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("length", "message"),
    [
        ({"epochs": 2}, r"has trained 20 steps, 2 epochs, already: give at least 3 epochs"),
        ({"epochs": 3, "steps": 50}, r"both epochs \(3\) and steps \(50\) were given"),
    ],
)
def test_a_length_that_adds_nothing_is_refused(digits, tmp_path, length, message):
    run = train(digits, tmp_path / "run")
    record = (run.path / "recipe.json").read_bytes()
    with pytest.raises(ValueError, match=message):
        er.resume(run.path, **length)
    assert (run.path / "recipe.json").read_bytes() == record


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "exponential", "thirds"])
def test_a_schedule_begins_anew_over_the_added_steps_and_survives_an_interruption(digits, tmp_path, schedule):
    rates = {}

    @er.on.step
    def note(now):
        [optimizer] = now[er.training.state.OPTIMIZERS].values()
        rates[now[er.training.state.STEP]] = float(optimizer.param_groups[0]["lr"])

    run = train(digits, tmp_path / "run", er.LRSchedule(schedule), note)
    planned = dict(rates)
    er.resume(run.path, steps=40, callbacks=[er.LRSchedule(schedule), note, interrupt_at(27)])
    er.resume(run.path, callbacks=[er.LRSchedule(schedule), note])
    added = {step - 20: rate for step, rate in rates.items() if step > 20}
    assert added == pytest.approx(planned)
    assert "schedule begins anew" in settings_of(run)["plan"]


def test_a_warm_up_keeps_its_steps(digits, tmp_path):
    run = train(digits, tmp_path / "run", er.Warmup(0.5))
    er.resume(run.path, steps=40)
    assert settings_of(run)["callbacks"][0]["arguments"]["steps"] == 10


def test_a_training_starts_from_a_run(digits, tmp_path):
    base = train(digits, tmp_path / "base")
    before = serialization.named_tensors(er.load(base.path))
    settings = {"init_from": str(base.path), "freeze": ("encoder",)}
    tuned = er.Run(train(digits, tmp_path / "tuned", seed=1, **settings).path)
    after = serialization.named_tensors(er.load(tuned.path))
    assert {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])} == {"decoder"}
    assert tuned.record["started_from"] == {
        "path": str(base.path),
        "weights": "final",
        "sha256": hashlib.sha256(base.weights.read_bytes()).hexdigest(),
        "step": 20,
    }
    assert tuned.record["weights_seed"] is None
    assert all(name.startswith("encoder.") for name in tuned.record["training"]["frozen"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"freeze": ("encodr",)}, "unknown module to freeze 'encodr': did you mean 'encoder'"),
        ({"freeze": ("encoder", "decoder")}, "leaves nothing to train"),
        ({"init_from": "no-such-run"}, "no-such-run holds no run"),
        (
            {"init_from": "WIDER"},
            r"cannot start from .*: 'encoder.* holds \(8, 64\) where this recipe has \(16, 64\); ",
        ),
    ],
)
def test_what_cannot_start_is_refused_and_leaves_no_directory(digits, tmp_path, change, message):
    if change.get("init_from") == "WIDER":
        narrow = er.recipes.vae(digits.shape, latent=2, hidden=(8,))
        change = {"init_from": er.fit(*narrow, digits, steps=1, out=tmp_path / "narrow", device="cpu").path}
    with pytest.raises(ValueError, match=message):
        train(digits, tmp_path / "run", **change)
    assert not (tmp_path / "run").exists()


def test_what_fails_before_its_first_step_leaves_no_directory(digits, tmp_path):
    """A prior that does not factorise, which only the objective's first step finds out."""
    model_and_objective, settings = small_model("vamp_vae", components=4), {"steps": 2, "device": "cpu"}
    with pytest.raises(ValueError, match="free bits need a KL for each dimension"):
        er.fit(*model_and_objective, digits, callbacks=[er.FreeBits(1.0)], out=tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_run_is_overwritten_only_if_asked_for(digits, tmp_path):
    first = train(digits, tmp_path / "run", seed=1)
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "run" / "tensorboard").mkdir()
    (tmp_path / "run" / "tensorboard" / "events.out.tfevents.1.host").write_bytes(b"of the first run")
    with pytest.raises(ValueError, match=r"already holds a run.*--overwrite"):
        train(digits, tmp_path / "run")
    with pytest.raises(ValueError, match="larger than the 1258 training examples"):
        train(digits, tmp_path / "run", batch_size=5000, overwrite=True)
    assert er.Run(first.path).record["training"]["seed"] == 1
    train(digits, tmp_path / "run", seed=2, steps=3, overwrite=True)
    again = er.Run(tmp_path / "run")
    assert again.record["training"]["seed"] == 2
    assert max(row["step"] for row in again.metrics()) == 3
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "run" / "tensorboard").exists()  # two runs would be one curve


def test_a_batch_size_that_was_not_given_fits_a_small_set(tmp_path):
    data = er.load_data(np.random.default_rng(0).random((64, 6)), validation=10, test=0)
    model = er.recipes.vae(data.shape, latent=2, hidden=(4,), likelihood="gaussian")
    run = er.fit(*model, data, steps=2, out=tmp_path / "small", device="cpu")
    assert run.record["training"]["batch_size"] == 54
    with pytest.raises(ValueError, match="batch size 128 is larger than the 54 training examples"):
        er.fit(*model, data, steps=2, out=tmp_path / "asked", device="cpu", batch_size=128)
