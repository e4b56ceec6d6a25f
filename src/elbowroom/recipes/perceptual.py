"""Recipes with a perceptual loss: MS-SSIM VAE, DFC-VAE; the losses that autoencoders of images have beside others."""

from __future__ import annotations

import math
from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.masked_shape import is_masked
from elbowroom.recipes.convolutional import conv_vae
from elbowroom.recipes.registry import recipe

#: The name of no features, by which there is no perceptual loss.
NO_FEATURES = "none"


@recipe("Snell et al. 2017, arXiv 1511.06409", extends=conv_vae, dimensions=(3,))
def ms_ssim_vae(
    shape: tuple[int, ...], weight: NonNegativeFloat = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with a structural loss: 1 - MS-SSIM of images and reconstructions, beside the likelihood.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + weight n (1 − MS-SSIM(x, μ(z)))``, with n values of x, and
    μ(z) the mean of p(x|z).

    Args:
        weight: of the structural loss, for each value of an example; the paper has it in place of the likelihood
    """
    model, elbo = conv_vae(shape, **rest)
    return model, elbo + weight * math.prod(shape) * er.StructuralSimilarity(shape)


@recipe("Hou et al. 2017, arXiv 1610.00291", extends=conv_vae, dimensions=(2, 3))
def dfc_vae(
    shape: tuple[int, ...], features: str = "random", weight: NonNegativeFloat = 1.0, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE with a perceptual loss: the distance of images and reconstructions in features of several depths.

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z)) + weight n ½ ‖f(x) − f(μ(z))‖²``, with n values of x, features
    f, and μ(z) the mean of p(x|z).

    Args:
        features: frozen: random convolutions; FILE.safetensors of 'elbowroom fit-features'; lpips, where it is
            installed with its weights; your own in Python
        weight: of the perceptual loss, for each value of an example; the paper has it in place of the likelihood
    """
    if is_masked(shape, rest.get("likelihood")):
        raise ValueError(
            "its features need all values, and these examples have gaps: fill them, or train conv_vae or time_vae"
        )
    model, elbo = conv_vae(shape, **rest)
    return model, elbo + weight * math.prod(shape) * er.Perceptual(er.find_features(features, shape))


def add_image_losses(
    objective: er.Term,
    shape: tuple[int, ...],
    features: str,
    perceptual: float,
    adversarial: float,
    start: int,
    critic: int,
) -> er.Term:
    """Add a perceptual distance and a critic of patches, whose gradient is balanced against error and distance.

    Esser, Rombach & Ommer 2021, arXiv 2012.09841. Their distance is added to the error of every value of an example and
    is twice :class:`elbowroom.Perceptual`. The critic trains from half of ``start`` on, where theirs begins with it:
    one that has learned nothing yet would push reconstructions at random.

    Without features that were trained there is no distance by default: in random ones it made every figure worse, that
    of the distance included.
    """
    error: er.Term = er.Reconstruction()
    if perceptual and features != NO_FEATURES:
        distance = 2 * perceptual * math.prod(shape) * er.Perceptual(er.find_features(features, shape))
        error, objective = error + distance, objective + distance
    if adversarial:
        patches = er.PatchCritic(shape, width=critic)
        objective += adversarial * er.Adversarial(patches, start=start, critic_start=start // 2, balance=error)
    return objective
