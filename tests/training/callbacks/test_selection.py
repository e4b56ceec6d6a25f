"""Early stopping, best weights and the moving average of the weights."""

import pytest
import torch

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import state
from tests.training.helpers import small_model, train


def test_averaged_weights_are_saved(digits, tmp_path):
    model, objective = small_model()
    history = []

    @er.on.step
    def note(now):
        history.append({k: v.clone() for k, v in serialization.named_tensors(now[state.MODEL]).items()})

    run = er.fit(model, objective, digits, steps=20, out=tmp_path / "r", device="cpu", callbacks=[er.EMA(0.5), note])
    expected = history[0]
    for t, current in enumerate(history):
        decay = min(0.5, (1 + t) / (10 + t))
        expected = {k: decay * v + (1 - decay) * current[k] for k, v in expected.items()}
    for name, tensor in serialization.named_tensors(er.load(run.path)).items():
        torch.testing.assert_close(tensor, expected[name])
        assert torch.equal(tensor, serialization.named_tensors(model)[name])


def test_early_stopping_waits_and_stops(digits, tmp_path):
    run = train(digits, tmp_path / "run", er.EarlyStopping(patience=2, min_delta=1e9), steps=None, epochs=50)
    assert run.metrics()[-1]["reason"] == "no better validation loss for 2 epochs"
    assert run.metrics()[-1]["epoch"] == 3
    with pytest.raises(ValueError, match="there is no validation split"):
        train(er.load_data("digits", validation=0), tmp_path / "other", er.EarlyStopping())


def test_the_best_weights_are_beside_the_last(digits, tmp_path):
    run = train(digits, tmp_path / "run", lr=0.3, steps=80)
    losses = {row["step"]: row["loss"] for row in run.metrics("validation")}
    _, about = serialization.read(run.best_weights)
    assert float(about["loss"]) == min(losses.values())
    assert losses[int(about["step"])] == min(losses.values())


@pytest.mark.parametrize("how", ["callback", "ramp"])
def test_held_out_losses_and_the_best_weights_are_of_the_objective_that_it_ends_with(digits, tmp_path, how):
    """While the KL is eased the loss is lowest, and the model at its worst."""
    torch.manual_seed(0)
    model, objective = er.recipes.vae(digits.shape, latent=2)
    if how == "ramp":
        objective = er.Reconstruction() + er.ramp(0, 1, 60) * er.KL()
    eased = [er.Warmup(steps=60)] if how == "callback" else []
    run = er.fit(model, objective, digits, epochs=8, out=tmp_path / "run", callbacks=eased)
    rows = run.metrics("validation")
    for row in rows:
        assert row["loss"] == pytest.approx(-row["elbo"], rel=1e-5)
    assert run.metrics("train")[0]["loss"] < -run.metrics("train")[0]["elbo"] - 0.1
    best = min(rows, key=lambda row: row["loss"])
    assert serialization.read(run.best_weights)[1]["step"] == str(best["step"])
    assert best["elbo"] == max(row["elbo"] for row in rows)
