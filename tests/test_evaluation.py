"""Figures that hold: any batch size, any company, bounded memory, and nothing changed by looking."""

import math

import numpy as np
import pytest
import torch

import elbowroom as er
from elbowroom.evaluation import likelihood


def make(recipe="vae", shape=(1, 8, 8), **more):
    torch.manual_seed(0)
    return er.recipes.RECIPES[recipe](shape, **more)


def test_every_split_gives_the_same_figures_in_any_batch_size_and_again():
    """Training pixels that are drawn anew at every use are drawn once for an evaluation, from its seed."""
    data = er.load_data("digits", binarise="dynamic")
    model, _ = make(latent=2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    a, b = (er.evaluate(model, data, samples=3, split="train", batch_size=size) for size in (1258, 7))
    assert torch.equal(torch.get_rng_state(), before)
    for name in a:
        assert a[name].value == pytest.approx(b[name].value, abs=1e-4), name
    assert er.evaluate(model, data, samples=3, split="train", seed=1)["elbo"].value != a["elbo"].value


def test_one_sample_has_a_bound_too(digits):
    figures = er.evaluate(make(latent=2)[0], digits, samples=1)
    assert figures["effective_sample_size"].value == pytest.approx(1)
    # Its KL is estimated where the ELBO's is exact, so they agree within the error.
    gap = abs(figures["importance_bound"].value - figures["elbo"].value)
    assert gap < 4 * figures["importance_bound"].standard_error


@pytest.mark.parametrize("recipe", ["vae", "vamp_vae", "vq_vae", "ladder_vae"])
def test_memory_is_bounded_whatever_the_samples(digits, recipe, monkeypatch):
    """No tensor of a pass is much larger than the limit, however many samples are asked for."""
    monkeypatch.setattr(likelihood, "CHUNK", 200_000)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            nonlocal largest
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                largest = max(largest, out.numel())
            return out

    model, _ = make(recipe, likelihood="categorical" if recipe == "vae" else "bernoulli")
    batch = next(digits.test.batches(10))
    with Watch():
        likelihood.score(model.eval(), batch, 300, seed=0)
    one = 10 * likelihood.width(model)
    assert largest <= max(one, 200_000) * 1.1 or largest <= max(p.numel() for p in model.parameters())


def test_active_units_of_a_hierarchy_do_not_count_the_noise_from_above(digits):
    """A lower latent whose posterior follows the one above, and not the data, carries nothing of its own."""
    model, _ = make("ladder_vae", latent=(4, 3), hidden=(16, 16))
    with torch.no_grad():
        for read in model.read:
            # Neither mean nor precision depends on the data: upward messages say nothing.
            read.net.layers[-1].weight.zero_()
            read.net.layers[-1].bias.zero_()
        model.descend[0].net.layers[-1].weight.mul_(4)
    figures = er.evaluate(model, digits, samples=1)
    assert figures["active_units_z1"].value == 0
    assert figures["active_units_z2"].value == 0


def test_figures_refuse_data_that_the_model_was_not_made_for(digits, tmp_path):
    model, objective = make(latent=2)
    run = er.fit(model, objective, digits, steps=2, out=tmp_path / "run", device="cpu")
    for subject in (model, run):
        with pytest.raises(ValueError, match="outside"):
            er.evaluate(subject, np.full((50, 8, 8), 3.0), split="train")
        with pytest.raises(ValueError, match="the model was made for 1x8x8"):
            er.evaluate(subject, np.zeros((50, 9, 9)), split="train")


@pytest.mark.parametrize("recipe", ["vq_vae", "vae"])
def test_looking_at_a_model_does_not_change_it(digits, recipe):
    model, _ = make(recipe, likelihood="gaussian:optimal")
    x = digits.train.first(20).x
    before = {name: t.clone() for name, t in model.state_dict().items()}
    assert model.training
    model.reconstruct(x), model.encode(x), model.sample(3)
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_the_optimal_scale_in_evaluation_is_that_of_the_last_steps(digits, tmp_path):
    model, objective = make(latent=4, likelihood="gaussian:optimal")
    er.fit(model, objective, digits, epochs=8, lr=3e-3, out=tmp_path / "run", device="cpu")
    x = digits.train.first(500).x
    with torch.no_grad():
        error = (model.draw(x).p.mean[0] - x).square().mean().sqrt().item()
    assert model.decoder.family.log_scale.exp().item() == pytest.approx(error, rel=0.1)


def test_the_protocol_travels_with_the_figures(digits):
    model, _ = make(latent=2)
    figures = er.evaluate(model, digits, samples=4, seed=3)
    assert figures.protocol["seed"] == 3
    assert figures.protocol["data"]["fingerprint"] == digits.protocol["fingerprint"]
    assert figures["elbo"].samples == 4
    assert figures["elbo"].examples == len(digits.test)
    spread = figures["mse"].standard_error * math.sqrt(len(digits.test))
    assert 0.001 < spread < 1


@pytest.mark.parametrize(
    ("likelihood_name", "binarise", "defined"),
    [
        ("bernoulli", "none", False),
        ("bernoulli", "threshold", True),
        ("categorical", "none", True),
        ("gaussian", "none", False),
    ],
)
def test_bits_are_given_only_for_probabilities(likelihood_name, binarise, defined):
    data = er.load_data("digits", binarise=binarise)
    model, _ = make(latent=2, likelihood=likelihood_name)
    figures = er.evaluate(model, data, samples=2)
    assert ("bits_per_dim" in figures) is defined
    if defined:
        bits = -figures["importance_bound"].value / (64 * math.log(2))
        assert figures["bits_per_dim"].value == pytest.approx(bits)
