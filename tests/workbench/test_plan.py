"""The planned length of a training: epochs, and early stopping where examples are few."""

import json

import pytest
import torch

import elbowroom as er
from elbowroom.runs.command import repeat_command
from elbowroom.training import state
from elbowroom.workbench.plan import plan_training
from tests.training.helpers import small_model, train

# Noise holds nothing to learn, and too large a rate learns nothing.
pytestmark = pytest.mark.filterwarnings("ignore:posterior collapse", "ignore:over-fitting")


def plan(data, *callbacks, recipe="vae", **settings):
    config = er.TrainConfig(**({"batch_size": 128} | settings))
    return plan_training(*small_model(recipe), data, config, callbacks)


@pytest.mark.parametrize(
    ("settings", "epochs", "patience"),
    [
        ({}, 100, 20),  # 10 steps an epoch
        ({"batch_size": 1}, 10, None),  # 1,258 steps an epoch
        ({"batch_size": 600}, 334, 67),  # 3 steps an epoch
        ({"watch": ()}, 100, None),
        ({"epochs": 40}, 40, None),
        ({"steps": 40}, None, None),
    ],
)
def test_few_examples_are_trained_until_validation_has_turned(digits, settings, epochs, patience):
    planned = plan(digits, **settings)
    assert planned.epochs == epochs
    assert [callback.patience for callback in planned.callbacks] == ([] if patience is None else [patience])
    assert (planned.text is None) == (epochs != 100 and epochs != 334)


@pytest.mark.parametrize(("examples", "length"), [(60, {}), (60, {"epochs": 3}), (200, {}), (200, {"epochs": 3})])
def test_a_batch_size_that_nobody_asked_for_is_said_where_it_is_not_the_usual_one(digits, examples, length):
    data = er.load_data((digits.train.x[:examples], digits.train.y[:examples]), validation=0, test=0)
    text = plan(data, batch_size=None, **length).text or ""
    said = "each batch has all 60 training examples, as there are fewer than 128"
    assert (said in text) == (examples == 60)
    assert plan(data, batch_size=30, epochs=3).text is None


@pytest.mark.parametrize("callback", [er.EarlyStopping(3), er.LRSchedule("cosine"), er.Warmup(0.5)])
def test_callbacks_that_need_the_length_have_it(digits, callback):
    assert plan(digits, callback).callbacks == []


def test_the_loss_of_two_players_stops_nothing(digits):
    settings = er.TrainConfig(batch_size=128)
    model, objective = er.recipes.factor_vae(digits.shape, latent=2, hidden=(16,), critic=(8,))
    assert plan_training(model, objective, digits, settings, []).callbacks == []


@pytest.fixture(scope="module")
def overfit(tmp_path_factory):
    """A run on 60 examples of noise, planned by default, which stops early."""
    x = torch.rand(80, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    data = er.load_data(x.numpy(), validation=10, test=10)
    torch.manual_seed(0)
    parts = er.recipes.vae(data.shape, latent=8, hidden=(256,))
    out = tmp_path_factory.mktemp("plan") / "run"
    return er.fit(*parts, data, batch_size=10, lr=0.01, out=out, device="cpu", report=False)


def test_it_ends_with_the_best_weights_and_says_so_on_record(overfit):
    training = overfit.record["training"]
    losses = {row["epoch"]: row["loss"] for row in overfit.metrics("validation")}
    best = min(losses, key=losses.get)
    assert overfit.metrics()[-1]["reason"] == "no better validation loss for 34 epochs"
    assert overfit.record["weights"] == overfit.record["weights"] | {"kind": "best", "epoch": best}
    assert training["plan"].startswith("167 epochs are planned, 1,002 steps, as an epoch has only 6 steps; ")
    assert "--epochs 167 " in (line := repeat_command(overfit.record).line)
    assert line.endswith("--patience 34")


def test_images_are_at_most_one_between_two_powers_of_two(overfit):
    """The first and the last epoch are among them, the last with the weights that the training ended with."""
    epochs = sorted(int(path.stem.rpartition("-")[2]) for path in overfit.images.glob("samples-*.png"))
    assert [epochs[0], epochs[-1]] == [1, overfit.metrics()[-1]["epoch"]]
    widths = [epoch.bit_length() for epoch in epochs[:-1]]
    assert widths == sorted(set(widths))


def test_a_planned_stop_is_resumed_beside_callbacks_of_ones_own(digits, tmp_path):
    @er.on.step
    def interrupt(now):
        if now[state.STEP] == 15:
            now[state.STOP] = "interrupted"

    path = tmp_path / "run"
    train(digits, path, interrupt, steps=None, lr=0.3)
    stops = []

    @er.on.start
    def note(now):
        stops.append(json.dumps(now[state.RUN].record["training"]["callbacks"][-1]))

    run = er.resume(path, callbacks=[note])
    assert json.loads(stops[0])["is_planned"]
    assert run.metrics()[-1]["reason"].startswith("no better validation loss")
