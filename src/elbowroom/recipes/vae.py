"""The VAE and the plain autoencoder."""

from __future__ import annotations

from typing import Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe


@recipe("Kingma & Welling 2014, arXiv 1312.6114")
def vae(
    shape: tuple[int, ...],
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    k: int = 1,
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
    prior: str = "standard",
    beta: NonNegativeFloat = 1.0,
    posterior: str = "normal",
) -> tuple[er.GenerativeModel, er.Term]:
    """The variational autoencoder: diagonal normal posterior, standard normal prior.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, at β = 1 the negated ELBO; E_q is the mean over z from
    q(z|x).

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them; "none" makes both affine
        activation: of the hidden layers (mlp): relu, leaky-relu, tanh, sigmoid, softplus, elu, gelu, silu, gated
        likelihood: p(x|z), as gaussian or laplace:optimal: 'elbowroom likelihoods' lists them; for a table the default
            is columns: a gaussian for each column of numbers, a categorical for each of categories; missing values add
            nothing
        k: samples per example in the ELBO
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first; sides halve as often as there are widths
        prior: p(z): standard, mixture:K of K learned normals, vamp:K of K learned pseudo-inputs, exemplar:K of K
            examples, flow:maf, resampled, energy, autocorrelated:DELTA
        beta: weight of the KL
        posterior: q(z|x): normal, or a flow of K layers: planar:K, radial:K, householder:K, sylvester:K, iaf:K, maf:K
    """
    architecture = er.Architecture(shape, network, hidden, activation, size, widths)
    encoder = architecture.encoder(er.posterior(posterior, latent))
    decoder = architecture.decoder(latent, er.likelihood(likelihood, shape))
    p_z = er.make_prior(prior, encoder, shape, bounded=decoder.family.support == (0.0, 1.0))
    objective = er.ELBO(k) if beta == 1 else er.ELBO(k) + (beta - 1) * er.KL()
    return er.Model(encoder, decoder, p_z), objective


@recipe("Hinton & Salakhutdinov 2006, doi 10.1126/science.1127647")
def autoencoder(
    shape: tuple[int, ...],
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    linear: bool = False,
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
) -> tuple[er.GenerativeModel, er.Term]:
    """The plain autoencoder: a deterministic latent, no prior, reconstruction alone.

    Minimized: ``−log p(x|z)``, with ``z = e(x)`` and e the encoder; if linear, ``½ ‖x − b − V (W x + a)‖²`` and a
    constant.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them; "none" makes both affine
        activation: of the hidden layers (mlp)
        likelihood: p(x|z), as for vae
        linear: affine maps and squared error, whose optimum spans the principal components
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first; sides halve as often as there are widths
    """
    if linear:
        return er.LinearAutoencoder(shape, latent), er.Reconstruction()
    architecture = er.Architecture(shape, network, hidden, activation, size, widths)
    encoder = architecture.encoder(er.Point(latent))
    decoder = architecture.decoder(latent, er.likelihood(likelihood, shape))
    return er.Model(encoder, decoder, prior=None), er.Reconstruction()
