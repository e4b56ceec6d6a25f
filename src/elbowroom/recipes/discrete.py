"""Recipes with categories as latents, relaxed in training: CatVAE, JointVAE, dVAE."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, PositiveInt
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

if TYPE_CHECKING:
    from torch import nn


def _make_model(
    shape: tuple[int, ...], family: er.Family, prior: nn.Module, likelihood: str = "bernoulli", **network: Any
) -> er.Model:
    """Return a model with this posterior and prior."""
    architecture, p = er.Architecture(shape, **network), er.likelihood(likelihood, shape)
    return er.Model(architecture.encoder(family), architecture.decoder(family, p), prior)


@recipe("Jang, Gu & Poole 2017, arXiv 1611.01144", extends=vae, without=("prior", "posterior"))
def cat_vae(
    shape: tuple[int, ...],
    latent: int = 30,
    classes: int = 10,
    final_temperature: float = 0.5,
    decay: NonNegativeFloat = 3e-5,
    kl: Literal["categorical", "relaxed"] = "categorical",
    hard: bool = False,
    k: int = 1,
    beta: NonNegativeFloat = 1.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The categorical VAE: categories as latents, drawn by Gumbel-softmax in training.

    Minimized: ``−E[log p(x|z)] + β Σ_j (log C − H(q(y_j|x)))`` over categories y_j of C classes, with
    ``z_j = softmax((log q(y_j|x) + g_j) / τ_t)``, g_j from a Gumbel, and τ_t falling with the steps; if relaxed,
    the KL is that of the densities of z.

    Args:
        latent: the number of categories
        classes: of each category
        final_temperature: of the relaxation, which falls from 1
        decay: of the temperature, per step
        kl: of the categories, as in the paper, or that of their relaxed densities (Maddison et al. 2017, arXiv
            1611.00712), whose training loss is a bound
        hard: one-hot draws in training too, with the gradient of relaxed ones (straight-through)
        k: samples per example in the reconstruction
        beta: weight of the KL
    """
    family = er.Categories(classes, latent, final_temperature=final_temperature, decay=decay, is_hard=hard)
    model = _make_model(shape, family, er.UniformCategories(family, kl), **rest)
    return model, er.Reconstruction(k) + beta * er.KL()


@recipe("Dupont 2018, arXiv 1804.00104", extends=vae, without=("prior", "posterior", "beta"))
def joint_vae(
    shape: tuple[int, ...],
    latent: PositiveInt = 10,
    categories: int = 1,
    classes: int = 10,
    capacity: NonNegativeFloat = 5.0,
    category_capacity: NonNegativeFloat = 5.0,
    capacity_steps: int = 25_000,
    gamma: NonNegativeFloat = 30.0,
    temperature: float = 0.67,
    k: int = 1,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The JointVAE: numbers and categories side by side, each with a KL that is held at a growing capacity.

    Minimized: ``−E_q[log p(x|z, y)] + γ |KL(q(z|x) ‖ p(z)) − c_t| + γ |KL(q(y|x) ‖ p(y)) − c'_t|``, with z normal, y
    categories that are relaxed in the draw, mean KLs of the batch, and capacities c_t and c'_t growing from 0.

    Args:
        latent: the number of normal latents
        categories: the number of categories beside them
        classes: of each category
        capacity: that the KL of the normal latents is drawn to, nats, as the paper has it for MNIST
        category_capacity: that of the categories, nats, up to the largest KL that they can have
        capacity_steps: over which the capacities grow from 0
        gamma: weight of the distance of both KLs from their capacities
        temperature: of the relaxed categories
        k: samples per example in the reconstruction
    """
    choices = er.Categories(classes, categories, temperature=temperature, final_temperature=temperature)
    prior = er.PartsPrior(er.StandardNormal(latent), er.UniformCategories(choices))
    model = _make_model(shape, er.Parts(er.DiagonalNormal(latent), choices), prior, **rest)
    capacities = (capacity, min(category_capacity, categories * math.log(classes)))
    distances = [abs(er.PartKL(i) - er.ramp(0, end, capacity_steps)) for i, end in enumerate(capacities)]
    return model, er.Reconstruction(k) + gamma * (distances[0] + distances[1])


@recipe(
    "Ramesh et al. 2021, arXiv 2102.12092",
    extends=vae,
    without=("prior", "posterior", "hidden", "activation"),
    dimensions=(2, 3),
)
def dvae(
    shape: tuple[int, ...],
    latent: int = 64,
    levels: int = 2,
    network: str = "conv",
    widths: tuple[int, ...] | None = None,
    beta: NonNegativeFloat = 6.6,
    beta_steps: int = 5000,
    decay: NonNegativeFloat = 2e-5,
    k: int = 1,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The discrete VAE of DALL-E: a map of categories as latent, relaxed in training.

    Minimized: ``−E[log p(x|z)] + β_t Σ_j (log C − H(q(y_j|x)))`` over the places j of the map, with C categories in
    each, ``z_j = softmax((log q(y_j|x) + g_j) / τ_t)``, g_j from a Gumbel, and β_t growing from 0 to β.

    Deviations: the prior stays uniform, where the paper trains a transformer on the latents; the temperature falls
    exponentially, not along a cosine; and by default there are 64 categories for small images, where it has 8,192.

    Args:
        latent: the number of categories of each place of the map
        levels: how often the sides of an example halve to those of the map
        network: of encoder and decoder: conv, residual, deep
        widths: channels of its levels, the finest first; by default as size has them
        beta: weight of the KL
        beta_steps: over which the weight grows from 0
        decay: of the temperature, which falls from 1 to 1/16, per step
        k: samples per example in the reconstruction
    """
    maps: dict[str, Any] = {"network": network, "levels": levels, "widths": widths}
    space = er.Architecture(shape, **maps).map_shape(latent)[1:]
    family = er.Categories(latent, space=space, final_temperature=1 / 16, decay=decay)
    model = _make_model(shape, family, er.UniformCategories(family), **maps, **rest)
    return model, er.Reconstruction(k) + er.ramp(0, beta, beta_steps) * er.KL()
