"""Recipes that differ in their likelihood: log-cosh loss, Student-t, of values alone and of latents too."""

from __future__ import annotations

import math
from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Chen et al. 2019, openreview rkglvsC9Ym", extends=vae)
def logcosh_vae(
    shape: tuple[int, ...], likelihood: str = "log-cosh:10", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with the log-cosh loss, as the density whose negative log it is.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with
    ``log p(x|z) = −Σ_i (1/A log cosh(A (x_i − μ_i(z)) / s) + log s)`` and a constant, s a learned scale.

    The loss alone has no scale; here one is learned for all values, which takes the part of the paper's weight.

    Args:
        likelihood: p(x|z): log-cosh:A counts errors far below 1/A of the scale squared, those above absolutely; A is
            chosen by us
    """
    return vae(shape, likelihood=likelihood, **rest)


@recipe("Takahashi et al. 2018, doi 10.24963/ijcai.2018/374", extends=vae)
def student_vae(
    shape: tuple[int, ...], likelihood: str = "student-t:predicted", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose values have Student-t errors: robust against outliers.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with ``p(x|z) = Π_i p(x_i|z)`` and
    ``p(x_i|z) ∝ (1 + (x_i − μ_i)² / (ν_i s_i²))^(−(ν_i + 1)/2)``, μ_i, s_i and ν_i functions of z.

    Args:
        likelihood: p(x|z): student-t with its degrees of freedom: a number, learned for all values, or predicted by the
            network for each, with its scale, as in the paper
    """
    return vae(shape, likelihood=likelihood, **rest)


@recipe(
    "Kim et al. 2024, arXiv 2312.01133",
    extends=vae,
    without=("prior", "posterior", "likelihood", "k"),
    sampler="gaussian",
)
def t3_vae(
    shape: tuple[int, ...],
    latent: int = 20,
    df: float = 10.0,
    scale: float = 0.3,
    beta: NonNegativeFloat = 1.0,
    **network: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The t³-VAE: Student-t in prior, posterior and errors, and a divergence of powers: for data with outliers.

    Minimized: ``½ (E_q[‖x − μ(z)‖²] / scale² + β (E_q[‖z‖²] − ν C |Σ|^(1/(ν + n + m − 2)) + ν τ²))``, with
    ``q(z|x) = t(z; μ(x), ν/(ν + n) Σ(x), ν + n)``, n values of x, m of z, ν = df, and constants C and τ.

    Samples come from a normal fitted to the latents. The paper draws them where its regularizer is zero, a t that is
    as good as normal where examples have many values; those of the prior lie farther out than the latents do.

    Args:
        latent: size of the latent z
        df: degrees of freedom, above 2; the fewer, the heavier the tails
        scale: of the errors, in units of the data; the paper has 1
        beta: weight of the regularizer
    """
    import torch

    architecture = er.Architecture(shape, **network)
    encoder = architecture.encoder(er.StudentPosterior(latent, df, math.prod(shape)))
    errors = er.StudentErrors(shape, df, latent, scale)
    decoder = er.StudentDecoder(architecture.decoder(latent, errors).net, errors)
    t = torch.zeros(latent), torch.zeros(()), torch.tensor(df)
    prior = er.FixedPrior(er.distributions.MultivariateStudentT, *t)
    return er.Model(encoder, decoder, prior), er.PowerDivergence(df, scale, beta)
