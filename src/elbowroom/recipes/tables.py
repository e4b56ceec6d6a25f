"""Recipes for the rows of tables, and for synthetic ones: TVAE, HI-VAE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe(
    "Xu et al. 2019, arXiv 1907.00503",
    extends=vae,
    without=("network", "size", "widths", "k", "beta", "posterior"),
    defaults={"batch_size": 500},
    table_likelihood="modes",
)
def tvae(
    shape: tuple[int, ...],
    latent: int = 128,
    hidden: tuple[int, ...] = (128, 128),
    likelihood: str = "gaussian",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of tables with columns of several modes, for synthetic rows.

    Minimized: ``−E_q[Σ_d log p(x_d|z)] + KL(q(z|x) ‖ p(z))``, with
    ``p(x_d|z) = Σ_k π_k(z) N(x_d; μ_k + 4 σ_k tanh a(z), (4 σ_k s)²)`` of a column d of numbers, modes k, and learned
    μ_k, σ_k and s.

    The modes are learned with the network, where the paper fits them beforehand and weighs the reconstruction twice.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers; the decoder mirrors them
        likelihood: p(x|z); of a table by default modes, a mixture for each column of numbers, or bins, a histogram
    """
    return vae(shape, latent=latent, hidden=hidden, likelihood=likelihood, **rest)


@recipe(
    "Nazábal et al. 2020, arXiv 1807.03653",
    extends=vae,
    without=("network", "size", "widths", "prior", "posterior"),
    defaults={"batch_size": 100},
)
def hi_vae(
    shape: tuple[int, ...],
    components: int = 10,
    latent: int = 10,
    hidden: tuple[int, ...] = (50,),
    likelihood: str = "gaussian",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of tables of mixed columns with gaps, whose prior is a mixture of normals (HI-VAE).

    Minimized: ``−E_q[Σ_d log p(x_d|z)] + β E_q[log q(z|x) − log p(z)]``, over the observed columns d, with
    ``p(z) = Σ_c π_c N(z; μ_c, σ_c²)``.

    The component is summed out, where the paper infers it, and columns are scaled before the network, not by batches.

    Args:
        components: normals of the prior
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers; the decoder mirrors them
        likelihood: p(x|z); of a table by default columns: a gaussian for each of numbers, a categorical for others
    """
    prior = f"mixture:{components}"
    return vae(shape, latent=latent, hidden=hidden, likelihood=likelihood, prior=prior, **rest)
