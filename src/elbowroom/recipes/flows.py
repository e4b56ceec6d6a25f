"""Recipes with normalizing flows: posteriors, and a prior."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Rezende & Mohamed 2015, arXiv 1505.05770", extends=vae, without=("posterior",))
def planar_vae(
    shape: tuple[int, ...], flow: Literal["planar", "radial"] = "planar", layers: int = 10, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose posterior is a planar or a radial flow.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with
    ``log q(z|x) = log q_0(z_0|x) − Σ_l log |det ∂f_l|`` and ``z = f_L(... f_1(z_0))``; planar
    ``f(z) = z + u tanh(w·z + b)``, radial ``f(z) = z + s (z − c) / (a + ‖z − c‖)``, of
    the encoder's numbers.

    Args:
        flow: planar or radial
        layers: number of layers of the flow
    """
    return vae(shape, posterior=f"{flow}:{layers}", **rest)


@recipe("Kingma et al. 2016, arXiv 1606.04934", extends=vae, without=("posterior",))
def iaf_vae(shape: tuple[int, ...], layers: int = 2, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose posterior is an inverse autoregressive flow (IAF), given features of the encoder.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with
    ``log q(z|x) = log q_0(z_0|x) − Σ_l Σ_i log σ_i``, layers l of ``f(z)_i = μ_i(z_<i, h) + σ_i(z_<i, h) z_i``, and
    features h of the encoder.

    Args:
        layers: number of layers of the flow
    """
    return vae(shape, posterior=f"iaf:{layers}", **rest)


@recipe("Tomczak & Welling 2016, arXiv 1611.09630", extends=vae, without=("posterior",))
def householder_vae(shape: tuple[int, ...], layers: int = 10, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose posterior is a normal with full covariance, by Householder reflections.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``log q(z|x) = log q_0(z_0|x)`` and z made from
    z_0 by reflections ``f(z) = z − 2 v (v·z) / ‖v‖²``, which preserve volume.

    Args:
        layers: number of reflections
    """
    return vae(shape, posterior=f"householder:{layers}", **rest)


@recipe("van den Berg et al. 2018, arXiv 1803.05649", extends=vae, without=("posterior",))
def sylvester_vae(shape: tuple[int, ...], layers: int = 4, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose posterior is a Sylvester flow, with orthogonal matrices by Householder reflections.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with
    ``log q(z|x) = log q_0(z_0|x) − Σ_l log |det ∂f_l|`` and layers ``f(z) = z + Q R tanh(R' Qᵀ z + b)`` of orthogonal Q
    and triangular R and R'.

    Args:
        layers: number of layers of the flow
    """
    return vae(shape, posterior=f"sylvester:{layers}", **rest)


@recipe("Chen et al. 2017, arXiv 1611.02731", extends=vae, without=("prior",))
def flow_prior_vae(
    shape: tuple[int, ...],
    flow: Literal["maf", "realnvp", "nsf", "iaf", "planar", "radial", "sylvester"] = "maf",
    layers: int = 4,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE whose prior is a normalizing flow.

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with
    ``log p(z) = log N(f⁻¹(z); μ, σ²) − log |det ∂f|`` and a flow f.

    Args:
        flow: kind of flow; maf scores at once, realnvp and nsf draw at once too
        layers: number of layers of the flow
    """
    return vae(shape, prior=f"flow:{flow}:{layers}", **rest)
