"""The codebook of vector quantization, and the prior of its codes."""

import pytest
import torch

from elbowroom.distributions import CodeCategorical, Quantized, kl_divergence
from elbowroom.families import Codebook


def test_takes_the_nearest_code():
    book = Codebook(3, 2, codes=5).eval()
    q = book(torch.randn(7, book.size))
    distances = (q.output[:, :, None] - book.codes).square().sum(-1)
    assert torch.equal(q.indices[..., 0], distances.argmin(-1))
    torch.testing.assert_close(q.mean, book.codes[q.indices[..., 0]])


def test_gradient_goes_straight_through():
    book = Codebook(3, 2, codes=5).eval()
    phi = torch.randn(7, book.size, requires_grad=True)
    weight = torch.randn(7, 3, 2)
    (book(phi).rsample() * weight).sum().backward()
    torch.testing.assert_close(phi.grad, weight.flatten(1))


def test_finds_the_clusters_and_uses_every_code():
    """Four codes per cluster: k-means may share them unevenly, but no cluster is left without a code of its own."""
    centres = torch.tensor([[4.0, 0.0], [-4.0, 0.0], [0.0, 4.0], [0.0, -4.0]])
    book = Codebook(1, 2, codes=16).train()
    used = torch.zeros(16)
    for _ in range(1500):
        used += (
            book(centres[torch.randint(4, (64,))] + 0.1 * torch.randn(64, 2)).indices.flatten().bincount(minlength=16)
        )
    assert torch.cdist(centres, book.codes).min(1).values.max() < 0.2
    assert (used > 0).all()


def test_evaluation_leaves_it_alone():
    book = Codebook(3, 2, codes=5).eval()
    before = book.codes.clone()
    book(torch.randn(7, book.size))
    assert torch.equal(book.codes, before)


def test_prior_scores_the_codes_drawn():
    book = Codebook(3, 2, codes=5).eval()
    prior = CodeCategorical(torch.randn(3, 5), book)
    q = book(torch.randn(7, book.size))
    torch.testing.assert_close(prior.log_prob(q.mean), prior.log_mass(q.indices))
    torch.testing.assert_close(kl_divergence(q, prior), -prior.log_prob(q.mean))
    assert isinstance(q, Quantized)


def test_prior_probabilities_sum_to_one():
    prior = CodeCategorical(torch.randn(2, 3), Codebook(2, 4, codes=3))
    every = torch.cartesian_prod(torch.arange(3), torch.arange(3))[..., None]
    assert prior.log_mass(every).exp().sum().item() == pytest.approx(1, abs=1e-5)
