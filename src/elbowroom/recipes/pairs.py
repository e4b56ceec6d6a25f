"""Recipes that learn from pairs of images that share some factors, and from no labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

if TYPE_CHECKING:
    from elbowroom.models.pairs import Average

NORMAL_ONLY = ("posterior",)


def pair_vae(
    shape: tuple[int, ...], average: Average, n_shared: int | None, **rest: Any
) -> tuple[er.GenerativeModel, er.Term]:
    """Return the VAE, trained on pairs that share dimensions of their posteriors."""
    from elbowroom.models.pairs import PairedModel

    model, objective = vae(shape, **rest)
    assert isinstance(model, er.Model)
    return PairedModel(model.encoder, model.decoder, model.prior, average, n_shared), objective


@recipe("Hosoya 2019, arXiv 1809.02383", extends=vae, without=NORMAL_ONLY)
def gvae(shape: tuple[int, ...], shared: int | None = None, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The group VAE: the first dimensions of two images of a class, or of common factors, are averaged.

    Minimized: ``−E_q_i[log p(x_i|z)] + β KL(q_i ‖ p(z))``, the mean over both images i, with
    ``q_i(z_j) = N((μ_1j + μ_2j) / 2, (σ_1j² + σ_2j²) / 2)`` of shared dimensions j, and the encoder's of others.

    Deviation: the KL of the shared dimensions counts for each of the two images, as in disentanglement_lib, where the
    paper's bound has it once a group.

    Args:
        shared: dimensions of the latent that the two of a pair share, the first ones; half of them if not given
    """
    from elbowroom.models.pairs import average_parameters

    return pair_vae(shape, average_parameters, _half(rest) if shared is None else shared, **rest)


@recipe("Bouchacourt et al. 2018, arXiv 1705.08841", extends=vae, without=NORMAL_ONLY)
def ml_vae(shape: tuple[int, ...], shared: int | None = None, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The multi-level VAE: of two images of a group, the densities of the first dimensions are multiplied.

    Minimized: ``−E_q_i[log p(x_i|z)] + β KL(q_i ‖ p(z))``, the mean over both images i, with
    ``q_i(z_j) ∝ q(z_j|x_1) q(z_j|x_2)`` of shared dimensions j, and the encoder's of others.

    Deviation: the KL of the shared dimensions counts for each of the two images, as in disentanglement_lib, where the
    paper's bound has it once a group.

    Args:
        shared: dimensions of the latent that the two of a pair share, the first ones; half of them if not given
    """
    from elbowroom.models.pairs import multiply_densities

    return pair_vae(shape, multiply_densities, _half(rest) if shared is None else shared, **rest)


@recipe("Locatello et al. 2020, arXiv 2002.02886", extends=vae, without=NORMAL_ONLY)
def ada_gvae(shape: tuple[int, ...], latent: int = 10, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The group VAE that finds for each pair which dimensions the two share.

    Minimized: ``−E_q_i[log p(x_i|z)] + β KL(q_i ‖ p(z))``, as gvae, with those dimensions j shared that have
    ``δ_j < ½ (max δ + min δ)``, ``δ_j = KL(q(z_j|x_1) ‖ q(z_j|x_2))``.

    Args:
        latent: size of the latent z
    """
    from elbowroom.models.pairs import average_parameters

    return pair_vae(shape, average_parameters, None, latent=latent, **rest)


@recipe("Locatello et al. 2020, arXiv 2002.02886", extends=vae, without=NORMAL_ONLY)
def ada_ml_vae(shape: tuple[int, ...], latent: int = 10, **rest: Any) -> tuple[er.GenerativeModel, er.Term]:
    """The multi-level VAE that finds for each pair which dimensions the two share.

    Minimized: ``−E_q_i[log p(x_i|z)] + β KL(q_i ‖ p(z))``, as ml_vae, with ``q_i(z_j) ∝ √(q(z_j|x_1) q(z_j|x_2))`` of
    the dimensions j shared as in ada_gvae.

    Args:
        latent: size of the latent z
    """
    from elbowroom.models.pairs import average_densities

    return pair_vae(shape, average_densities, None, latent=latent, **rest)


def _half(arguments: dict[str, Any]) -> int:
    """Return half of the size of the latent, at least 1."""
    return max(1, int(arguments.get("latent", vae.arguments["latent"].default)) // 2)
