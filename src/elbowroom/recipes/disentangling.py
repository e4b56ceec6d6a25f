"""Recipes that encourage independent latents: beta-VAE, FactorVAE, beta-TC-VAE, HFVAE, DIP-VAE, S2-VAE."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Higgins et al. 2017, openreview Sy2fzU9gl", extends=vae)
def beta_vae(shape: tuple[int, ...], beta: NonNegativeFloat = 4.0, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with its KL weighted by beta.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``.

    Args:
        beta: weight of the KL; 1 is the VAE
    """
    return vae(shape, beta=beta, **rest)


@recipe("Kim & Mnih 2018, arXiv 1802.05983", extends=vae)
def factor_vae(
    shape: tuple[int, ...],
    gamma: NonNegativeFloat = 10.0,
    critic: tuple[int, ...] = (1000, 1000, 1000, 1000, 1000),
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with its total correlation, estimated by a critic, weighted by gamma.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + γ E_q[D(z)]``, with the critic
    ``D(z) ≈ log q(z) − Σ_j log q(z_j)``, which minimizes ``½ (softplus(−D(z)) + softplus(D(z')))``, z' the latents of a
    batch with each number shuffled.

    The critic has six layers as the paper says, its output among them; disentanglement_lib's has six hidden ones.

    Args:
        gamma: weight of the total correlation
        critic: widths of the critic's hidden layers
    """
    model, elbo = vae(shape, **rest)
    network = er.MLP(model.latent_shape, size=1, hidden=critic, activation="leaky-relu")
    return model, elbo + gamma * er.DensityRatio(network, er.permute_dims)


@recipe("Chen et al. 2018, arXiv 1802.04942", extends=vae, without=("posterior", "beta"))
def beta_tc_vae(
    shape: tuple[int, ...],
    beta: NonNegativeFloat = 6.0,
    sampling: Literal["stratified", "weighted"] = "stratified",
    k: int = 1,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The beta-TC-VAE: the VAE with the total correlation alone, a part of its KL, weighted by beta.

    Minimized: ``−E_q[log p(x|z)] + E[log q(z|x) − log q(z)] + β E[log q(z) − Σ_j log q(z_j)] + E[Σ_j log q(z_j) − log
    p(z)]``, with ``q(z) = 1/N Σ_n q(z|x_n)``, estimated from the batch.

    Args:
        beta: weight of the total correlation; 1 is the VAE with its KL estimated
        sampling: how a batch stands for all examples: stratified, or weighted, which the paper trains with
        k: samples per example
    """
    model, _ = vae(shape, **rest)
    correlation = beta * er.TotalCorrelation(sampling=sampling)
    return model, er.Reconstruction(k) + er.MutualInformation(sampling) + correlation + er.DimensionKL(sampling)


@recipe("Esmaeili et al. 2019, arXiv 1804.02086", extends=vae, without=("posterior", "beta"))
def hfvae(
    shape: tuple[int, ...],
    latent: int = 20,
    groups: int = 5,
    beta: NonNegativeFloat = 6.0,
    gamma: NonNegativeFloat = 3.0,
    alpha: NonNegativeFloat = 1.0,
    k: int = 1,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The hierarchically factorized VAE: weights for the correlation between groups of latents and within them.

    Minimized: ``−E_q[log p(x|z)] + α E[log q(z|x) − log q(z)] + β E[log q(z) − Σ_g log q(z_g)] + γ E[Σ_g log q(z_g) −
    Σ_j log q(z_j)] + E[Σ_j log q(z_j) − log p(z)]``, with groups g of numbers j and ``q(z) = 1/N Σ_n q(z|x_n)``.

    The weights are chosen by us.

    Args:
        latent: size of the latent z
        groups: how many groups of neighboring latents, of equal size or larger by one
        beta: weight of the total correlation between groups
        gamma: weight of the total correlations within groups
        alpha: weight of the mutual information of examples and latents
        k: samples per example
    """
    model, _ = vae(shape, latent=latent, **rest)
    between = er.TotalCorrelation(split_evenly(latent, groups))
    kl = alpha * er.MutualInformation() + beta * between + gamma * (er.TotalCorrelation() - between) + er.DimensionKL()
    return model, er.Reconstruction(k) + kl


def split_evenly(size: int, parts: int) -> list[int]:
    """Return the sizes of parts, the larger ones first.

    >>> split_evenly(5, 2)
    [3, 2]
    """
    if not 1 <= parts <= size:
        raise ValueError(f"a latent of {size} has from 1 to {size} groups, got {parts}: give --groups another number")
    return [size // parts + (i < size % parts) for i in range(parts)]


@recipe("Kumar et al. 2018, arXiv 1711.00848", extends=vae, without=("posterior",))
def dip_vae(
    shape: tuple[int, ...], kind: Literal["i", "ii"] = "ii", weight: NonNegativeFloat = 10.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The DIP-VAE, I or II: the VAE whose latents are drawn to a covariance of one.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + weight (Σ_i≠j C_ij² + λ Σ_i (C_ii − 1)²)``, with
    ``C = Cov[μ(x)]`` and λ = 10 for "i", ``C = Cov[μ(x)] + E[diag σ²(x)]`` and λ = 1 for "ii".

    Args:
        kind: "i" for the covariance of posterior means, "ii" for that of the latents
        weight: of squared covariances; that of variances is ten times as large for "i" and the same for "ii", as in the
            paper; 10 is chosen by us
    """
    model, elbo = vae(shape, **rest)
    covariance = er.LatentCovariance("means", 10.0) if kind == "i" else er.LatentCovariance("latents", 1.0)
    return model, elbo + weight * covariance


@recipe("Locatello et al. 2020, arXiv 1905.01258", extends=vae, without=("posterior",))
def s2_vae(
    shape: tuple[int, ...],
    factors: int = 5,
    weight: NonNegativeFloat = 10.0,
    latent: int = 10,
    beta: NonNegativeFloat = 4.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The S2-VAE: a beta-VAE whose first latents are drawn to the labels of factors, as far as they are known.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) − weight Σ_j (v_j log s_j + (1 − v_j) log (1 − s_j))``, with
    values v_j of the factors, ``s_j = sigmoid(μ_j(x))`` and μ(x) the mean of q(z|x), a mean over labelled examples.

    The weights are chosen by us, from the ranges of the paper.

    Args:
        factors: how many the labels have: attributes from 0 to 1, or classes, each of which is one; train counts them
        weight: of the cross-entropy of the factors
        latent: size of the latent z; the first ones are the factors
        beta: weight of the KL
    """
    if latent < factors:
        raise ValueError(f"each of {factors} factors takes a latent: latent must be at least {factors}, got {latent}")
    model, elbo = vae(shape, latent=latent, beta=beta, **rest)
    return model, elbo + weight * er.FactorLabels(factors)


@recipe("Ishfaq, Hoogi & Rubin 2018, arXiv 1802.04403", extends=vae)
def triplet_vae(
    shape: tuple[int, ...], weight: NonNegativeFloat = 10.0, margin: float = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The triplet VAE: posterior means of one class lie nearer to each other than to those of another.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + weight max(0, ‖μ(x) − μ(x')‖² − ‖μ(x) − μ(x'')‖² + margin)``,
    with μ(x) the mean of q(z|x), x' another example of the class and x'' one of another.

    The weight is chosen by us. The prior stays what it is, so that samples are of no class in particular.

    Args:
        weight: of the triplet loss; 0 is the vae
        margin: by which the squared distance to another class is to be larger than that within a class
    """
    model, elbo = vae(shape, **rest)
    return model, elbo + weight * er.TripletDistance(margin)
