"""Likelihoods of pixels: normalised by enumeration, with the right means and samples."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

import elbowroom as er
from elbowroom.families import likelihood

GRID = torch.arange(256, dtype=torch.float64) / 255


def random_parameters(family, *lead):
    return 2 * torch.randn(*lead, family.size, dtype=torch.float64)


def all_pixel_values(channels):
    """All 256^C values of one pixel, (N, C)."""
    return torch.cartesian_prod(*[GRID] * channels).reshape(-1, channels)


@pytest.mark.parametrize("name", ["categorical", "discretized-logistic", "logistic-mixture:1", "logistic-mixture:4"])
@pytest.mark.parametrize("channels", [1, 2])
def test_levels_sum_to_one_over_all_values_of_a_pixel(name, channels):
    """Also over pairs of channels, where one depends on the other."""
    p = likelihood(name, (channels, 1, 1))
    x = all_pixel_values(channels)
    log_p = p(random_parameters(p, 1)).log_prob(x[:, :, None, None])
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-9)


def test_a_pixel_of_three_channels_sums_to_one():
    """Over 16.7 million colours, red by red, in a single precision that is added up in double."""
    p = likelihood("logistic-mixture:2", (3, 1, 1))
    phi, pairs = random_parameters(p, 1).float(), all_pixel_values(2).float()
    total = 0.0
    for red in GRID[::15].float():  # a colour's probability is that of its red, times one that sums to one
        x = torch.cat((red.expand(len(pairs), 1), pairs), 1)[:, :, None, None]
        total += p(phi).log_prob(x).double().exp().sum().item()
    alone = likelihood("logistic-mixture:2", (1, 1, 1))
    # The first channel of the same numbers: location, scale and weight of both components.
    first = phi.reshape(3, 2, 3, 1)[:, :, :1].reshape(1, -1)
    expected = alone(first).log_prob(GRID[::15].float()[:, None, None, None]).double().exp().sum().item()
    assert total == pytest.approx(expected, rel=1e-4)


def test_independent_pixels_add():
    """A picture's log-probability is the sum of its pixels', whatever the arrangement of space."""
    for shape in ((3, 4, 5), (3, 20)):
        family, pixel = er.LogisticMixture(shape, 3), er.LogisticMixture((3, 1), 3)
        phi = random_parameters(family, 2)
        x = torch.rand(2, *shape, dtype=torch.float64)
        by_place = phi.reshape(2, 9, 3, 20).permute(0, 3, 1, 2).reshape(2, 20, -1)
        alone = pixel(by_place).log_prob(x.reshape(2, 3, 20).movedim(-1, 1)[..., None])
        torch.testing.assert_close(family(phi).log_prob(x), alone.sum(-1))


def test_a_mixture_of_one_without_slope_is_the_discretized_logistic():
    shape = (3, 4, 5)
    mixture, single = er.LogisticMixture(shape, 1), er.DiscretizedLogistic(shape)
    phi = random_parameters(single, 6)
    level = torch.zeros(6, math.prod(shape), dtype=torch.float64)
    x = torch.rand(6, *shape, dtype=torch.float64)
    a, b = mixture(torch.cat((phi, level), -1)), single(phi)
    torch.testing.assert_close(a.log_prob(x), b.log_prob(x))
    torch.testing.assert_close(a.mean, b.mean)


def test_a_mixture_agrees_with_one_written_out_by_hand():
    """Two channels, two components, from scipy's logistic."""
    family = er.LogisticMixture((2, 1, 1), 2)
    phi = random_parameters(family, 1)
    loc, raw, third = phi.reshape(3, 2, 2).numpy()
    scale = np.exp(5 * np.tanh(raw / 5) - 2)
    weight = np.exp(third[:, 0]) / np.exp(third[:, 0]).sum()

    def mass(x, at, width):
        low = -np.inf if x < 1e-9 else x - 1 / 510
        high = np.inf if x > 1 - 1e-9 else x + 1 / 510
        return stats.logistic.cdf(high, at, width) - stats.logistic.cdf(low, at, width)

    for r, g in itertools.product((0, 13, 120, 255), repeat=2):
        x, y = r / 255, g / 255
        expected = 0.0
        for k in range(2):
            mu = loc[k] + 0.5
            shifted = mu[1] + third[k, 1] * (x - mu[0])
            expected += weight[k] * mass(x, mu[0], scale[k, 0]) * mass(y, shifted, scale[k, 1])
        got = family(phi).log_prob(torch.tensor([x, y]).double().reshape(1, 2, 1, 1)).exp().item()
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_mixture_has_its_mean(channels):
    """Exact for one channel; with two, up to what is cut off at 0 and 1 by the slope."""
    p = likelihood("logistic-mixture:3", (channels, 1, 1))
    for tries in range(4):
        phi = 0.5 * random_parameters(p, 1)
        x = all_pixel_values(channels)
        d = p(phi)
        exact = (d.log_prob(x[:, :, None, None]).exp()[:, None] * x).sum(0)
        within = 1e-6 if channels == 1 else 0.03
        assert (d.mean.flatten() - exact).abs().max() < within, tries


@pytest.mark.parametrize(
    "name", ["categorical", "discretized-logistic", "logistic-mixture:3", "gaussian:0.2", "laplace:0.2"]
)
def test_samples_follow_their_log_probabilities(name):
    """The mean log-probability of draws is minus the entropy, and their mean the mean."""
    family = likelihood(name, (2, 1, 1))
    p = family(0.5 * random_parameters(family, 1))
    x = p.sample((20_000,))
    if family.levels:
        assert torch.equal(x, (x * 255).round() / 255)
        grid = all_pixel_values(2)[:, None, :, None, None]
        log_p = torch.cat([p.log_prob(part) for part in grid.split(8192)])
        exact = (log_p.exp() * log_p).sum().item()
        std = p.log_prob(x).std().item() / math.sqrt(20_000)
        assert p.log_prob(x).mean().item() == pytest.approx(exact, abs=5 * std + 1e-3)
    assert (x.mean(0) - p.mean).abs().max() < 0.03


def test_correlated_channels_save_bits():
    """Where the errors of all channels are equal, a dependence between them saves bits."""
    grey = 0.5 + 0.1 * torch.randn(500, 1, 1, 1)
    x = ((grey + 0.01 * torch.randn(500, 3, 1, 1)).clamp(0, 1) * 255).round() / 255
    bits = {}
    for name in ("discretized-logistic", "logistic-mixture:1"):
        family = likelihood(name, (3, 1, 1))
        phi = torch.zeros(family.size, requires_grad=True)
        optimizer = torch.optim.Adam([phi], 0.05)
        for _ in range(300):
            loss = -family(phi.expand(500, -1)).log_prob(x).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        bits[name] = loss.item() / math.log(2) / 3
    assert bits["logistic-mixture:1"] < bits["discretized-logistic"] - 1


def test_bernoulli_probabilities_sum_to_one_over_all_binary_images():
    p = likelihood("bernoulli", (1, 2, 2))(torch.randn(1, 4))
    images = torch.tensor([[(n >> i) & 1 for i in range(4)] for n in range(16)]).float().reshape(16, 1, 2, 2)
    assert p.log_prob(images).exp().sum().item() == pytest.approx(1, abs=1e-5)
