"""Examples with missing values: what is missing costs nothing, and padding a series further changes no bound."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

import elbowroom as er
from elbowroom import noise
from elbowroom.families.observed import Observed
from elbowroom.masked_shape import MaskedShape

CHANNELS, STEPS, EXTRA = 3, 9, 4
RECURRENT = {"vrae": {"latent": 3, "width": 8}, "vrnn": {"latent": 2, "width": 8}, "dmm": {"latent": 2, "width": 8}}


def series(steps: int = STEPS) -> Tensor:
    """Return series of 9, 6 and 4 steps, of which the first has a gap, padded with NaN."""
    x = torch.randn(3, CHANNELS, steps, generator=torch.Generator().manual_seed(0))
    for row, length in enumerate((STEPS, 6, 4)):
        x[row, :, length:] = math.nan
    x[0, 1, 2:4] = math.nan
    return x


def pad(x: Tensor) -> Tensor:
    return torch.nn.functional.pad(x, (0, EXTRA), value=math.nan)


def elbo(model: er.GenerativeModel, x: Tensor) -> Tensor:
    with noise.zero_noise(), torch.no_grad():
        draw = model.eval().draw(x)
        return draw.log_px[0] - draw.kl


@pytest.mark.parametrize("name", RECURRENT)
def test_padding_further_changes_no_elbo(name: str) -> None:
    short, _ = getattr(er.recipes, name)(MaskedShape((CHANNELS, STEPS)), seed=0, **RECURRENT[name])
    long, _ = getattr(er.recipes, name)(MaskedShape((CHANNELS, STEPS + EXTRA)), seed=1, **RECURRENT[name])
    long.load_state_dict(short.state_dict())
    x = series()
    torch.testing.assert_close(elbo(long, pad(x)), elbo(short, x))


@pytest.mark.parametrize("name", ["vrae", "vrnn", "dmm"])
def test_a_value_that_is_there_matters(name: str) -> None:
    model, _ = getattr(er.recipes, name)(MaskedShape((CHANNELS, STEPS)), seed=0, **RECURRENT[name])
    x = series()
    changed = x.clone()
    changed[1, 0, 5] += 1
    difference = (elbo(model, changed) - elbo(model, x)).abs()
    assert difference[1] > 1e-3
    assert difference[[0, 2]].max() < 1e-5


@pytest.mark.parametrize("inner", ["gaussian", "laplace", "student-t", "bernoulli", "poisson"])
def test_observed_likelihood_is_that_of_the_values_alone(inner: str) -> None:
    x = torch.randint(0, 2, (5, 2, 6)).float()
    family = er.likelihood(f"observed:{inner}", (2, 6))
    phi = torch.randn(5, family.size)
    p, plain = family(phi), er.likelihood(inner, (2, 6))(phi)
    torch.testing.assert_close(p.log_prob(x), plain.log_prob(x))
    # What is missing is integrated out: the rest has the log-probability of its own dimensions.
    gap = x.clone()
    gap[:, :, 4:] = math.nan
    own = er.likelihood(inner, (2, 4))
    own.load_state_dict(er.likelihood(inner, (2, 6)).state_dict())
    kept = phi.unflatten(-1, (-1, 6))[..., :4].flatten(1)
    torch.testing.assert_close(p.log_prob(gap), own(kept).log_prob(x[:, :, :4]))


@pytest.mark.parametrize("network", ["mlp", "conv", "residual", "deep", "kl"])
def test_gaps_give_finite_gradients_in_every_network(network: str) -> None:
    model, objective = er.recipes.time_vae(MaskedShape((CHANNELS, STEPS)), latent=2, network=network, seed=0)
    loss = objective(model.draw(series()), torch.tensor(0))
    loss.backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert loss.isfinite()
    assert all(grad.isfinite().all() for grad in grads)


def test_all_missing_costs_the_kl_alone() -> None:
    model, _ = er.recipes.vrnn(MaskedShape((1, 4)), latent=2, width=4)
    draw = model.draw(torch.full((2, 1, 4), math.nan))
    assert draw.log_px.abs().max() == 0


def test_saved_call_makes_the_same_model() -> None:
    model, _ = er.recipes.dmm(MaskedShape((2, 5)), likelihood="laplace:0.5", **RECURRENT["dmm"])
    call = model.recipe_call
    assert call.arguments["likelihood"] == "observed:laplace:0.5"
    again, _ = er.recipes.dmm(tuple(call.shape), **call.arguments)
    again.load_state_dict(model.state_dict())
    assert again.decoder.family.missing


@pytest.mark.parametrize("inner", ["gaussian:optimal", "logistic-mixture:2", "multinomial"])
def test_likelihoods_without_single_values_are_refused(inner: str) -> None:
    with pytest.raises(ValueError, match="no log-probability of single values"):
        Observed(er.likelihood(inner, (1, 6))).train()(torch.zeros(1))
