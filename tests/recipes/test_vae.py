"""Identities of ``vae``: what its arguments say is the model and the objective that one makes by hand."""

import pytest
import torch

import elbowroom as er
from elbowroom import noise
from elbowroom.networks import BLOCKS

SHAPE = (3, 10, 7)


def build(recipe="vae", **arguments):
    return er.recipes.find(recipe)(SHAPE, latent=3, seed=0, **arguments)


def loss(model, objective, x):
    with noise.keyed_noise(0, torch.arange(len(x))):
        return objective(model.draw(x, k=objective.k), torch.tensor(0))


@pytest.fixture
def x():
    return torch.rand(5, *SHAPE, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("network", BLOCKS)
def test_it_is_the_model_made_by_hand(network, x):
    model, objective = build(network=network, widths=(4, 8), prior="mixture:5")
    encoder = er.Conditional.down(SHAPE, er.DiagonalNormal(3), widths=(4, 8), network=network)
    decoder = er.Conditional.up(3, er.likelihood("bernoulli", SHAPE), widths=(4, 8), network=network)
    by_hand = er.Model(encoder, decoder, er.Mixture(3, components=5))
    by_hand.load_state_dict(model.state_dict())
    assert torch.equal(loss(model, objective, x), loss(by_hand, er.ELBO(), x))


def test_a_beta_of_one_is_the_vae_and_any_other_weights_the_kl(x):
    model, objective = build()
    assert torch.equal(loss(model, build("beta_vae", beta=1)[1], x), loss(model, objective, x))
    weighted = er.Reconstruction() + 3 * er.KL()
    torch.testing.assert_close(loss(model, build(beta=3)[1], x), loss(model, weighted, x))
    with pytest.raises(ValueError, match="beta=-1: expected a number, at least 0"):
        build(beta=-1)


def test_the_pseudo_inputs_of_convolutions_are_examples(x):
    model, _ = build("vamp_vae", components=4, network="conv", widths=(4, 8))
    assert model.prior.pseudo_inputs.shape == (4, *SHAPE)
    posteriors = model.encoder(model.prior.pseudo_inputs)
    z = torch.zeros(3)
    expected = posteriors.log_prob(z).logsumexp(0) - torch.tensor(4.0).log()
    torch.testing.assert_close(model.prior().log_prob(z), expected)


def test_the_critic_of_factor_vae_sees_latents_whatever_the_network():
    critics = []
    for arguments in ({"hidden": (8,)}, {"network": "conv", "widths": (4, 8)}):
        _, objective = build("factor_vae", critic=(6,), **arguments)
        critics.append([tuple(p.shape) for p in objective.parameters()])
    assert critics[0] == critics[1]
    assert critics[0][0] == (6, 3)
