"""Decoders that read x: exact probabilities of all small images, and draws that have them."""

import itertools

import pytest
import torch

import elbowroom as er
from elbowroom.table_shape import TableShape

SHAPE = (1, 2, 2)


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    made = er.pixel_decoder(er.Architecture(SHAPE, "mlp", (8,)), 3, er.Bernoulli(SHAPE), layers=2, width=8)
    made.causal.embedding.weight.data.mul_(8)  # so that pixels depend on one another
    return made.eval()


def all_images():
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=4))).reshape(-1, *SHAPE)


def test_the_probabilities_of_all_images_add_up_to_one(decoder):
    p = decoder(torch.randn(5, 3))
    assert p.batch_shape == (5,)
    log_probs = p.log_prob(all_images()[:, None])
    torch.testing.assert_close(log_probs.exp().sum(0), torch.ones(5))


def test_draws_have_these_probabilities(decoder):
    p = decoder(torch.randn(3))
    expected = p.log_prob(all_images()).exp()
    torch.manual_seed(1)
    bits = p.sample((20_000,)).flatten(1).long()
    shares = torch.bincount(bits @ torch.tensor([8, 4, 2, 1]), minlength=16) / len(bits)
    assert (shares - expected).abs().max() < 0.015
    independent = decoder.family(torch.logit(p.sample((20_000,)).mean(0)).flatten())
    assert (independent.log_prob(all_images()).exp() - expected).abs().max() > 0.03


def test_batches_broadcast_as_a_draw_needs_them(decoder):
    z, x = torch.randn(4, 5, 3), torch.rand(5, *SHAPE).round()
    together = decoder(z).log_prob(x)
    assert together.shape == (4, 5)
    torch.testing.assert_close(together[2, 3], decoder(z[2, 3]).log_prob(x[3]))
    assert decoder(z).mean.shape == decoder(z).sample().shape == (4, 5, *SHAPE)


def test_the_mean_is_one_pass_of_means(decoder):
    z = torch.randn(2, 3)
    p, mean = decoder(z), decoder(z).mean
    torch.testing.assert_close(p.conditionals(mean).mean, mean)
    torch.testing.assert_close(decoder(z).mean, mean)


def test_the_channels_of_a_pixel_are_drawn_together():
    family = er.LogisticMixture((3, 2, 2), components=2)
    decoder = er.pixel_decoder(er.Architecture((3, 2, 2), "mlp", (8,)), 3, family, layers=1, width=8)
    assert decoder(torch.zeros(4, 3)).sample().shape == (4, 3, 2, 2)


def test_a_model_says_that_its_decoder_reads_x():
    assert er.recipes.pixel_vae((1, 8, 8), layers=1)[0].is_autoregressive
    assert not er.recipes.vae((1, 8, 8))[0].is_autoregressive


@pytest.fixture
def rows():
    """A decoder of rows of a category and two bits, and all twelve rows."""
    torch.manual_seed(0)
    shape = TableShape((3, 2, 2))
    decoder = er.row_decoder(shape, 2, er.likelihood("columns", shape), width=12).eval().requires_grad_(False)
    for weight in decoder.parameters():
        weight.normal_()
    return decoder, torch.tensor(list(itertools.product((0.0, 1.0, 2.0), (0.0, 1.0), (0.0, 1.0))))


def test_draws_of_rows_have_the_probabilities_of_rows(rows):
    decoder, every = rows
    p = decoder(torch.randn(2))
    expected = p.log_prob(every).exp()
    assert expected.sum() == pytest.approx(1)
    drawn = p.sample((20_000,)).long() @ torch.tensor([4, 2, 1])
    assert (torch.bincount(drawn, minlength=12) / 20_000 - expected).abs().max() < 0.015


def test_completed_rows_are_those_of_the_conditional_by_their_weights(rows):
    decoder, every = rows
    z = torch.randn(2)
    known = torch.tensor([torch.nan, 1.0, torch.nan])
    completed, log_w = decoder(z.expand(20_000, 2)).complete(known)
    joint = decoder(z).log_prob(every).exp() * (every[:, 1] == 1)
    assert (completed[:, 1] == 1).all()
    assert log_w.exp().mean() == pytest.approx(joint.sum().item(), rel=0.03)
    weights = torch.zeros(12).index_add(0, completed.long() @ torch.tensor([4, 2, 1]), log_w.softmax(0))
    torch.testing.assert_close(weights, joint / joint.sum(), atol=0.02, rtol=0)


def test_the_parameters_of_a_column_do_not_depend_on_itself_and_those_after_it():
    causal = er.row_decoder((4,), 2, er.Gaussian(4, scale="learned"), width=16).causal
    x, projected = torch.randn(1, 4), causal.project(torch.randn(1, 2))
    jacobian = torch.autograd.functional.jacobian(lambda x: causal(x, projected)[0], x)[:, 0]
    seen = jacobian.reshape(-1, 4, 4).abs().sum(0) > 0
    assert torch.equal(seen, torch.ones(4, 4).tril(-1).bool())
