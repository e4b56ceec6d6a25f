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


@er.on.step
def spoil(now):
    """Make the loss rise after the second epoch."""
    if now[state.EPOCH] > 2:
        for parameter in now[state.MODEL].decoder.parameters():
            parameter.data.mul_(1.1)


@pytest.mark.parametrize(
    ("callbacks", "final_weights", "kind"),
    [
        ([], None, "last"),
        ([], "best", "best"),
        ([er.EarlyStopping(patience=2)], None, "best"),
        ([er.EarlyStopping(patience=2), er.EMA(0.9)], None, "best"),
        ([er.EarlyStopping(patience=2)], "last", "last"),
        ([er.EMA(0.9)], None, "average"),
    ],
)
def test_final_weights_are_on_record_and_the_best_are_loaded_by_name(digits, tmp_path, callbacks, final_weights, kind):
    settings = {"steps": None, "epochs": 6, "final_weights": final_weights}
    run = er.Run(train(digits, tmp_path / "run", spoil, *callbacks, **settings).path)
    best = min(run.metrics("validation"), key=lambda row: row["loss"])
    about = run.record["weights"]
    assert about["kind"] == kind
    assert about == run.metrics()[-1]["weights"]
    assert about["step"] == (best["step"] if kind == "best" else run.metrics()[-1]["step"]) == run.weights_step
    assert er.Run(run, "best").weights_step == best["step"] < run.metrics()[-1]["step"]
    final, chosen = (serialization.named_tensors(er.load(run, weights=name)) for name in ("final", "best"))
    assert all(torch.equal(final[name], chosen[name]) for name in final) == (kind == "best")
    if not any(isinstance(callback, er.EMA) for callback in callbacks):
        loss = er.evaluate(er.Run(run, "best"), digits, split="validation", samples=1, save=False)["elbo"].value
        assert -loss == pytest.approx(best["loss"], rel=0.05)


def test_best_weights_are_by_the_metric_of_early_stopping(digits, tmp_path):
    stopping = er.EarlyStopping(patience=9, metric="kl")
    run = train(digits, tmp_path / "run", stopping, steps=None, epochs=5)
    best = min(run.metrics("validation"), key=lambda row: row["kl"])
    assert run.record["weights"]["metric"] == "kl"
    assert (run.record["weights"]["kl"], run.record["weights"]["step"]) == (best["kl"], best["step"])


def test_weights_that_are_not_there_are_refused_with_advice(digits, tmp_path):
    run = train(er.load_data("digits", validation=0), tmp_path / "run")
    with pytest.raises(ValueError, match="no best weights, as no validation split was watched"):
        er.load(run, weights="best")
    with pytest.raises(ValueError, match=r"unknown weights 'bset'.*best"):
        er.load(run, weights="bset")


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
    assert any(row["loss"] < -row["elbo"] - 0.1 for row in run.metrics("train"))
    best = min(rows, key=lambda row: row["loss"])
    assert serialization.read(run.best_weights)[1]["step"] == str(best["step"])
    assert best["elbo"] == max(row["elbo"] for row in rows)
