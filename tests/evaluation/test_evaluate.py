"""Evaluation of a model on a split: independent of the batch size, without side effects, with its protocol."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from tests.evaluation.models import make_model


def test_metrics_of_every_split_are_the_same_in_any_batch_size():
    """Training pixels that are binarized at every use are binarized once for an evaluation, from its seed."""
    data = er.load_data("digits", binarize="dynamic")
    model, _ = make_model(latent=2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a, b = (er.evaluate(model, data, samples=3, split="train", batch_size=size) for size in (1258, 7))
    assert torch.equal(torch.get_rng_state(), before)
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-4), name
    assert er.evaluate(model, data, samples=3, split="train", seed=1)["elbo"].value != a["elbo"].value


def test_data_that_does_not_fit_the_model_is_an_error(digits, tmp_path):
    model, objective = make_model(latent=2)
    run = er.fit(model, objective, digits, steps=2, out=tmp_path / "run", device="cpu")
    for evaluated in (model, run):
        # by the record 0 to 255 are the values of black and white
        with pytest.raises(ValueError, match="has the value -3, and the values are to be from 0 to 255"):
            er.evaluate(evaluated, np.full((50, 8, 8), -3.0), split="train")
        with pytest.raises(ValueError, match="the model was made for 1x8x8"):
            er.evaluate(evaluated, np.zeros((50, 9, 9)), split="train")


@pytest.mark.parametrize("recipe", ["vq_vae", "vae"])
def test_using_a_model_does_not_change_it(digits, recipe):
    model, _ = make_model(recipe, likelihood="gaussian:optimal")
    x = digits.train.first(20).x
    before = {name: t.clone() for name, t in model.state_dict().items()}
    assert model.training
    model.reconstruct(x), model.encode(x), model.sample(3)
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_optimal_scale_in_evaluation_is_that_of_the_last_steps(digits, tmp_path):
    model, objective = make_model(latent=4, likelihood="gaussian:optimal")
    er.fit(model, objective, digits, epochs=8, lr=3e-3, out=tmp_path / "run", device="cpu")
    x = digits.train.first(500).x
    with torch.no_grad():
        error = (model.draw(x).p.mean[0] - x).square().mean().sqrt().item()
    assert model.decoder.family.log_scale.exp().item() == pytest.approx(error, rel=0.1)


def test_an_evaluation_has_its_protocol(digits):
    model, _ = make_model(latent=2)
    metrics = er.evaluate(model, digits, samples=4, seed=3)
    assert metrics.protocol["seed"] == 3
    assert metrics.protocol["data"]["fingerprint"] == digits.protocol["fingerprint"]
    assert metrics["elbo"].samples == 4
    assert metrics["elbo"].examples == len(digits.test)
    std = metrics["mse"].standard_error * math.sqrt(len(digits.test))
    assert 0.001 < std < 1
