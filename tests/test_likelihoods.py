"""Likelihoods for pixels and columns: normalised by enumeration, their means and draws what they say."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

import elbowroom as er
from elbowroom import distributions
from elbowroom.families import likelihood

GRID = torch.arange(256, dtype=torch.float64) / 255


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def numbers(family, *lead):
    return 2 * torch.randn(*lead, family.size, dtype=torch.float64)


def every_pixel(channels):
    """All 256^C values of one pixel, (N, C)."""
    return torch.cartesian_prod(*[GRID] * channels).reshape(-1, channels)


@pytest.mark.parametrize("name", ["categorical", "discretized-logistic", "logistic-mixture:1", "logistic-mixture:4"])
@pytest.mark.parametrize("channels", [1, 2])
def test_levels_sum_to_one_over_all_values_of_a_pixel(name, channels):
    """Over pairs of channels too, where one leans on the other."""
    p = likelihood(name, (channels, 1, 1))
    x = every_pixel(channels)
    log_p = p(numbers(p, 1)).log_prob(x[:, :, None, None])
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-9)


def test_a_pixel_of_three_channels_sums_to_one():
    """Over 16.7 million colours, red by red, in a single precision that is added up in double."""
    p = likelihood("logistic-mixture:2", (3, 1, 1))
    phi, pairs = numbers(p, 1).float(), every_pixel(2).float()
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
        phi = numbers(family, 2)
        x = torch.rand(2, *shape, dtype=torch.float64)
        by_place = phi.reshape(2, 9, 3, 20).permute(0, 3, 1, 2).reshape(2, 20, -1)
        alone = pixel(by_place).log_prob(x.reshape(2, 3, 20).movedim(-1, 1)[..., None])
        torch.testing.assert_close(family(phi).log_prob(x), alone.sum(-1))


def test_a_mixture_of_one_without_slope_is_the_discretised_logistic():
    shape = (3, 4, 5)
    mixture, single = er.LogisticMixture(shape, 1), er.DiscretizedLogistic(shape)
    phi = numbers(single, 6)
    level = torch.zeros(6, math.prod(shape), dtype=torch.float64)
    x = torch.rand(6, *shape, dtype=torch.float64)
    a, b = mixture(torch.cat((phi, level), -1)), single(phi)
    torch.testing.assert_close(a.log_prob(x), b.log_prob(x))
    torch.testing.assert_close(a.mean, b.mean)


def test_a_mixture_agrees_with_one_written_out_by_hand():
    """Two channels, two components, from scipy's logistic."""
    family = er.LogisticMixture((2, 1, 1), 2)
    phi = numbers(family, 1)
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
            leaning = mu[1] + third[k, 1] * (x - mu[0])
            expected += weight[k] * mass(x, mu[0], scale[k, 0]) * mass(y, leaning, scale[k, 1])
        got = family(phi).log_prob(torch.tensor([x, y]).double().reshape(1, 2, 1, 1)).exp().item()
        assert got == pytest.approx(expected, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_mixture_has_its_mean(channels):
    """Exact for one channel; with two, up to what is cut off at 0 and 1 by the slope."""
    p = likelihood("logistic-mixture:3", (channels, 1, 1))
    for tries in range(4):
        phi = 0.5 * numbers(p, 1)
        x = every_pixel(channels)
        d = p(phi)
        exact = (d.log_prob(x[:, :, None, None]).exp()[:, None] * x).sum(0)
        within = 1e-6 if channels == 1 else 0.03
        assert (d.mean.flatten() - exact).abs().max() < within, tries


@pytest.mark.parametrize(
    "name", ["categorical", "discretized-logistic", "logistic-mixture:3", "gaussian:0.2", "laplace:0.2"]
)
def test_draws_have_the_probabilities_they_are_said_to(name):
    """The mean log-probability of draws is minus the entropy, and their mean the mean."""
    family = likelihood(name, (2, 1, 1))
    p = family(0.5 * numbers(family, 1))
    x = p.sample((20_000,))
    if family.levels:
        assert torch.equal(x, (x * 255).round() / 255)
        grid = every_pixel(2)[:, None, :, None, None]
        log_p = torch.cat([p.log_prob(part) for part in grid.split(8192)])
        exact = (log_p.exp() * log_p).sum().item()
        spread = p.log_prob(x).std().item() / math.sqrt(20_000)
        assert p.log_prob(x).mean().item() == pytest.approx(exact, abs=5 * spread + 1e-3)
    assert (x.mean(0) - p.mean).abs().max() < 0.03


@pytest.mark.parametrize("loc", [-0.5, 0.0, 0.004, 0.3, 0.5017, 0.999, 1.0, 2.0])
@pytest.mark.parametrize("log_scale", [-7.0, -6.0, -5.0, -3.0, 0.0, 3.0])
def test_the_closed_mean_of_levels_is_the_mean(loc, log_scale):
    """To a fiftieth of a level at the smallest scale, to rounding at usual ones."""
    p = distributions.PixelLogistic(torch.tensor(loc).double(), torch.tensor(log_scale).double())
    exact = (p.log_prob(GRID).exp() * GRID).sum().item()
    assert p.mean.item() == pytest.approx(exact, abs=1e-4 if log_scale < -5.5 else 1e-6)
    single = distributions.PixelLogistic(torch.tensor(loc), torch.tensor(log_scale)).mean.item()
    assert single == pytest.approx(exact, abs=1.1e-4)


@pytest.mark.parametrize(
    "name", ["gaussian", "gaussian:optimal", "laplace", "laplace:optimal", "diagonal-normal", "continuous-bernoulli"]
)
def test_densities_integrate_to_one(name):
    family = likelihood(name, (1, 1, 1)).eval().double()
    p = family(numbers(family, 1))
    low, high = (0, 1) if family.support[0] == 0 else (-400, 400)
    x = torch.linspace(low, high, 800_001, dtype=torch.float64)
    assert torch.trapezoid(p.log_prob(x[:, None, None, None]).exp(), x).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "statistic"), [("gaussian", lambda e: e.square().mean().sqrt()), ("laplace", lambda e: e.abs().mean())]
)
def test_the_optimal_scale_is_optimal(kind, statistic):
    """No other scale makes the batch more probable; at rest the average of the steps' is used, of the batch nothing."""
    optimal = likelihood(f"{kind}:optimal", (3, 4)).train()
    phi, x = torch.randn(50, 12), torch.randn(50, 3, 4)
    best = statistic(x - phi.reshape(50, 3, 4)).item()
    reached = optimal(phi).log_prob(x).mean().item()
    assert reached == pytest.approx(likelihood(f"{kind}:{best}", (3, 4))(phi).log_prob(x).mean().item(), rel=1e-5)
    for factor in (0.9, 1.1):
        assert reached > likelihood(f"{kind}:{factor * best}", (3, 4))(phi).log_prob(x).mean().item()
    optimal.eval()
    assert optimal.log_scale.exp().item() == pytest.approx(best, rel=1e-5)
    torch.testing.assert_close(optimal(phi[:1]).log_prob(x[:1]), optimal(phi).log_prob(x)[:1])
    assert optimal.train()(phi).sample().shape == (50, 3, 4)


