"""Densities integrate to one, divergences agree with their estimates, and nothing breaks in the tails."""

import math

import pytest
import torch
from torch import distributions as td

from elbowroom.distributions import (
    CodebookCategorical,
    Normal,
    PixelCategorical,
    PixelContinuousBernoulli,
    PixelLogistic,
    Quantized,
    kl_divergence,
    kl_elements,
    mixture,
    to_event,
)
from elbowroom.families import LIKELIHOODS, Codebook, DiagonalNormal, Gaussian, likelihood

SHAPES = [(1, 28, 28), (3, 5, 7), (9,), (2, 11)]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_normal_agrees_with_torch():
    loc, log_var = torch.randn(2, 5, 3)
    ours, theirs = Normal(loc, log_var), td.Independent(td.Normal(loc, (0.5 * log_var).exp()), 1)
    x = torch.randn(7, 5, 3)
    torch.testing.assert_close(ours.log_prob(x), theirs.log_prob(x))
    torch.testing.assert_close(ours.variance, theirs.variance)
    standard = Normal(torch.zeros(3), torch.zeros(3))
    reference = td.kl_divergence(theirs, td.Independent(td.Normal(torch.zeros(5, 3), 1.0), 1))
    torch.testing.assert_close(kl_divergence(ours, standard), reference)


def test_normal_event_of_several_dimensions():
    loc, log_var = torch.randn(2, 5, 2, 3)
    q, p = Normal(loc, log_var, 2), Normal(torch.zeros(2, 3), torch.zeros(2, 3), 2)
    flat = Normal(loc.flatten(1), log_var.flatten(1))
    torch.testing.assert_close(kl_divergence(q, p), kl_divergence(flat, Normal(torch.zeros(6), torch.zeros(6))))
    torch.testing.assert_close(q.log_prob(loc + 1), flat.log_prob(loc.flatten(1) + 1))


def test_closed_form_kl_equals_its_monte_carlo_estimate():
    q = Normal(torch.tensor([[0.5, -1.0]]), torch.tensor([[-0.7, 0.3]]))
    p = Normal(torch.tensor([0.2, 0.1]), torch.tensor([0.4, -0.2]))
    z = q.rsample((400_000,))
    estimate = (q.log_prob(z) - p.log_prob(z)).mean()
    assert abs(kl_divergence(q, p).item() - estimate.item()) < 0.01
    torch.testing.assert_close(kl_elements(q, p).sum(-1), kl_divergence(q, p))


@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_a_mixture_of_normals_is_the_sum_over_its_components(spread):
    """Also where they are narrow and far from the origin, where the products cancel."""
    torch.manual_seed(0)
    parts = Normal(5 * torch.randn(7, 3), math.log(spread**2) + torch.randn(7, 3))
    logits, z = torch.randn(7), parts.loc[:, None] + spread * torch.randn(7, 4, 3)
    z.requires_grad_()
    one_by_one = (
        logits.log_softmax(-1).double()
        + Normal(parts.loc.double(), parts.log_var.double()).log_prob(z.double()[..., None, :])
    ).logsumexp(-1)
    given = mixture(logits, parts).log_prob(z)
    torch.testing.assert_close(given, one_by_one.float(), atol=1e-4, rtol=1e-5)
    slope, expected = (torch.autograd.grad(p.sum(), z)[0] for p in (given, one_by_one))
    torch.testing.assert_close(slope, expected, atol=1e-3, rtol=1e-4)


def test_mixture_of_one_is_its_component():
    part = Normal(torch.randn(1, 3), torch.randn(1, 3))
    z = torch.randn(4, 6, 3)
    torch.testing.assert_close(mixture(torch.zeros(1), part).log_prob(z), part.log_prob(z[..., None, :])[..., 0])


