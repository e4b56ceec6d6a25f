"""Codes that are drawn by distance: their frequencies, their loss in closed form, and the limit of no noise."""

import pytest
import torch

import elbowroom as er
from elbowroom.families import StochasticCodebook
from tests.tiny_recipes import make_tiny


def make_book(log_variance: float) -> StochasticCodebook:
    torch.manual_seed(0)
    book = StochasticCodebook(1, 2, codes=5)
    with torch.no_grad():
        book.log_variance.fill_(log_variance)
        book.steps.fill_(1)  # past the start from outputs
    return book


def test_codes_are_drawn_as_often_as_their_distance_says() -> None:
    book = make_book(0.0)
    output = torch.tensor([0.3, -0.2])
    drawn = book.train()(output.expand(5000, 2)).indices.flatten()
    expected = (-0.5 * (output - book.codes).square().sum(-1)).softmax(-1)
    torch.testing.assert_close(drawn.bincount(minlength=5) / 5000, expected, atol=0.03, rtol=0)


def test_without_noise_it_draws_the_nearest_and_relaxes_nothing() -> None:
    book, output = make_book(-20.0), torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    drawn, nearest = book.train()(output), book.eval()(output)
    assert torch.equal(drawn.indices, nearest.indices)
    torch.testing.assert_close(drawn.rsample(), nearest.codes)


def test_the_loss_is_the_expected_distance_and_the_divergence_from_uniform() -> None:
    model, objective = make_tiny("sq_vae")
    draw = model.draw(torch.rand(4, 1, 8, 8))
    q, book = draw.q, model.quantizer
    probabilities = q.code_scores.softmax(-1)
    distances = (q.output[..., None, :] - book.codes).square().sum(-1)
    expected = (probabilities * (0.5 * distances / book.log_variance.exp())).sum((-2, -1))
    expected = expected + (probabilities * (probabilities.log() + torch.tensor(8.0).log())).sum((-2, -1))
    loss = er.StochasticQuantization()(draw, torch.tensor(0))
    assert loss.item() == pytest.approx(expected.mean().item(), rel=1e-4)
    assert "stochastic_quantization" in repr(objective)
    assert loss.item() >= 0


def test_codes_that_are_not_drawn_have_no_such_loss() -> None:
    model, _ = make_tiny("vq_vae")
    with pytest.raises(ValueError, match="is for codes that are drawn"):
        er.StochasticQuantization()(model.draw(torch.rand(4, 1, 8, 8)), torch.tensor(0))
