"""Active units and KL per dimension, with their standard errors."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.evaluation.suites.latent import active_variance, describe_active
from tests.evaluation.models import make_model


def test_active_units_of_a_hierarchy_do_not_count_the_noise_from_above(digits):
    """A lower latent whose posterior depends on the latent above, and not on the data, is not active."""
    model, _ = make_model("ladder_vae", latent=(4, 3), hidden=(16, 16))
    with torch.no_grad():
        for read in model.read:
            # Neither mean nor precision depends on the data: upward messages say nothing.
            read.net.layers[-1].weight.zero_()
            read.net.layers[-1].bias.zero_()
        model.descend[0].net.layers[-1].weight.mul_(4)
    metrics = er.evaluate(model, digits, samples=1)
    assert metrics["active_units_z1"].value == 0
    assert metrics["active_units_z2"].value == 0


@pytest.mark.parametrize("recipe", ["vrnn", "dmm"])
def test_active_units_of_steps_count_what_a_series_tells(recipe):
    """Levels that differ between series move the posterior of a step; noise drawn at the steps before does not."""
    torch.manual_seed(0)
    series = torch.randn(400, 1, 1) + 0.1 * torch.randn(400, 1, 4)
    data = er.load_data(series.numpy(), validation=0, test=100)
    model, objective = er.recipes.RECIPES[recipe](data.shape, latent=2, width=16, warmup=1)
    before = er.evaluate(model, data, metrics="latent")["active_units"]
    er.fit(model, objective, data, epochs=8, batch_size=50, lr=1e-2, report=False, progress=False, out=None)
    after = er.evaluate(model, data, metrics="latent")["active_units"]
    assert 1 <= after.value < 8
    assert math.isfinite(before.standard_error)
    assert after.samples > 1


def test_standard_errors_are_standard_deviations_over_other_examples():
    """Against resampled examples: the error of the KL, and of the count with a dimension at the threshold."""
    torch.manual_seed(0)
    encoder = er.Conditional(torch.nn.Linear(3, 6), er.DiagonalNormal(3))
    with torch.no_grad():
        # The means are the numbers themselves; variances of 1, of just what counts as active, and of nearly nothing.
        encoder.net.weight.copy_(torch.cat((torch.eye(3), torch.zeros(3, 3))))
        encoder.net.bias.zero_()
    model = er.Model(encoder, er.Conditional.mlp(3, er.Gaussian(3)), er.StandardNormal(3))
    data_sets = torch.randn(40, 500, 3) * torch.tensor([1.0, 0.1, 0.01])
    evaluations = [
        er.evaluate(model, er.load_data(x.numpy(), validation=0, test=0), metrics="latent", split="train")
        for x in data_sets
    ]
    largest = torch.tensor([f["kl_per_dimension"].value[0] for f in evaluations]).std().item()
    assert evaluations[0]["kl_per_dimension"].standard_error == pytest.approx(largest, rel=0.4)
    counts = {f["active_units"].value for f in evaluations}
    assert counts == {1.0, 2.0}
    assert sum(f["active_units"].standard_error for f in evaluations) / 40 == pytest.approx(0.45, abs=0.1)


@pytest.mark.parametrize(
    ("recipe", "arguments"),
    [
        ("vae", {}),
        ("dirichlet_vae", {"latent": 6}),
        ("gamma_vae", {}),
        ("cat_vae", {}),
        ("joint_vae", {}),
        ("hyperspherical_vae", {}),
        ("toroidal_vae", {}),
    ],
)
def test_a_dimension_is_active_by_the_variance_of_the_prior(recipe, arguments):
    """1 % of the variance of its draws: the shares of a Dirichlet could never vary by 0.01."""
    torch.manual_seed(0)
    prior = er.recipes.RECIPES[recipe]((9,), **arguments)[0].latent_prior()
    drawn = prior.sample((20_000,)).var(0)
    torch.testing.assert_close(active_variance(prior).expand_as(drawn), 0.01 * drawn.double(), rtol=0.1, atol=0)


@pytest.mark.parametrize("recipe", ["poincare_vae", "flow_prior_vae", "ladder_vae", "autoencoder"])
def test_a_dimension_is_active_above_a_hundredth_where_no_variance_is_known(recipe):
    prior = er.recipes.RECIPES[recipe]((9,))[0].latent_prior()
    assert describe_active(active_variance(prior)) == "0.01"


def test_shares_are_active_where_they_differ(digits, tmp_path):
    """The figure of the latents and its table agree with the metric."""
    model, objective = er.recipes.dirichlet_vae(digits.shape, latent=6)
    run = er.fit(model, objective, digits, steps=150, lr=3e-3, out=tmp_path / "run", device="cpu", report=False)
    metric = er.evaluate(run, metrics="latent")["active_units"]
    means = run.model().encode(digits.test.x)
    assert means.var(0).max() < 0.04
    assert metric.value >= 1
    assert metric.estimator.endswith("> 1 % of the prior's")


@pytest.mark.parametrize(
    ("recipe", "arguments", "reason"),
    [
        ("autoencoder", {}, "there is no prior"),
        ("wae_mmd", {}, "a point posterior has no density"),
        ("avb", {}, "the density of an implicit posterior, a network's output for noise, is unknown"),
        ("hamiltonian_vae", {}, "the posterior does not factorise over the dimensions"),
        ("vae", {"prior": "mixture"}, "the prior does not factorise over the dimensions"),
        ("hyperspherical_vae", {}, "the prior does not factorise over the dimensions"),
    ],
)
def test_the_kl_of_single_dimensions_is_undefined_for_the_reason_that_is_said(digits, recipe, arguments, reason):
    model, _ = make_model(recipe, **arguments)
    kl = er.evaluate(model, digits, metrics="latent", samples=1)["kl_per_dimension"]
    assert kl.value is None
    assert kl.note == reason