@pytest.mark.parametrize("logit", [-30.0, -3.0, -0.011, -0.009, 0.0, 1e-3, 0.02, 2.0, 30.0])
def test_continuous_bernoulli_is_a_density_with_its_mean(logit):
    p = PixelContinuousBernoulli(torch.tensor(logit, dtype=torch.float64))
    x = torch.linspace(0, 1, 200_001, dtype=torch.float64)
    density = p.log_prob(x).exp()
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-6)
    assert p.mean.item() == pytest.approx(torch.trapezoid(x * density, x).item(), abs=1e-6)
    drawn = p.sample((100_000,))
    assert drawn.mean().item() == pytest.approx(p.mean.item(), abs=0.005)
    assert drawn.min() >= 0
    assert drawn.max() <= 1


def test_continuous_bernoulli_survives_extreme_logits():
    logits = torch.tensor([-1e4, -200.0, 0.0, 200.0, 1e4], requires_grad=True)
    p = PixelContinuousBernoulli(logits)
    p.log_prob(torch.tensor(0.3)).sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert torch.isfinite(p.mean).all()


@pytest.mark.parametrize("loc", [-2.0, 0.0, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("log_scale", [-7.0, -3.0, 0.0, 3.0])
def test_discretised_logistic_sums_to_one(loc, log_scale):
    grid = torch.arange(256, dtype=torch.float64) / 255
    p = PixelLogistic(torch.tensor(loc, dtype=torch.float64), torch.tensor(log_scale, dtype=torch.float64))
    assert p.log_prob(grid).exp().sum().item() == pytest.approx(1, abs=1e-6)


def test_discretised_logistic_keeps_its_digits_in_the_tail():
    """Where the naive difference of sigmoids is zero in single precision, the log-probability is still right."""
    value = torch.tensor(200 / 255)
    single = PixelLogistic(torch.tensor(0.1), torch.tensor(-5.0)).log_prob(value)
    exact = PixelLogistic(torch.tensor(0.1).double(), torch.tensor(-5.0).double()).log_prob(value.double())
    assert exact < -90
    assert single.item() == pytest.approx(exact.item(), rel=1e-5)


@pytest.mark.parametrize(("loc", "log_scale"), [(0.9, -1.0), (0.1, -2.0), (0.5, -5.0), (-3.0, 0.0)])
def test_discretised_logistic_has_its_mean(loc, log_scale):
    grid = torch.arange(256, dtype=torch.float64) / 255
    p = PixelLogistic(torch.tensor(loc, dtype=torch.float64), torch.tensor(log_scale, dtype=torch.float64))
    assert p.mean.item() == pytest.approx((p.log_prob(grid).exp() * grid).sum().item(), abs=1e-9)


def test_levels_sum_to_one_and_have_their_mean():
    p = PixelCategorical(torch.randn(256))
    grid = torch.arange(256) / 255
    probability = p.log_prob(grid).exp()
    assert probability.sum().item() == pytest.approx(1, abs=1e-5)
    assert p.mean.item() == pytest.approx((probability * grid).sum().item(), abs=1e-5)


@pytest.mark.parametrize("name", LIKELIHOODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_likelihood_scores_and_samples_every_shape(name, shape):
    family = likelihood(name, shape)
    phi = torch.randn(2, 3, family.size, requires_grad=True)
    p = family(phi)
    x = torch.rand(3, *shape)
    log_px = p.log_prob(x)
    assert log_px.shape == (2, 3)
    assert p.mean.shape == (2, 3, *shape)
    drawn = p.sample()
    assert drawn.shape == (2, 3, *shape)
    assert p.log_prob(drawn).isfinite().all()
    log_px.sum().backward()
    assert phi.grad.isfinite().all()
    assert (phi.grad != 0).any()


def test_bernoulli_probabilities_sum_to_one_over_all_binary_pictures():
    p = likelihood("bernoulli", (1, 2, 2))(torch.randn(1, 4))
    pictures = torch.tensor([[(n >> i) & 1 for i in range(4)] for n in range(16)]).float().reshape(16, 1, 2, 2)
    assert p.log_prob(pictures).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_optimal_scale_is_the_root_mean_squared_error():
    family = Gaussian((4,), "optimal").train()
    loc, x = torch.randn(50, 4), torch.randn(50, 4)
    mse = ((x - loc) ** 2).mean()
    expected = -0.5 * 4 * (1 + math.log(2 * math.pi) + mse.log())
    assert family(loc).log_prob(x).mean().item() == pytest.approx(expected.item(), abs=1e-4)
    family.eval()
    assert family(loc).variance[0, 0].item() == pytest.approx(mse.item(), rel=1e-5)
    one = family(loc[:1]).log_prob(x[:1])
    torch.testing.assert_close(one, family(loc).log_prob(x)[:1])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bernouli", "did you mean 'bernoulli'"),
        ("gaussian:-1", "above 0"),
        ("gaussian:optimum", "did you mean 'optimal'"),
        ("bernoulli:0.1", "has no scale to set"),
    ],
)
def test_likelihood_names_are_checked(name, words):
    with pytest.raises(ValueError, match=words):
        likelihood(name, (2,))


def test_latent_of_zero_is_refused():
    with pytest.raises(ValueError, match="at least 1, got"):
        DiagonalNormal(0)


class TestCodebook:
    def test_takes_the_nearest_code(self):
        book = Codebook(3, 2, codes=5).eval()
        q = book(torch.randn(7, book.size))
        distances = (q.output[:, :, None] - book.codes).square().sum(-1)
        assert torch.equal(q.indices, distances.argmin(-1))
        torch.testing.assert_close(q.mean, book.codes[q.indices])

    def test_gradient_goes_straight_through(self):
        book = Codebook(3, 2, codes=5).eval()
        phi = torch.randn(7, book.size, requires_grad=True)
        weight = torch.randn(7, 3, 2)
        (book(phi).rsample() * weight).sum().backward()
        torch.testing.assert_close(phi.grad, weight.flatten(1))

    def test_finds_the_clusters_and_uses_every_code(self):
        """Four codes per cluster: k-means may share them unevenly, but no cluster is left without a code of its own."""
        centres = torch.tensor([[4.0, 0.0], [-4.0, 0.0], [0.0, 4.0], [0.0, -4.0]])
        book = Codebook(1, 2, codes=16).train()
        used = torch.zeros(16)
        for _ in range(1500):
            used += (
                book(centres[torch.randint(4, (64,))] + 0.1 * torch.randn(64, 2))
                .indices.flatten()
                .bincount(minlength=16)
            )
        assert torch.cdist(centres, book.codes).min(1).values.max() < 0.2
        assert (used > 0).all()

    def test_evaluation_leaves_it_alone(self):
        book = Codebook(3, 2, codes=5).eval()
        before = book.codes.clone()
        book(torch.randn(7, book.size))
        assert torch.equal(book.codes, before)

    def test_prior_scores_the_codes_drawn(self):
        book = Codebook(3, 2, codes=5).eval()
        prior = CodebookCategorical(torch.randn(3, 5), book.codes)
        q = book(torch.randn(7, book.size))
        torch.testing.assert_close(prior.log_prob(q.mean), prior.log_mass(q.indices).sum(-1))
        torch.testing.assert_close(kl_divergence(q, prior), -prior.log_prob(q.mean))
        assert isinstance(q, Quantized)

    def test_prior_probabilities_sum_to_one(self):
        prior = CodebookCategorical(torch.randn(2, 3), torch.randn(3, 4))
        every = torch.cartesian_prod(torch.arange(3), torch.arange(3))
        assert prior.log_mass(every).sum(-1).exp().sum().item() == pytest.approx(1, abs=1e-5)


def test_independent_sums_over_the_event():
    p = to_event(td.Normal(torch.zeros(2, 3, 4), 1.0), 2)
    assert p.batch_shape == (2,)
