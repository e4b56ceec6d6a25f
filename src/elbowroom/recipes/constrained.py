"""Recipes whose weight of the KL follows a constraint: GECO, ControlVAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Rezende & Viola 2018, arXiv 1810.00597", extends=vae, without=("beta",))
def geco_vae(
    shape: tuple[int, ...], target: float = 80.0, rate: float = 5e-3, k: int = 1, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """GECO: the smallest KL with which reconstructions reach a target, by a Lagrange multiplier.

    Minimized: ``KL(q(z|x) ‖ p(z)) + λ_t (−E_q[log p(x|z)] − target)``, with ``λ_0 = 1``,
    ``log λ_(t+1) = log λ_t + min(0.005, max(−0.005, rate C_t))``, and C_t the moving average of what λ_t multiplies.

    Args:
        target: the reconstruction to be reached, -log p(x|z) in nats per example: below that of a vae for a larger KL;
            negative of a density alone
        rate: of the multiplier's logarithm, per nat and step
        k: samples per example in the reconstruction
    """
    model, _ = vae(shape, **rest)
    if target <= 0 and model.decoder.family.is_mass:
        raise ValueError(
            "the target is a reconstruction, -log p(x|z), which is above 0 where p(x|z) is a probability, got "
            f"{target:g}: give what a vae reaches, or less"
        )
    return model, er.KL() + er.Constrained(er.Reconstruction(k), target, er.LagrangeMultiplier(rate))


@recipe("Shao et al. 2020, arXiv 2004.05988", extends=vae, without=("beta",))
def control_vae(
    shape: tuple[int, ...],
    target: NonNegativeFloat = 20.0,
    proportional: float = 0.01,
    integral: float = 1e-4,
    beta_min: float = 0.0,
    beta_max: float = 1.0,
    k: int = 1,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """ControlVAE: the KL is held at a target by a controller of its weight.

    Minimized: ``−E_q[log p(x|z)] + β_t (KL(q(z|x) ‖ p(z)) − target)``, with
    ``β_t = proportional / (1 + exp(e_t)) − integral Σ_j≤t e_j + beta_min``, held between beta_min and beta_max, where
    the sum stays as it is, and ``e_t = target − KL``, the KL of the batch.

    Args:
        target: the KL to be reached, in nats per example
        proportional: of the controller, K_p in the paper
        integral: of the controller, K_i in the paper, per nat and step
        beta_min: the smallest weight of the KL: 1 in the paper's disentangling
        beta_max: the largest: 1 in the paper's image generation, 100 in its disentangling
        k: samples per example in the reconstruction
    """
    model, _ = vae(shape, **rest)
    controller = er.ProportionalIntegral(proportional, integral, beta_min, beta_max)
    return model, er.Reconstruction(k) + er.Constrained(er.KL(), target, controller)
