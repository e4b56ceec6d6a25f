"""Expectations of missing values: exact ones of a linear-Gaussian model, known cells, categories, resampled draws."""

import math

import pytest
import torch

import elbowroom as er
from elbowroom.families import likelihood
from elbowroom.latent.imputation import expect_missing, impute
from elbowroom.models.missing_process import MissingProcess
from elbowroom.models.proposals import Proposals
from elbowroom.noise import keyed_noise, seeded_rng
from elbowroom.table_shape import TableShape
from tests.tiny_recipes import make_tiny

D, LATENT, SIGMA = 5, 2, 0.6
ROW = TableShape((1, 3, 1))
ROWS = torch.tensor([[0.5, math.nan, 2.0], [math.nan, 1.0, math.nan], [1.0, 2.0, 3.0]])


@pytest.fixture
def linear_gaussian():
    """A linear decoder, its proposals from a normal that is too broad, and the law of x."""
    torch.manual_seed(0)
    weight, bias = torch.randn(D, LATENT), torch.randn(D)
    encoder = er.Conditional.mlp(TableShape((1,) * D), er.DiagonalNormal(LATENT))
    decoder = er.Conditional(torch.nn.Linear(LATENT, D), likelihood(f"observed:gaussian:{SIGMA}", (D,)))
    model = er.Model(encoder, decoder, er.StandardNormal(LATENT)).double().eval()
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.zero_()
        decoder.net.weight.copy_(weight)
        decoder.net.bias.copy_(bias)
    covariance = (weight @ weight.T + SIGMA**2 * torch.eye(D)).double()
    return model, bias.double(), covariance


def exact_conditional(x, mean, covariance):
    """The mean and covariance of a row's missing values given its others."""
    gap = x.isnan()
    gain = covariance[gap][:, ~gap] @ torch.linalg.inv(covariance[~gap][:, ~gap])
    return mean[gap] + gain @ (x - mean)[~gap], covariance[gap][:, gap] - gain @ covariance[~gap][:, gap]


def gap_row(mean, covariance):
    x = torch.distributions.MultivariateNormal(mean, covariance).sample()
    x[[1, 3]] = math.nan
    return x


def test_weighted_means_are_those_of_the_exact_conditional(linear_gaussian):
    model, mean, covariance = linear_gaussian
    x = gap_row(mean, covariance)
    exact, _ = exact_conditional(x, mean, covariance)
    filled = expect_missing(model, x[None], samples=200_000)[0]
    assert torch.equal(filled[~x.isnan()], x[~x.isnan()])
    torch.testing.assert_close(filled[x.isnan()], exact, atol=0.02, rtol=0)
    # Without weights the means are those of the prior, which is the encoder here.
    unweighted = impute(model, x[None], draws=100_000).mean(0)[0]
    assert (unweighted - mean)[x.isnan()].abs().max() < 0.03
    assert (exact - mean[x.isnan()]).abs().max() > 0.1


def test_resampled_draws_have_the_exact_mean_and_covariance(linear_gaussian):
    model, mean, covariance = linear_gaussian
    x = gap_row(mean, covariance)
    exact, variance = exact_conditional(x, mean, covariance)
    drawn = impute(model, x[None], draws=20_000, samples=100_000)[:, 0]
    assert torch.equal(drawn[:, ~x.isnan()], x[~x.isnan()].expand(20_000, -1))
    torch.testing.assert_close(drawn[:, x.isnan()].mean(0), exact, atol=0.05, rtol=0)
    torch.testing.assert_close(drawn[:, x.isnan()].T.cov(), variance, atol=0.05, rtol=0)


@pytest.mark.parametrize("recipe", ["vae", "iwae", "vaeac", "not_miwae", "autoencoder", "ladder_vae"])
def test_known_cells_stay_bit_for_bit_and_categories_are_categories(recipe):
    model = make_tiny(recipe, ROW, likelihood="columns:1,3,1")[0].eval()
    filled, drawn = expect_missing(model, ROWS, samples=20), impute(model, ROWS, draws=5, samples=20)
    known = ~ROWS.isnan()
    assert torch.equal(filled[known], ROWS[known])
    assert (drawn == ROWS)[:, known].all()
    assert not filled.isnan().any()
    assert not drawn.isnan().any()
    assert filled[0, 1] in (0, 1, 2)
    assert set(drawn[:, 0, 1].tolist()) <= {0.0, 1.0, 2.0}


def test_the_most_probable_category_is_that_of_the_mixture_of_all_samples():
    model = make_tiny("vae", ROW, likelihood="columns:1,3,1")[0].eval()
    index = torch.arange(3)
    with keyed_noise(0, index):
        filled = expect_missing(model, ROWS, samples=50)
    with keyed_noise(0, index), torch.no_grad():
        draw = model.draw(ROWS, k=50)
    weights = draw.log_w.softmax(0)
    scores = torch.stack([draw.p.columns[1].log_prob(torch.full((50, 3, 1), float(i))).exp() for i in range(3)])
    assert filled[0, 1] == (scores * weights).sum(1).argmax(0)[0]
    torch.testing.assert_close(filled[1, 0], (weights * draw.p.mean[..., 0]).sum(0)[1])


def test_all_draws_are_of_the_one_proposal_that_has_weight():
    proposals = Proposals(torch.arange(4.0).reshape(4, 1, 1), torch.tensor([0.0, 0.0, 99.0, 0.0])[:, None])
    assert proposals.effective_sample_size == pytest.approx(1)

    class Fixed(torch.nn.Module):
        def propose_missing(self, x, c, k):
            return proposals

    assert set(impute(Fixed(), torch.tensor([[math.nan]]), draws=30, samples=4).flatten().tolist()) == {2.0}


def test_values_that_are_missing_because_they_are_large_are_filled_with_larger_ones():
    # A mask that hides what is above 0, of standard normals: missing at random, their mean would be 0.
    family = likelihood("columns:1,1", TableShape((1, 1)))
    zero = er.Conditional.mlp(TableShape((1, 1)), er.DiagonalNormal(LATENT))
    model = er.Model(zero, er.Conditional(torch.nn.Linear(LATENT, 2), family), er.StandardNormal(LATENT))
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)  # x is standard normal, whatever z
    process = MissingProcess(model, TableShape((1, 1)), "self").eval()
    with torch.no_grad():
        process.decoder.family.mask.weight[0] = -200  # there if and only if it is below 0
    with seeded_rng(0):
        filled = expect_missing(process, torch.tensor([[math.nan, 0.3]]), samples=50_000)
        mean = expect_missing(model.eval(), torch.tensor([[math.nan, 0.3]]), samples=1000)
    assert filled[0, 0] == pytest.approx(math.sqrt(2 / math.pi), abs=0.02)
    assert filled[0, 1] == torch.tensor(0.3)
    assert mean[0, 0] == 0
