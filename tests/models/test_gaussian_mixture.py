"""GMVAE: its bound is that of the paper at the exact posterior of y."""

import math

import torch

import elbowroom as er


def make_model(clusters=4):
    torch.manual_seed(0)
    return er.recipes.gm_vae((1, 8, 8), latent=3, context=2, clusters=clusters, hidden=(16,))[0]


def test_the_sum_over_components_is_the_bound_with_the_exact_posterior_of_y():
    model = make_model()
    draw = model.draw(torch.rand(5, 1, 8, 8), k=2)
    w, z = (latent.z for latent in draw.latents)
    components = model.prior.conditional(w).component_distribution.log_prob(z[:, :, None])
    share = components.softmax(-1)
    paper = (share * (components - math.log(4) - share.log())).sum(-1)
    torch.testing.assert_close(draw.latents[-1].log_pz, paper, atol=1e-4, rtol=1e-4)


def test_one_component_that_ignores_w_is_a_normal_prior():
    model = make_model(clusters=1)
    for parameter in model.prior.net.parameters():
        torch.nn.init.zeros_(parameter)
    z = torch.randn(5, 3)
    for p in (model.prior.conditional(torch.randn(5, 2)), model.prior()):
        torch.testing.assert_close(p.log_prob(z), er.StandardNormal(3)().log_prob(z))


def test_clusters_are_those_of_the_means(digits):
    model = make_model()
    x = digits.test.first(7).x
    shares = model.cluster(x)
    p = model.prior.conditional(model.context_encoder(x).mean)
    expected = p.component_distribution.log_prob(model.encoder(x).mean[:, None]).exp()
    torch.testing.assert_close(shares, expected / expected.sum(-1, keepdim=True))
