"""The linear-Gaussian model, whose log p(x) and posterior are known exactly."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import Normal

D = 8
LATENT = 3
SIGMA = 0.5


class ExactPosterior(torch.nn.Module):
    """q(z|x) of a linear decoder with orthogonal columns: normal with diagonal covariance."""

    def __init__(self, weight, bias):
        super().__init__()
        precision = (weight**2).sum(0) / SIGMA**2 + 1
        self.family = er.DiagonalNormal(LATENT)
        self.map, self.bias, self.log_var = weight.T / SIGMA**2 / precision[:, None], bias, -precision.log()

    def forward(self, x):
        loc = (x - self.bias) @ self.map.T
        return Normal(loc, self.log_var.expand_as(loc))


class TooBroad(ExactPosterior):
    """The same, but twice too broad and a little off."""

    def forward(self, x):
        q = super().forward(x)
        return Normal(q.loc + 0.1, q.log_var + math.log(2))


@pytest.fixture
def linear_gaussian():
    torch.manual_seed(0)
    columns, _ = torch.linalg.qr(torch.randn(D, LATENT))
    weight, bias = columns * torch.tensor([2.0, 1.0, 0.5]), torch.randn(D)
    decoder = er.Conditional(torch.nn.Linear(LATENT, D), er.Gaussian(D, SIGMA))
    with torch.no_grad():
        decoder.net.weight.copy_(weight)
        decoder.net.bias.copy_(bias)
    covariance = weight @ weight.T + SIGMA**2 * torch.eye(D)
    marginal = torch.distributions.MultivariateNormal(bias.double(), covariance.double())
    x = marginal.sample((1000,)).float()
    return weight, bias, decoder, x, marginal.log_prob(x.double())
