"""The training loop: random state, metrics, validation, checks before the start."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import elbowroom as er
from elbowroom import serialization
from elbowroom.training import state
from elbowroom.training.averages import RunningMean
from elbowroom.training.loop import measure
from elbowroom.training.step import Step
from tests.training.helpers import assert_same_tensors, small_model


def test_training_leaves_the_callers_random_stream_alone(digits, tmp_path):
    torch.manual_seed(3)
    expected = torch.rand(3)
    model, objective = small_model()
    torch.manual_seed(3)
    er.fit(model, objective, digits, steps=3, out=tmp_path / "run", device="cpu")
    assert torch.equal(torch.rand(3), expected)


def test_watching_a_split_does_not_change_the_training(digits, tmp_path):
    runs = [
        er.fit(
            *small_model("factor_vae", critic=(8,)), digits, steps=24, out=tmp_path / str(i), device="cpu", watch=watch
        )
        for i, watch in enumerate([(), ("train", "validation", "test")])
    ]
    assert_same_tensors(*(serialization.read(run.weights)[0] for run in runs))


def test_validation_is_the_same_in_any_batch_size_and_whatever_was_drawn_before(digits):
    step = Step(*small_model())
    now = torch.tensor(0)
    reference = measure(step, digits.test, now, 359).means()[1]
    torch.rand(7)
    for size in (1, 50):
        again = measure(step, digits.test, now, size).means()[1]
        for name, value in reference.items():
            assert again[name] == pytest.approx(value, abs=1e-4)


def test_meter_weighs_batches_by_their_examples():
    meter = RunningMean()
    for value, n in ((1.0, 10), (4.0, 20)):
        meter.add({"loss": torch.tensor(value)}, n)
    assert meter.means() == (30, {"loss": 3.0})
    assert meter.means() == (0, {})


def test_metrics_cover_every_example_once(digits, tmp_path):
    run = er.fit(*small_model(), digits, epochs=2, out=tmp_path / "run", device="cpu", validate_every=1)
    assert sum(row["examples"] for row in run.metrics("train")) == 2 * len(digits.train)
    assert {row["examples"] for row in run.metrics("validation")} == {len(digits.validation)}
    assert {row["examples"] for row in run.metrics("test")} == {len(digits.test)}
    assert [row["step"] for row in run.metrics("test")] == [10, 20]


def test_state_keys_are_unique_and_advise():
    er.state_key("test-once")
    with pytest.raises(ValueError, match="'test-once' exists already"):
        er.state_key("test-once")
    with pytest.raises(KeyError, match="nothing is in the state under 'step'"):
        er.State()[state.STEP]


def test_mistakes_are_found_before_anything_is_written(digits, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(ValueError, match="the data's examples are 1x8x8, but the model was made for 1x9x9"):
        er.fit(*er.recipes.vae((1, 9, 9)), digits, out=out)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        er.fit(*small_model(), digits, out=out, optimizer="adamm")
    with pytest.raises(ValueError, match="batch size 128 is larger than the 40"):
        er.fit(*er.recipes.vae((3,)), np.random.default_rng(0).random((50, 3)), out=out, batch_size=128)
    assert not out.exists()


@pytest.mark.parametrize("form", ["dataset", "loader", "dicts"])
def test_torchs_own_data_trains(tmp_path, form):
    torch.manual_seed(0)
    x, y = torch.rand(90, 1, 6, 6), torch.arange(90) % 3
    dataset = TensorDataset(x, y)
    source = {
        "dataset": dataset,
        "loader": DataLoader(dataset, batch_size=16, shuffle=True),
        "dicts": [{"x": x[i : i + 16], "label": y[i : i + 16]} for i in range(0, 80, 16)],
    }[form]
    more = {"validation": 0, "test": 0} if form == "dicts" else {}
    data = er.load_data(source, **more)
    run = er.fit(
        *er.recipes.vae((1, 6, 6), latent=2, hidden=(16,)), data, epochs=2, batch_size=16, out=tmp_path / "run"
    )
    assert sum(row["examples"] for row in run.metrics("train")) == 2 * len(data.train)
    assert er.evaluate(run, data, samples=2, split="train")["elbo"].examples == len(data.train)
    with pytest.raises(ValueError, match="data given in Python: pass the same as data="):
        er.evaluate(run)