def test_the_gradient_goes_through_the_optimal_scale():
    """d/dμ of −(D/2) log Σ(x−μ)² is D (x−μ) / Σ(x−μ)²."""
    family = er.Gaussian(6, "optimal").train()
    phi, x = torch.randn(1, 6, requires_grad=True), torch.randn(1, 6)
    family(phi).log_prob(x).sum().backward()
    error = (x - phi).detach()
    torch.testing.assert_close(phi.grad, 6 * error / error.square().sum())


def test_a_learned_scale_is_found_soon():
    """From 1 to a tenth in three hundred steps of the usual rate: it moves ten times as fast as a weight."""
    family, x = er.Gaussian(50, "learned"), 0.1 * torch.randn(8, 50)
    optimizer = torch.optim.Adam(family.parameters(), 1e-3)
    for _ in range(300):
        loss = -family(torch.zeros(8, 50)).log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert family.log_scale.exp().item() == pytest.approx(0.1, rel=0.1)


def test_a_variance_for_every_pixel_has_a_floor_where_pictures_are_flat():
    """Half a level: a constant pixel gains a bounded density, and the gradient goes on."""
    family = likelihood("diagonal-normal", (1, 1, 1))
    phi = torch.tensor([[0.3, -50.0]], requires_grad=True)
    p = family(phi)
    assert p.variance.sqrt().item() == pytest.approx(1 / 510, rel=1e-3)
    p.log_prob(torch.full((1, 1, 1, 1), 0.3)).sum().backward()
    assert phi.grad.isfinite().all()
    # Where variances usually are, the floor is not felt.
    free = er.DiagonalNormal((1, 1, 1))(torch.tensor([[0.3, -3.0]]))
    assert family(torch.tensor([[0.3, -3.0]])).variance.item() == pytest.approx(free.variance.item(), rel=1e-3)


@pytest.mark.parametrize(
    "name", ["discretized-logistic", "logistic-mixture", "categorical", "diagonal-normal", "laplace"]
)
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_extreme_numbers_give_finite_losses_and_gradients(name, size):
    family = likelihood(name, (3, 2, 2))
    phi = (size * torch.randn(20, family.size)).requires_grad_()
    loss = family(phi).log_prob(torch.rand(20, 3, 2, 2).round()).sum()
    loss.backward()
    assert loss.isfinite()
    assert phi.grad.isfinite().all()
    assert family(phi).mean.isfinite().all()


