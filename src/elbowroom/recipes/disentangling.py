"""Recipes that encourage independent latent dimensions: beta-VAE, FactorVAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Higgins et al. 2017, openreview Sy2fzU9gl", extends=vae)
def beta_vae(shape: tuple[int, ...], beta: float = 4.0, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with its KL weighted by beta.

    Args:
        beta: weight of the KL; 1 is the VAE
    """
    return vae(shape, beta=beta, **rest)


@recipe("Kim & Mnih 2018, arXiv 1802.05983", extends=vae)
def factor_vae(
    shape: tuple[int, ...],
    gamma: float = 10.0,
    critic: tuple[int, ...] = (1000, 1000, 1000, 1000, 1000),
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with its total correlation, estimated by a critic, weighted by gamma.

    Args:
        gamma: weight of the total correlation
        critic: widths of the critic's hidden layers
    """
    model, elbo = vae(shape, **rest)
    network = er.MLP(model.latent_shape, size=1, hidden=critic, activation="leaky-relu")
    return model, elbo + gamma * er.DensityRatio(network, er.permute_dims)
