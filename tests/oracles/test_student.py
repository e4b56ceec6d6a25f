"""The Student-t of several numbers, the joint density of t³-VAE, and its divergence of powers."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

import elbowroom as er
from elbowroom.distributions import MultivariateStudentT

N, M = 16, 3


@pytest.mark.parametrize("df", [2.5, 30.0])
def test_it_is_scipys(df):
    loc, scales = torch.randn(3, dtype=torch.double), torch.tensor([0.5, 1.0, 2.0]).double()
    p = MultivariateStudentT(loc, scales.log(), torch.tensor(df).double())
    x = torch.randn(20, 3).double()
    expected = scipy.stats.multivariate_t(loc.numpy(), np.diag(scales.square().numpy()), df).logpdf(x.numpy())
    torch.testing.assert_close(p.log_prob(x), torch.from_numpy(expected))


def test_draws_share_their_tail():
    """Squared lengths over D are of an F distribution: those of independent numbers would be nearer to one."""
    torch.manual_seed(0)
    z = MultivariateStudentT(torch.zeros(4), torch.zeros(4), torch.tensor(5.0)).rsample((20_000,))
    assert scipy.stats.kstest(z.square().mean(-1).numpy(), scipy.stats.f(4, 5.0).cdf).pvalue > 1e-3


def test_latent_and_example_are_one_student_t():
    """p(x|z) p(z) is the density of a t of all n + m numbers, of which x is moved by the decoder's mean."""
    df, scale = 4.0, 0.7
    model, _ = er.recipes.t3_vae((N,), latent=M, hidden=(8,), df=df, scale=scale)
    x, z = torch.randn(5, N), 2 * torch.randn(5, M)
    p = model.decode(z)
    numbers = torch.cat([(x - p.mean) / scale, z], -1).detach()
    joint = MultivariateStudentT(torch.zeros(N + M), torch.tensor(0.0), torch.tensor(df)).log_prob(numbers)
    together = p.log_prob(x) + model.latent_prior().log_prob(z)
    torch.testing.assert_close(together, joint - N * math.log(scale), rtol=1e-4, atol=1e-4)


def test_with_ever_more_degrees_of_freedom_it_is_the_elbo_of_normals():
    model, objective = er.recipes.t3_vae((1, 4, 4), latent=M, df=1e6, scale=0.5)
    model.double()
    torch.manual_seed(0)
    draw = model.draw(torch.rand(6, 1, 4, 4).double(), k=2000)
    limit = -draw.elbo.mean() - N / 2 * math.log(2 * math.pi * 0.5**2)
    assert objective(draw, torch.tensor(0)).item() == pytest.approx(limit.item(), abs=0.02)


def test_the_regularizer_is_zero_where_it_is_least():
    term, df = er.PowerDivergence(df=5.0, scale=0.7), torch.tensor(5.0 + N).double()
    best = (term.log_constant(N) / (5 + N - 2)) + math.log(5 / (5 + N)) / 2

    def regularizer(loc, log_scale):
        q = MultivariateStudentT(torch.full((1, M), loc).double(), torch.tensor(log_scale).double(), df)
        return term.regularizer(q, N).item()

    assert regularizer(0.0, best) == pytest.approx(0, abs=1e-9)
    for loc, log_scale in ((0.1, best), (0.0, best + 0.1), (0.0, best - 0.1), (-2.0, best + 1)):
        assert regularizer(loc, log_scale) > 1e-3


def test_mistakes_are_said():
    for make in (er.PowerDivergence, lambda df: er.StudentPosterior(2, df, 8), lambda df: er.StudentErrors(8, df, 2)):
        with pytest.raises(ValueError, match="above 2"):
            make(2.0)
    model, _ = er.recipes.vae((8,), latent=2)
    with pytest.raises(ValueError, match="StudentPosterior"):
        er.PowerDivergence(3.0)(model.draw(torch.rand(4, 8)), torch.tensor(0))
