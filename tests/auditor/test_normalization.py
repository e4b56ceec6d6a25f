"""Likelihoods that do not add up to one."""

import torch

import elbowroom as er
from elbowroom.auditor import audit
from elbowroom.distributions import Normal
from tests.auditor.modules import CONDITIONAL, VAEModule, first, importance_bound, make, model_with_fault


def test_bernoulli_of_gray_values_is_inconclusive(digits):
    outcome = audit(make()[0], digits)[CONDITIONAL]
    assert outcome.passed is None
    assert "is a likelihood of bits, and the data is gray" in outcome.evidence


def test_unnormalized_likelihood_fails(digits, binary_digits):
    gray, binary = first(digits), first(binary_digits)
    result = audit(VAEModule(), gray)
    assert result[CONDITIONAL].passed is False
    assert "the values between 0 and 1 add up to e^-" in result[CONDITIONAL].evidence
    assert audit(VAEModule(), binary)[CONDITIONAL].passed

    def squares(module, x, z):
        return -(module.decode(z) - x.flatten(1)).square().sum(1)

    def gaussian(module, x, z):
        return torch.distributions.Normal(module.decode(z), 0.5).log_prob(x.flatten(1)).sum(1)

    result = audit(VAEModule(), gray, log_likelihood=importance_bound, log_px=squares)
    # The integral over each value is the square root of pi.
    assert "all numbers add up to e^36.6, 1.77 for each of 64" in result[CONDITIONAL].evidence
    assert result[CONDITIONAL].passed is False
    assert audit(VAEModule(), gray, log_likelihood=importance_bound, log_px=gaussian)[CONDITIONAL].passed


class SquaredErrorFamily(er.Family):
    """Minus the squared error as a log-density, without its constant."""

    def __init__(self, shape):
        super().__init__(shape)

    def forward(self, phi):
        return SquaredErrorDistribution(phi.unflatten(-1, self.shape), torch.zeros(()), len(self.shape))


class SquaredErrorDistribution(Normal):
    def log_prob(self, value):
        return -(value - self.loc).square().sum(self._dims)


def test_family_that_is_no_density_fails(digits):
    decoder = er.Conditional.mlp(2, SquaredErrorFamily((1, 8, 8)), (16,))
    result = audit(model_with_fault(lambda draw: draw, decoder=decoder), digits)
    assert result[CONDITIONAL].passed is False
    assert "1.77 for each of 64" in result[CONDITIONAL].evidence
