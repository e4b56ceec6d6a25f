"""Recipes with clusters: VaDE."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

#: Widths of the encoder's hidden layers in the paper.
VADE_WIDTHS = (500, 500, 2000)


@recipe("Jiang et al. 2017, arXiv 1611.05148", extends=vae, without=("prior", "posterior"))
def vade(
    shape: tuple[int, ...],
    latent: int = 10,
    hidden: tuple[int, ...] | None = None,
    clusters: int = 10,
    pretraining: int = 2000,
    network: str = "mlp",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE that clusters: each component of its mixture prior is a cluster (VaDE).

    Minimized: ``−E_q[log p(x|z)] + β E_q[log q(z|x) − log p(z)]``, with ``p(z) = Σ_c π_c N(z; μ_c, σ_c²)``. The cluster
    c is summed out, where the paper infers it.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers (mlp); if not given, the paper's 500, 500, 2000
        clusters: number of components of the prior
        pretraining: steps as a plain autoencoder, to whose latents the prior is fitted before the training
        network: of encoder and decoder, as for vae
    """
    if hidden is None and network == "mlp":
        hidden = VADE_WIDTHS
    sizes: dict[str, Any] = {} if hidden is None else {"hidden": hidden}
    model, elbo = vae(shape, latent=latent, network=network, **sizes, **rest)
    assert isinstance(model, er.Model)
    return er.ClusteringModel(model.encoder, model.decoder, er.Mixture(latent, clusters), pretraining), elbo
