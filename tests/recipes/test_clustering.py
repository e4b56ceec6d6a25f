"""VaDE: the bound of one standard component is the VAE's; the start finds clusters; responsibilities sum to one."""

import pytest
import torch
from sklearn.metrics import normalized_mutual_info_score

import elbowroom as er

SHAPE = (1, 8, 8)


def test_with_one_standard_component_its_bound_is_the_vaes_on_average():
    model, objective = er.recipes.vade(SHAPE, latent=2, hidden=(16,), clusters=1)
    with torch.no_grad():
        model.prior.loc.zero_()
    plain = er.Model(model.encoder, model.decoder, er.StandardNormal(2))
    x = torch.rand(5, *SHAPE)
    with torch.no_grad():
        draws = model.draw(x, k=20_000).kl, plain.draw(x).kl
    torch.testing.assert_close(*draws, atol=0.02, rtol=0.05)
    assert repr(objective) == "(reconstruction + kl)"


def test_the_start_finds_the_digits_better_than_chance_and_is_the_same_for_one_seed():
    data = er.load_data("digits")
    x, y, _ = data.train.first(600)
    models = [er.recipes.vade(SHAPE, hidden=(64,), pretraining=150, seed=0)[0] for _ in range(2)]
    for model in models:
        model.initialize(x, torch.Generator().manual_seed(0))
    assert torch.equal(models[0].prior.loc, models[1].prior.loc)
    assert all(p.grad is None for p in models[0].parameters())
    shares = models[0].cluster(x)
    assert shares.shape == (600, 10)
    torch.testing.assert_close(shares.sum(1), torch.ones(600))
    assert normalized_mutual_info_score(y, shares.argmax(1)) > 0.4


def test_responsibilities_are_those_of_bayes():
    model, _ = er.recipes.vade(SHAPE, latent=2, hidden=(16,), clusters=3)
    z = torch.randn(7, 2)
    shares = model.prior.responsibilities(z)
    joint = model.prior().component_distribution.log_prob(z[:, None]).exp() / 3
    torch.testing.assert_close(shares, joint / model.prior().log_prob(z).exp()[:, None])


def test_fewer_examples_than_clusters_leave_the_prior_as_it_is():
    model, _ = er.recipes.vade(SHAPE, latent=2, hidden=(16,), pretraining=1)
    before = model.prior.loc.clone()
    model.initialize(torch.rand(4, *SHAPE), torch.Generator())
    assert torch.equal(model.prior.loc, before)


def test_other_models_have_no_clusters_and_other_networks_their_own_sizes():
    with pytest.raises(ValueError, match="does not cluster its examples: train vade"):
        er.recipes.vae(SHAPE)[0].cluster(torch.rand(1, *SHAPE))
    assert er.recipes.vade(SHAPE, network="conv", size="s")[0].n_clusters == 10
    with pytest.raises(ValueError, match="number of steps, at least 0"):
        er.recipes.vade(SHAPE, pretraining=-1)
