"""Recipes whose decoder reads x: PixelVAE of images, and MADE-VAE of the rows of tables."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, PositiveInt
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

#: Arguments of ``vae`` that say how large a network is.
NETWORK_SIZES = ("hidden", "activation", "size", "widths")


@recipe("Gulrajani et al. 2017, arXiv 1611.05013", extends=vae, dimensions=(2, 3))
def pixel_vae(
    shape: tuple[int, ...],
    latent: int = 64,
    likelihood: str = "bernoulli",
    network: str = "auto",
    layers: int = 3,
    channels: int = 16,
    k: int = 1,
    beta: NonNegativeFloat = 1.0,
    warmup: int = 2000,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The PixelVAE: each pixel is given the latent and the pixels above and to the left, by causal convolutions.

    Minimized: ``−E_q[Σ_i log p(x_i|x_<i, z)] + β_t KL(q(z|x) ‖ p(z))``, with pixels i in raster order and β_t growing
    from 0 to β.

    Args:
        latent: size of the latent z
        likelihood: p(x|z), as for vae, of any kind but columns and views
        network: of encoder and decoder, as for vae; the causal convolutions are on top of the decoder
        layers: of causal convolutions: the more, the further a pixel sees, and the less z has to tell
        channels: of the causal convolutions
        k: samples per example in the ELBO
        beta: weight of the KL
        warmup: steps over which the weight of the KL grows from 0, so that z is used before the pixels are
    """
    model, _ = vae(shape, latent=latent, likelihood=likelihood, network=network, **rest)
    sizes = {name: rest[name] for name in NETWORK_SIZES if name in rest}
    architecture = er.Architecture(shape, network, **sizes)
    model.decoder = er.pixel_decoder(architecture, latent, er.likelihood(likelihood, shape), layers, channels)
    return model, er.Reconstruction(k) + er.ramp(0, beta, warmup) * er.KL()


@recipe(
    "Chen et al. 2017, arXiv 1611.02731",
    extends=vae,
    without=("network", "size", "widths", "posterior"),
    defaults={"batch_size": 250, "lr": 5e-3, "schedule": "one-cycle"},
    table_likelihood="bins",
)
def made_vae(
    shape: tuple[int, ...],
    latent: int = 8,
    hidden: tuple[int, ...] = (256,),
    activation: str = "relu",
    likelihood: str = "gaussian",
    width: PositiveInt = 256,
    k: int = 1,
    beta: NonNegativeFloat = 1.0,
    warmup: int = 100,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of rows whose decoder gives each column the latent and the columns before, for synthetic rows.

    Minimized: ``−E_q[Σ_i log p(x_i|x_<i, z)] + β_t KL(q(z|x) ‖ p(z))``, with columns i in their order and β_t growing
    from 0 to β.

    Masked perceptrons (Germain et al. 2015, arXiv 1502.03509), where the paper has causal convolutions of images.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers
        activation: of these
        likelihood: p(x|z), as for vae; of a table by default bins, a histogram for each column of numbers
        width: of the decoder's two hidden layers
        k: samples per example in the ELBO
        beta: weight of the KL
        warmup: steps over which the weight of the KL grows from 0, so that z is used before the columns are
    """
    model, _ = vae(shape, latent=latent, hidden=hidden, activation=activation, likelihood=likelihood, **rest)
    model.decoder = er.row_decoder(shape, latent, er.likelihood(likelihood, shape), width)
    return model, er.Reconstruction(k) + er.ramp(0, beta, warmup) * er.KL()
