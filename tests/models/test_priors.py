"""Learned priors."""

import math

import torch

import elbowroom as er


def test_vamp_prior_mixes_the_posteriors_at_its_pseudo_inputs():
    torch.manual_seed(0)
    model, _ = er.recipes.vamp_vae((1, 8, 8), latent=3, components=7)
    z = torch.randn(11, 3)
    q = model.encoder(model.prior.pseudo_inputs)
    expected = q.log_prob(z[:, None]).logsumexp(1) - math.log(7)
    torch.testing.assert_close(model.prior().log_prob(z), expected)