def test_channels_that_move_together_are_worth_bits():
    """Where what is wrong is wrong in all channels alike, leaning on each other is told, and a product is not."""
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


class TestColumns:
    def family(self):
        return er.Columns(er.Gaussian(1), er.Bernoulli(1), er.Classes(3), er.DiagonalNormal(1))

    def test_the_probability_of_a_row_is_the_product_over_what_is_there(self):
        family = self.family()
        phi = torch.randn(5, family.size)
        x = torch.tensor([0.3, 1.0, 2.0, -1.0]).expand(5, 4).clone()
        parts = [c(p) for c, p in zip(family.columns, phi.split(family.sizes, -1), strict=True)]
        alone = torch.stack([p.log_prob(x[:, i : i + 1]) for i, p in enumerate(parts)], 1)
        torch.testing.assert_close(family(phi).log_prob(x), alone.sum(1))
        for missing in itertools.product((False, True), repeat=4):
            given = x.masked_fill(torch.tensor(missing), torch.nan)
            expected = alone.masked_fill(torch.tensor(missing), 0).sum(1)
            torch.testing.assert_close(family(phi).log_prob(given), expected)

    def test_what_is_missing_has_no_gradient_and_breaks_none(self):
        family = self.family()
        phi = torch.randn(2, family.size, requires_grad=True)
        x = torch.tensor([[0.3, torch.nan, 2.0, torch.nan], [torch.nan] * 4])
        family(phi).log_prob(x).sum().backward()
        assert phi.grad.isfinite().all()
        assert torch.equal(phi.grad.abs().sum(1) > 0, torch.tensor([True, False]))
        assert phi.grad[0, 1] == 0

    def test_missing_at_random_is_integrated_out(self):
        """The probability of what is there is the sum over what is not."""
        family = er.Columns(er.Bernoulli(1), er.Classes(3))
        p = family(torch.randn(1, family.size))
        rows = torch.cartesian_prod(torch.arange(2.0), torch.arange(3.0))
        log_p = p.log_prob(rows)
        assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-6)
        torch.testing.assert_close(p.log_prob(torch.tensor([[1.0, torch.nan]])).exp(), log_p[3:].exp().sum()[None])

    def test_draws_and_means_are_rows(self):
        family = self.family()
        p = family(torch.randn(2, 7, family.size))
        x = p.sample((3,))
        assert x.shape == (3, 2, 7, 4)
        assert set(x[..., 2].flatten().tolist()) <= {0.0, 1.0, 2.0}
        assert p.log_prob(x).isfinite().all()
        # The most probable class, since a mean of class numbers names another class.
        assert set(p.mean[..., 2].flatten().tolist()) <= {0.0, 1.0, 2.0}

    def test_a_class_that_does_not_exist_has_no_probability(self):
        p = er.Classes(3)(torch.randn(1, 3))
        scores = p.log_prob(torch.tensor([[-1.0], [3.0], [0.5], [2.0]]))
        assert torch.equal(scores.isfinite(), torch.tensor([False, False, False, True]))

    def test_it_trains_on_a_table_with_holes(self):
        """Two columns that move together: what is missing in one is guessed from the other better than by its mean."""
        z = torch.randn(2000, 1)
        x = torch.cat((z, 2 * z, (z > 0).float()), 1) + torch.tensor([0.1, 0.1, 0.0]) * torch.randn(2000, 3)
        holes = x.masked_fill(torch.rand(2000, 3) < 0.2, torch.nan)
        decoder = er.Conditional.up(1, er.Columns(er.Gaussian(1), er.Gaussian(1), er.Bernoulli(1)), widths=(32,))
        optimizer = torch.optim.Adam(decoder.parameters(), 5e-3)
        for _ in range(150):
            loss = -decoder(z).log_prob(holes).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert (decoder(z).mean - x)[:, 1].detach().square().mean() < 0.1

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: er.Columns(er.Gaussian(1), er.Gaussian(2)), "column 2 is a Gaussian of 2 values"),
            (lambda: er.Columns(er.Gaussian(1, "optimal")), "values may be missing"),
            (lambda: er.Columns(), "at least 1"),
            (lambda: er.Classes(1), "at least 2"),
        ],
    )
    def test_columns_are_checked(self, make, words):
        with pytest.raises(ValueError, match=words):
            make()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("logistic-mixture:0", "at least 1 component"),
        ("logistic-mixture:two", "write logistic-mixture:10"),
        ("laplace:optimum", "did you mean 'optimal'"),
        ("gaussian:nan", "above 0"),
        ("categorical:3", "has no scale to set"),
    ],
)
def test_settings_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        likelihood(name, (1, 2, 2))
