"""Recipes with other bounds than the ELBO: IWAE, MIWAE, PIWAE, CIWAE, Rényi."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.argument import UnitFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Burda, Grosse & Salakhutdinov 2016, arXiv 1509.00519", extends=vae, without=("beta",))
def iwae(
    shape: tuple[int, ...], k: int = 50, gradient: Literal["plain", "stl", "dreg"] = "plain", **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The importance-weighted autoencoder: the VAE trained on the k-sample bound.

    Minimized: ``−E_q[log (1/k Σ_i p(x, z_i) / q(z_i|x))]``, with z_1 ... z_k from q(z|x).

    Args:
        k: samples per example in the bound
        gradient: for the encoder: plain; stl (arXiv 1703.09194, biased for k > 1) or dreg (arXiv 1810.04152), with less
            noise
    """
    model, _ = vae(shape, **rest)
    return model, er.ImportanceBound(k, gradient=gradient)


@recipe("Rainforth et al. 2018, arXiv 1802.04537", extends=vae, without=("beta",))
def miwae(
    shape: tuple[int, ...],
    k: int = 8,
    groups: int = 8,
    gradient: Literal["plain", "stl", "dreg"] = "plain",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The multiply importance-weighted autoencoder: the mean of the k-sample bounds of several groups.

    Minimized: ``−E_q[1/M Σ_m log (1/k Σ_i p(x, z_mi) / q(z_mi|x))]``, with M groups of k draws from q(z|x).

    Args:
        k: samples per example and group
        groups: whose bounds are averaged, M in the paper: 1 is iwae; k = 1 is the vae with its KL estimated
        gradient: for the encoder: plain, stl or dreg, as for iwae
    """
    model, _ = vae(shape, **rest)
    return model, er.ImportanceBound(k, groups, gradient)


@recipe("Rainforth et al. 2018, arXiv 1802.04537", extends=vae, without=("beta",))
def piwae(
    shape: tuple[int, ...],
    k: int = 8,
    groups: int = 8,
    gradient: Literal["plain", "stl", "dreg"] = "plain",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The partially importance-weighted autoencoder: the encoder is trained as miwae's, decoder and prior as iwae's.

    Minimized: ``−E_q[1/M Σ_m log (1/k Σ_i w_mi)]`` by the encoder and ``−E_q[log (1/(M k) Σ_m Σ_i w_mi)]`` by decoder
    and prior, with ``w_mi = p(x, z_mi) / q(z_mi|x)`` of M groups of k draws.

    Args:
        k: samples per example and group in the encoder's bound; the decoder's has k times groups
        groups: whose bounds are averaged for the encoder, M in the paper
        gradient: for the encoder: plain, stl or dreg, as for iwae
    """
    model, _ = vae(shape, **rest)
    bounds = er.ImportanceBound(k, groups, gradient), er.ImportanceBound(k * groups)
    return model, er.Players(*bounds, prior="decoder")


@recipe("Rainforth et al. 2018, arXiv 1802.04537", extends=vae, without=("beta",))
def ciwae(shape: tuple[int, ...], k: int = 64, mix: UnitFloat = 0.5, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The combination importance-weighted autoencoder: a weighted mean of the ELBO and the k-sample bound.

    Minimized: ``mix (−E_q[log p(x|z)] + KL(q(z|x) ‖ p(z))) − (1 − mix) E_q[log (1/k Σ_i p(x, z_i) / q(z_i|x))]``.

    Args:
        k: samples per example in both bounds
        mix: weight of the ELBO, beta in the paper: 0 is iwae, 1 the vae
    """
    model, _ = vae(shape, **rest)
    return model, mix * er.ELBO(k) + (1 - mix) * er.ImportanceBound(k)


@recipe("Li & Turner 2016, arXiv 1602.02311", extends=vae, without=("beta",))
def renyi_vae(
    shape: tuple[int, ...],
    alpha: float = 0.5,
    k: int = 50,
    gradient: Literal["plain", "stl", "dreg"] = "plain",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE trained on the variational Rényi bound of order alpha.

    Minimized: ``−1/(1 − α) E_q[log (1/k Σ_i (p(x, z_i) / q(z_i|x))^(1 − α))]``, with z_1 ... z_k from q(z|x).

    Args:
        alpha: order: 1 is the vae with its KL estimated, 0 iwae; below 0 the largest weights count the more, and the
            largest alone at -1e6 (VR-max)
        k: samples per example in the bound
        gradient: for the encoder: plain, stl or dreg, as for iwae
    """
    model, _ = vae(shape, **rest)
    return model, er.RenyiBound(alpha, k, gradient)
