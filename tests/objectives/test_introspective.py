"""Introspective terms: the authors' formulas by hand, and whose gradient goes where."""

import math

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)
SIZE = 64
STEP = torch.tensor(0)


@pytest.fixture
def model():
    return er.recipes.vae(SHAPE, latent=2, hidden=(16,), likelihood="gaussian:1", seed=0)[0]


def kl_by_hand(q):
    return 0.5 * (q.mean.square() + q.variance - 1 - q.variance.log()).sum(-1)


def test_the_encoders_term_is_the_authors(model):
    """The weight of squared errors is theirs by twice that of half of them, and times D as all our terms are."""
    torch.manual_seed(1)
    draw = model.draw(torch.rand(5, *SHAPE))
    value = er.ExponentialELBO(2.0, 256.0)(draw, STEP)

    torch.manual_seed(1)
    draw = model.draw(torch.rand(5, *SHAPE))
    fakes = [draw.p.mean[0], draw.prior_p.mean[0]]
    exponentials = []
    for fake in fakes:
        q = model.posterior(fake)
        again = model.decode(q.rsample((1,))).mean[0]
        error = (fake - again).square().flatten(1).sum(1)
        exponentials.append((-2 / SIZE * (error + 256 * kl_by_hand(q))).exp().mean())
    torch.testing.assert_close(value, SIZE * 0.25 * (exponentials[0] + exponentials[1]))


def test_the_decoders_term_is_the_kl_of_fakes_through_the_encoder(model):
    draw = model.draw(torch.rand(5, *SHAPE))
    value = er.FakeKL()(draw, STEP)
    kls = [kl_by_hand(model.posterior(p.mean[0])).mean() for p in (draw.p, draw.prior_p)]
    torch.testing.assert_close(value, 0.5 * (kls[0] + kls[1]))
    gradients = torch.autograd.grad(value, list(model.decoder.parameters()), allow_unused=True)
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)


def test_no_gradient_of_the_encoders_term_goes_to_the_fakes(model):
    """Those examples are constants to it: the gradient is the one with fakes that were detached by hand."""
    torch.manual_seed(1)
    draw = model.draw(torch.rand(5, *SHAPE))
    parameters = list(model.encoder.parameters())
    found = torch.autograd.grad(er.ExponentialELBO(2.0, 256.0)(draw, STEP), parameters)
    torch.manual_seed(1)
    with torch.no_grad():
        other = model.draw(torch.rand(5, *SHAPE))
        other.prior_p  # noqa: B018  (drawn now, without gradients)
    expected = torch.autograd.grad(er.ExponentialELBO(2.0, 256.0)(other, STEP), parameters)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_fakes_that_the_encoder_finds_impossible_cost_nothing(model):
    draw = model.draw(torch.rand(5, *SHAPE))
    assert er.ExponentialELBO(2.0, 1e9)(draw, STEP) == 0
    assert er.ExponentialELBO(0.0, 0.0)(draw, STEP).item() == pytest.approx(SIZE / 2)


def test_they_need_a_model_that_knows_its_encoder():
    x = torch.rand(3, *SHAPE)
    model, _ = er.recipes.ladder_vae(SHAPE)
    with pytest.raises(ValueError, match=r"does not know its|has 2 latents"):
        er.FakeKL()(model.draw(x), STEP)
    assert math.isfinite(er.FakeKL()(er.recipes.cvae(SHAPE)[0].draw(x, torch.tensor([0, 1, 2])), STEP).item())


def test_the_hinge_is_the_papers(model):
    """Huang et al. 2018 sum over both kinds of fakes; the term is half of that."""
    draw = model.draw(torch.rand(5, *SHAPE))
    kls = [kl_by_hand(model.posterior(p.mean[0])) for p in (draw.p, draw.prior_p)]
    margin = torch.cat(kls).median().item()  # so that it is open for some fakes and closed for others
    by_hand = sum((margin - kl).clamp_min(0).mean() for kl in kls)
    torch.testing.assert_close(2 * er.FakeKLHinge(margin)(draw, STEP), by_hand)


def test_a_hinge_that_is_open_pulls_against_the_decoders_term(model):
    """Below the margin its slope by the encoder is that of the decoder's term with fakes held fixed, reversed."""
    draw = model.draw(torch.rand(5, *SHAPE))
    parameters = list(model.encoder.parameters())
    found = torch.autograd.grad(er.FakeKLHinge(1e3)(draw, STEP), parameters, retain_graph=True)
    fixed = [model.posterior(p.mean[0].detach()) for p in (draw.p, draw.prior_p)]
    expected = torch.autograd.grad(-0.5 * sum(kl_by_hand(q).mean() for q in fixed), parameters)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    hinge = er.FakeKLHinge(1e3)(draw, STEP)
    assert torch.autograd.grad(hinge, list(model.decoder.parameters()), allow_unused=True) == (None,) * len(
        list(model.decoder.parameters())
    )


def test_fakes_beyond_the_margin_cost_nothing(model):
    draw = model.draw(torch.rand(5, *SHAPE))
    value = er.FakeKLHinge(1e-6)(draw, STEP)
    assert value == 0
    assert all(not g.any() for g in torch.autograd.grad(value, list(model.encoder.parameters())))


def test_the_margin_is_above_zero():
    with pytest.raises(ValueError, match="the margin of a hinge, in nats, is above 0, got 0"):
        er.FakeKLHinge(0.0)
