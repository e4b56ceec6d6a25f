"""Differentiable vector quantization: its gradient is that of its formula, and without noise it is a codebook."""

import pytest
import torch

import elbowroom as er
from elbowroom.families import Codebook, DiVeQ
from elbowroom.families.quantizers.diveq import add_error
from tests.tiny_recipes import make_tiny


def make_book(codes: int = 6, dim: int = 3, **arguments: float) -> DiVeQ:
    torch.manual_seed(0)
    book = DiVeQ(2, dim, codes, **arguments).double()
    book.usage.fill_(1)  # no entry restarts
    return book


def test_the_gradient_is_that_of_the_formula_and_shared_between_encoder_and_code() -> None:
    torch.manual_seed(0)
    e, c, direction, g = torch.randn(4, 50, 5, dtype=torch.float64)
    e.requires_grad_(), c.requires_grad_()
    torch.autograd.gradcheck(lambda e, c: add_error(e, c, direction), (e, c))
    (add_error(e, c, direction) * g).sum().backward()
    unit = lambda v: v / v.norm(dim=-1, keepdim=True)  # noqa: E731
    along = (unit(direction) * g).sum(-1, keepdim=True) * unit((c - e).detach())
    torch.testing.assert_close(c.grad, along)
    torch.testing.assert_close(e.grad, g - along)


def test_without_noise_it_is_the_code_and_the_gradient_is_parted_along_the_error() -> None:
    book = make_book(variance=0.0).train()
    phi, g = torch.randn(9, 6, dtype=torch.float64, requires_grad=True), torch.randn(9, 2, 3, dtype=torch.float64)
    q = book(phi)
    torch.testing.assert_close(q.rsample(), q.codes, rtol=0, atol=1e-14)
    of_output, of_codes = torch.autograd.grad((q.rsample() * g).sum(), (q.output, q.codes))
    torch.testing.assert_close(of_output + of_codes, g)
    error = (q.codes - q.output).detach()
    torch.testing.assert_close((of_output * error).sum(-1), torch.zeros(9, 2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_with_noise_the_error_keeps_its_length_and_nearly_its_direction() -> None:
    book = make_book(variance=1e-4).train()
    q = book(torch.randn(200, 6, dtype=torch.float64))
    error, exact = q.rsample() - q.output, q.codes - q.output
    torch.testing.assert_close(error.norm(dim=-1), exact.norm(dim=-1))
    assert 0 < (q.rsample() - q.codes).norm(dim=-1).mean() < 0.1 * exact.norm(dim=-1).mean()


def test_in_evaluation_it_is_the_codebook_of_the_same_entries() -> None:
    book, plain = make_book().eval(), Codebook(2, 3, codes=6).double().eval()
    plain.codes.copy_(book.codes.detach())
    phi = torch.randn(40, 6, dtype=torch.float64)
    q, expected = book(phi), plain(phi)
    assert torch.equal(q.indices, expected.indices)
    torch.testing.assert_close(q.codes, expected.codes, rtol=0, atol=0)
    torch.testing.assert_close(q.rsample(), expected.rsample(), rtol=0, atol=1e-14)


def test_a_reconstruction_alone_moves_the_entries_to_the_clusters() -> None:
    torch.manual_seed(0)
    centres = torch.tensor([[4.0, 0.0], [-4.0, 0.0], [0.0, 4.0], [0.0, -4.0]])
    book = DiVeQ(1, 2, codes=16).train()
    optimizer = torch.optim.Adam(book.parameters(), lr=0.02)
    for _ in range(600):
        x = centres[torch.randint(4, (64,))] + 0.1 * torch.randn(64, 2)
        optimizer.zero_grad()
        (book(x).rsample()[:, 0] - x).square().sum(-1).mean().backward()
        optimizer.step()
    assert torch.cdist(centres, book.codes).min(1).values.max() < 0.2
    assert torch.cdist(book.codes, centres).min(1).values.max() < 0.5


def test_entries_that_are_seldom_chosen_restart_on_outputs() -> None:
    book = make_book().train()
    book.usage[:2] = 0.0
    kept, output = book.codes[2:].detach().clone(), torch.randn(9, 6, dtype=torch.float64)
    book(output)
    assert torch.equal(book.codes[2:], kept)
    assert torch.cdist(book.codes[:2], output.reshape(-1, 3)).min(1).values.max() == 0


def test_a_model_of_it_has_no_loss_but_the_bound_which_trains_the_codes() -> None:
    model, objective = make_tiny("vq_vae", codebook="diveq")
    assert repr(objective) == "(reconstruction + kl)"
    draw = model.train().draw(torch.rand(6, 1, 8, 8))
    er.Reconstruction()(draw, torch.tensor(0)).backward()
    assert model.quantizer.codes.grad.abs().sum() > 0
    assert next(model.encoder.net.parameters()).grad.abs().sum() > 0


def test_arguments_that_have_no_meaning_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 codes"):
        DiVeQ(1, 2, codes=1)
    with pytest.raises(ValueError, match="variance of the noise must be at least 0"):
        DiVeQ(1, 2, variance=-1.0)
