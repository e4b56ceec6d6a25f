"""WAE-MMD, SWAE, RAE-L2 and RAE-GP: without weights they are the autoencoder; WAE samples from its prior."""

import pytest
import torch

import elbowroom as er

SHAPE = (1, 8, 8)
WITHOUT = {
    "wae_mmd": {"weight": 0},
    "swae": {"weight": 0},
    "rae_l2": {"weight": 0, "decay": 0},
    "rae_gp": {"weight": 0, "penalty": 0},
}


@pytest.mark.parametrize("name", WITHOUT)
def test_without_weights_it_is_the_autoencoder(name):
    x = torch.rand(9, *SHAPE)
    model, objective = er.recipes.find(name)(SHAPE, latent=3, seed=0, **WITHOUT[name])
    plain, reconstruction = er.recipes.autoencoder(SHAPE, latent=3, likelihood="gaussian", seed=0)
    step = torch.tensor(0)
    torch.testing.assert_close(objective(model.draw(x), step), reconstruction(plain.draw(x), step))


@pytest.mark.parametrize("name", WITHOUT)
def test_its_terms_are_recorded_under_their_names(name):
    model, objective = er.recipes.find(name)(SHAPE)
    draw = model.draw(torch.rand(9, *SHAPE))
    objective(draw, torch.tensor(0))
    expected = {
        "wae_mmd": {"mmd"},
        "swae": {"sliced_wasserstein"},
        "rae_l2": {"latent_l2", "decoder_l2"},
        "rae_gp": {"latent_l2", "decoder_gradient_penalty"},
    }
    assert set(draw.terms) == expected[name] | {"reconstruction"}


def test_wae_samples_from_its_prior_and_has_no_kl():
    model, _ = er.recipes.wae_mmd(SHAPE, latent=3)
    assert model.sample(4).shape == (4, *SHAPE)
    assert not model.draw(torch.rand(2, *SHAPE)).is_probabilistic
