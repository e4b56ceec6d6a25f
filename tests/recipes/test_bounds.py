"""CIWAE at its ends: IWAE and the VAE's bound."""

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)
STEP = torch.tensor(0)


@pytest.mark.parametrize(("mix", "bound"), [(0.0, er.ImportanceBound(7)), (1.0, er.ELBO(7))])
def test_ciwae_is_iwae_at_0_and_the_elbo_at_1(mix, bound):
    model, objective = er.recipes.ciwae(SHAPE, k=7, mix=mix)
    draw = model.draw(torch.rand(9, *SHAPE), k=objective.k)
    torch.testing.assert_close(objective(draw, STEP), bound(draw, STEP))


def test_ciwae_lies_between_its_ends():
    model, objective = er.recipes.ciwae(SHAPE, k=7)
    draw = model.draw(torch.rand(9, *SHAPE), k=7)
    assert er.ImportanceBound(7)(draw, STEP) < objective(draw, STEP) < er.ELBO(7)(draw, STEP)


def test_a_weight_that_is_none_is_refused():
    with pytest.raises(ValueError, match="from 0 to 1"):
        er.recipes.ciwae(SHAPE, mix=2)


def gradients(model, *losses):
    """The gradients of each loss for one part of the model, encoder and decoder, by name."""
    torch.manual_seed(1)
    draw = model.draw(torch.rand(6, *SHAPE), k=6)
    parts = [(part, loss(draw, STEP)) for part, loss in zip((model.encoder, model.decoder), losses, strict=True)]
    return [torch.autograd.grad(loss, list(part.parameters()), retain_graph=True) for part, loss in parts]


def test_piwae_trains_the_encoder_as_miwae_and_the_decoder_as_iwae():
    model, objective = er.recipes.piwae(SHAPE, k=3, groups=2, latent=2, hidden=(8,), seed=0)
    encoder, decoder = objective.players(model)
    assert [{id(p) for p in player.parameters} for player in (encoder, decoder)] == [
        {id(p) for p in part.parameters()} for part in (model.encoder, model.decoder)
    ]

    def miwae(draw, step):
        groups = [draw.log_w[:3], draw.log_w[3:]]
        return -sum(log_w.exp().mean(0).log().mean() for log_w in groups) / 2

    def iwae(draw, step):
        return -draw.log_w.exp().mean(0).log().mean()

    by_hand = gradients(model, miwae, iwae)
    for found, expected in zip(gradients(model, encoder.loss, decoder.loss), by_hand, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_miwae_and_renyi_are_iwae_where_they_should_be():
    model, iwae = er.recipes.iwae(SHAPE, k=4)
    draw = model.draw(torch.rand(9, *SHAPE), k=4)
    for _, objective in (er.recipes.miwae(SHAPE, k=4, groups=1), er.recipes.renyi_vae(SHAPE, alpha=0.0, k=4)):
        torch.testing.assert_close(objective(draw, STEP), iwae(draw, STEP))
