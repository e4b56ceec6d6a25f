"""Distributions of counts: against scipy, total mass, moments of draws."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch

from elbowroom.distributions import BagMultinomial, CountNegativeBinomial, CountPoisson, ZeroInflatedCount

N = torch.arange(2000.0, dtype=torch.float64)
MEAN, SHAPE, ZEROS = 3.2, 0.4, 0.3


def log(number):
    return torch.tensor(math.log(number), dtype=torch.float64)


def zero_inflated():
    return ZeroInflatedCount(CountNegativeBinomial(log(MEAN), log(SHAPE)), log(ZEROS) - log(1 - ZEROS))


def scipy_zero_inflated(n):
    return (1 - ZEROS) * scipy.stats.nbinom.pmf(n, SHAPE, SHAPE / (SHAPE + MEAN)) + ZEROS * (n == 0)


CASES = {
    "poisson": (lambda: CountPoisson(log(MEAN)), lambda n: scipy.stats.poisson.pmf(n, MEAN), MEAN, MEAN),
    "negative binomial": (
        lambda: CountNegativeBinomial(log(MEAN), log(SHAPE)),
        lambda n: scipy.stats.nbinom.pmf(n, SHAPE, SHAPE / (SHAPE + MEAN)),
        MEAN,
        MEAN + MEAN**2 / SHAPE,
    ),
    "zero-inflated": (
        zero_inflated,
        scipy_zero_inflated,
        (1 - ZEROS) * MEAN,
        (1 - ZEROS) * (MEAN + MEAN**2 / SHAPE + ZEROS * MEAN**2),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_count_has_the_probability_that_scipy_gives_it_and_all_add_up_to_one(name):
    make, pmf, *_ = CASES[name]
    np.testing.assert_allclose(make().log_prob(N).exp(), pmf(N.numpy()), rtol=1e-8, atol=1e-300)
    assert make().log_prob(N).exp().sum().item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_mean_and_draws_have_the_moments(name):
    make, _, mean, variance = CASES[name]
    torch.manual_seed(0)
    assert make().mean.item() == pytest.approx(mean)
    drawn = make().sample((40_000,))
    assert drawn.mean().item() == pytest.approx(mean, rel=0.05)
    assert drawn.var().item() == pytest.approx(variance, rel=0.1)
    assert torch.equal(drawn, drawn.round())


def test_a_large_shape_is_a_poisson():
    n = N[:30]
    torch.testing.assert_close(
        CountNegativeBinomial(log(MEAN), log(1e9)).log_prob(n), CountPoisson(log(MEAN)).log_prob(n), atol=1e-5, rtol=0
    )


def test_draws_broadcast_a_shared_shape():
    p = ZeroInflatedCount(CountNegativeBinomial(torch.zeros(2, 3), torch.tensor(0.0)), torch.zeros(2, 3))
    assert p.sample((4,)).shape == (4, 2, 3)


class TestBag:
    LOGITS = torch.tensor([[0.3, -1.0, 0.7, 0.0], [0.0, 0.0, 2.0, 0.0]], dtype=torch.float64)

    def test_bags_of_three_are_those_of_scipy_and_add_up_to_one(self):
        bags = [bag for bag in itertools.product(range(4), repeat=4) if sum(bag) == 3]
        log_p = BagMultinomial(self.LOGITS, torch.tensor(3.0)).log_prob(torch.tensor(bags).double()[:, None])
        expected = [scipy.stats.multinomial.logpmf(bag, 3, self.LOGITS[0].softmax(-1).numpy()) for bag in bags]
        np.testing.assert_allclose(log_p[:, 0], expected, rtol=1e-9)
        torch.testing.assert_close(log_p.exp().sum(0), torch.ones(2).double())

    def test_items_in_an_order_are_as_probable_as_each_after_the_other(self):
        items = torch.tensor([2, 0, 2])
        bag = torch.nn.functional.one_hot(items, 4).sum(0).double()
        p = BagMultinomial(self.LOGITS, torch.tensor(3.0))
        torch.testing.assert_close(p.log_prob_of_items(bag), self.LOGITS.log_softmax(-1)[:, items].sum(-1))

    def test_draws_are_images_of_the_total(self):
        torch.manual_seed(0)
        p = BagMultinomial(self.LOGITS.reshape(2, 1, 2, 2), torch.tensor(7.3), event_dim=3)
        drawn = p.sample((2000,))
        assert drawn.shape == (2000, 2, 1, 2, 2)
        assert (drawn.sum((-1, -2, -3)) == 7).all()
        torch.testing.assert_close(drawn.mean(0) / 7 * 7.3, p.mean, atol=0.15, rtol=0)
