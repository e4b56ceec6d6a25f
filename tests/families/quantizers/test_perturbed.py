"""Vector perturbation: distances by enumeration, detailed balance, a training without codes, noise of their size."""

import pytest
import torch

import elbowroom as er
from elbowroom.families import Codebook, PerturbedCodebook
from elbowroom.families.quantizers.perturbed import DENSITY_NEIGHBOR, OUTPUTS_PER_CODE
from tests.tiny_recipes import make_tiny

STEP = torch.tensor(0)


def make_book(codes: int = 6, dim: int = 2, **arguments: float) -> PerturbedCodebook:
    torch.manual_seed(0)
    return PerturbedCodebook(1, dim, codes, **arguments).double()


def test_distances_are_those_of_neighbors_by_enumeration() -> None:
    book, vectors = make_book(), torch.randn(1500, 2, dtype=torch.float64)
    expected = (vectors[:, None] - book.recent).norm(dim=-1).sort(-1).values
    expected = expected[:, [DENSITY_NEIGHBOR - 1, OUTPUTS_PER_CODE - 1]].T
    torch.testing.assert_close(book.find_distances(vectors), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("scale", [0.7, 1.0, 2.0])
def test_steps_are_in_detailed_balance_with_the_density(scale: float) -> None:
    """π(a) g(b | a) α(a, b) = π(b) g(a | b) α(b, a), with the density of neighbors and the uniform proposal."""
    book = make_book(dim=3, scale=scale)
    a = torch.randn(2000, 3, dtype=torch.float64)
    b = a + 0.6 * torch.randn(2000, 3, dtype=torch.float64)
    distance, (near_a, near_b) = (a - b).norm(dim=-1), (book.find_distances(a), book.find_distances(b))

    def flow(near: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        density, radius = near[0] ** -3, scale * near[1]
        proposal = (distance <= radius) / radius**3
        return density * proposal * book.find_log_acceptance(distance, near, other).exp()

    there, back = flow(near_a, near_b), flow(near_b, near_a)
    torch.testing.assert_close(there, back)
    assert 100 < (there > 0).sum() < 2000


def test_a_proposal_is_uniform_in_the_ball(monkeypatch: pytest.MonkeyPatch) -> None:
    book, vectors = make_book(dim=3), torch.randn(1, 3, dtype=torch.float64).expand(20_000, 3)
    monkeypatch.setattr(book, "find_log_acceptance", lambda distance, *_: torch.zeros_like(distance))
    step = book.perturb(vectors) - vectors
    share = (step.norm(dim=-1) / book.find_distances(vectors)[1]) ** 3
    assert share.max() <= 1
    quantiles = share.quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64))
    torch.testing.assert_close(quantiles, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), atol=0.02, rtol=0)
    assert step.mean(0).abs().max() < 0.02


def test_training_does_not_depend_on_the_codes_and_the_gradient_is_the_identity() -> None:
    phi, g = torch.randn(50, 2, dtype=torch.float64, requires_grad=True), torch.randn(50, 1, 2, dtype=torch.float64)
    drawn = []
    for shift in (0.0, 3.0):
        book = make_book().train()
        book.codes += shift
        torch.manual_seed(1)
        drawn.append(book(phi).rsample())
    assert torch.equal(*drawn)
    assert torch.equal(torch.autograd.grad((drawn[0] * g).sum(), phi)[0], g[:, 0])
    is_moved = (drawn[0][:, 0] != phi).any(-1)
    assert 5 < is_moved.sum() < 50  # some proposals are refused


def test_after_training_it_is_the_codebook_that_followed_the_same_outputs() -> None:
    torch.manual_seed(0)
    book, plain = PerturbedCodebook(1, 2, codes=6), Codebook(1, 2, codes=6)
    plain.codes.copy_(book.codes)
    for seed in range(5):
        output = torch.randn(64, 2)
        for one in (book, plain):
            torch.manual_seed(seed)
            one.train()(output)
    q, expected = book.eval()(output), plain.eval()(output)
    torch.testing.assert_close(q.rsample(), expected.rsample(), rtol=0, atol=0)
    assert torch.equal(q.indices, expected.indices)


def test_the_noise_is_about_as_large_as_the_error_of_the_codes() -> None:
    torch.manual_seed(0)
    book = PerturbedCodebook(1, 2, codes=64, decay=0.9).train()
    for _ in range(150):
        book(torch.randn(512, 2))
    output = torch.randn(2000, 2)
    moved = (book.perturb(output) - output).norm(dim=-1)
    error = (book.eval()(output).codes[:, 0] - output).norm(dim=-1)
    assert 0.5 < (moved[moved > 0].mean() / error.mean()).item() < 2


def test_recent_outputs_replace_the_oldest() -> None:
    book, before = make_book(), make_book().recent
    output = torch.randn(200, 2, dtype=torch.float64)
    book.train()(output)
    assert book.oldest == 20
    assert torch.equal(book.recent[20:], before[20:])
    assert torch.cdist(book.recent[:20], output).min(1).values.max() < 1e-6
    for _ in range(4):
        book(output)
    assert book.oldest == 100 - 6 * OUTPUTS_PER_CODE


def test_the_loss_of_moments_is_that_of_the_batch() -> None:
    model, objective = make_tiny("quantized_vae", quantizer="perturbed:8")
    assert repr(objective) == "((reconstruction + kl) + (10 * code_moments))"
    draw = model.draw(torch.rand(6, 1, 8, 8))
    output = draw.q.output.reshape(-1, model.quantizer.shape[1])
    mean, variance = output.mean(0), output.var(0, correction=0)
    expected = (mean**2).sum() + 0.3 * ((variance - 1) ** 2).sum()
    torch.testing.assert_close(er.CodeMoments(variance=0.3)(draw, STEP), expected)
    with pytest.raises(ValueError, match="weight of the variances, must be at least 0"):
        er.CodeMoments(variance=-1)


def test_a_scale_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="scale of the perturbation must be at least 0"):
        PerturbedCodebook(1, 2, codes=6, scale=-1)
