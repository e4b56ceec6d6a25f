"""Families of latents: diagonal normal and codebook."""

import pytest
import torch

import elbowroom as er
from elbowroom.distributions import (
    CodebookCategorical,
    Quantized,
    kl_divergence,
)
from elbowroom.families import Codebook, DiagonalNormal, likelihood


def test_latent_of_zero_is_refused():
    with pytest.raises(ValueError, match="at least 1, got"):
        DiagonalNormal(0)


def test_a_variance_for_every_pixel_has_a_floor_where_images_are_constant():
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
