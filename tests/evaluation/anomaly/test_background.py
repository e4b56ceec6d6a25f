"""Background densities: normalised, fitted to the entropy of the data, deterministic."""

import itertools
import math

import pytest
import torch
from scipy import stats

import elbowroom as er
from elbowroom.data import InMemorySplit
from elbowroom.evaluation.anomaly import background


@pytest.fixture(autouse=True)
def enough_steps(monkeypatch):
    """As many as a background takes to be that of the data."""
    monkeypatch.setattr(background, "FIT_STEPS", 150)


@pytest.mark.parametrize("window", [1, 3, 5])
def test_the_background_is_a_density(window):
    """The probabilities of all 512 binary images of 3x3 pixels add up to one."""
    torch.manual_seed(0)
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=9))).view(-1, 1, 3, 3)
    context = background.PixelContextDensity(er.Bernoulli((1,)), window).double()
    assert context(images.double()).exp().sum().item() == pytest.approx(1, abs=1e-9)


def test_colors_of_a_pixel_are_one_event_of_the_background():
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=12))).view(-1, 3, 2, 2)
    context = background.PixelContextDensity(er.Bernoulli((3,)), 3)
    assert context.pixel_log_prob(images).shape == (4096, 2, 2)
    assert context(images).exp().sum().item() == pytest.approx(1, abs=1e-4)


def test_pixels_one_by_one_are_fitted_to_the_entropy_of_their_distribution():
    torch.manual_seed(0)
    x = (torch.rand(3000, 1, 6, 6) < 0.2).byte() * 255
    fitted = background.fit_background(er.Bernoulli((1, 6, 6)), InMemorySplit(x), window=1)
    entropy = 36 * stats.bernoulli(x.bool().float().mean().item()).entropy()
    with torch.no_grad():
        assert -fitted(x.float() / 255).mean().item() == pytest.approx(entropy, rel=0.01)


def test_context_predicts_how_strokes_continue():
    """Of columns that are all ink or none, only the first row is unknown; the rest follows from the pixel above."""
    torch.manual_seed(0)
    x = ((torch.rand(2000, 1, 1, 8) < 0.5).expand(-1, -1, 8, -1)).byte().contiguous() * 255
    context = background.fit_background(er.Bernoulli((1, 8, 8)), InMemorySplit(x), window=3)
    with torch.no_grad():
        per_row = -context.pixel_log_prob(x.float() / 255).mean(0).sum(1)
    assert per_row[0].item() == pytest.approx(8 * math.log(2), rel=0.25)
    assert per_row[1:].max() < 1
    assert context(x.float() / 255).mean() > 2 * -8 * math.log(2)


def test_vectors_have_a_background_of_independent_elements():
    torch.manual_seed(0)
    x = torch.randn(2000, 3) * 0.5 + torch.tensor([-1.0, 0.0, 200.0])
    fitted = background.fit_background(er.Gaussian(3), InMemorySplit(x))
    with torch.no_grad():
        assert -fitted(x).mean().item() == pytest.approx(3 * stats.norm(0, 0.5).entropy(), abs=0.05)


def test_a_fit_is_deterministic_and_leaves_the_generator_alone(digits, monkeypatch):
    monkeypatch.setattr(background, "FIT_STEPS", 20)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    a, b = (background.fit_background(er.Bernoulli(digits.shape), digits.train) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(a.context_conv.weight, b.context_conv.weight)


@pytest.mark.parametrize("likelihood", ["bernoulli", "categorical", "gaussian", "continuous-bernoulli", "laplace"])
def test_the_background_has_the_values_of_the_model(digits, likelihood, monkeypatch):
    monkeypatch.setattr(background, "FIT_STEPS", 10)
    family = er.likelihood(likelihood, digits.shape)
    pixel = background._pixel_family(family)
    assert (pixel.levels, pixel.support) == (family.levels, family.support)
    assert background.fit_background(family, digits.train)(digits.test.first(5).x).isfinite().all()
