"""The VAE and the plain autoencoder."""

from __future__ import annotations

import elbowroom as er
from elbowroom.recipes.registry import recipe


@recipe("Kingma & Welling 2014, arXiv 1312.6114")
def vae(
    shape: tuple[int, ...],
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    k: int = 1,
) -> tuple[er.GenerativeModel, er.Term]:
    """The variational autoencoder: diagonal normal posterior, standard normal prior.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers; the decoder mirrors them; "none" makes both affine
        activation: of the hidden layers: relu, leaky-relu, tanh, sigmoid, softplus, elu, gelu, silu, gated
        likelihood: p(x|z), as gaussian or laplace:optimal: 'elbowroom likelihoods' lists them; for a table the default
            is columns: a gaussian for each column of numbers, a categorical for each of categories; missing values add
            nothing
        k: samples per example in the ELBO
    """
    encoder = er.Conditional.mlp(shape, er.DiagonalNormal(latent), hidden, activation)
    decoder = er.Conditional.mlp(latent, er.likelihood(likelihood, shape), hidden[::-1], activation)
    return er.Model(encoder, decoder, er.StandardNormal(latent)), er.ELBO(k)


@recipe("Hinton & Salakhutdinov 2006, doi 10.1126/science.1127647")
def autoencoder(
    shape: tuple[int, ...],
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    linear: bool = False,
) -> tuple[er.GenerativeModel, er.Term]:
    """The plain autoencoder: a deterministic latent, no prior, reconstruction alone.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers; the decoder mirrors them; "none" makes both affine
        activation: of the hidden layers
        likelihood: p(x|z), as for vae
        linear: affine maps and squared error, whose optimum spans the principal components
    """
    if linear:
        return er.LinearAutoencoder(shape, latent), er.Reconstruction()
    encoder = er.Conditional.mlp(shape, er.Point(latent), hidden, activation)
    decoder = er.Conditional.mlp(latent, er.likelihood(likelihood, shape), hidden[::-1], activation)
    return er.Model(encoder, decoder, prior=None), er.Reconstruction()
