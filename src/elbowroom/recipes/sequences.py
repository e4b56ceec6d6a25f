"""Recipes for sequences: one latent (text VAE, VRAE), or one at every step (VRNN, deep Markov model)."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, PositiveInt
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae


@recipe("Bowman et al. 2016, arXiv 1511.06349")
def text_vae(
    shape: tuple[int, ...],
    latent: int = 32,
    width: PositiveInt = 128,
    decoder: Literal["lstm", "transformer"] = "lstm",
    word_dropout: float = 0.25,
    likelihood: str = "bernoulli",
    prior: str = "standard",
    beta: NonNegativeFloat = 1.0,
    warmup: int = 2000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of texts: a recurrent encoder, and a decoder that is given the latent and the words before.

    Minimized: ``−E_q[Σ_t log p(x_t|x_<t, z)] + w KL(q(z|x) ‖ p(z))``, with words x_t, and w growing from 0 to β.

    Args:
        latent: size of the latent z
        width: of embedding and states
        decoder: lstm, or transformer for causal attention
        word_dropout: share of the words before that the decoder is not told in training
        likelihood: p(x|z); that of texts is tokens; other examples are series of steps, and images of rows
        prior: p(z), as for vae
        beta: weight of the KL
        warmup: steps over which the weight of the KL grows from 0, so that z is used before the words are
    """
    family, posterior = er.likelihood(likelihood, shape), er.DiagonalNormal(latent)
    p = er.sequence_decoder(decoder, shape, latent, family, width, word_dropout)
    q = er.Conditional(er.networks.SequenceEncoder(shape, posterior.size, width), posterior)
    p_z = er.make_prior(prior, q, shape, bounded=family.support == (0.0, 1.0))
    return er.Model(q, p, p_z), er.Reconstruction() + er.ramp(0, beta, warmup) * er.KL()


@recipe("Fabius & van Amersfoort 2015, arXiv 1412.6581", extends=text_vae, dimensions=(2, 3))
def vrae(
    shape: tuple[int, ...],
    latent: int = 20,
    likelihood: str = "gaussian:channels",
    word_dropout: float = 0.0,
    warmup: int = 1000,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The variational recurrent autoencoder: one latent for a whole series, read and written by recurrent networks.

    Minimized: ``−E_q[Σ_t log p(x_t|x_<t, z)] + w KL(q(z|x) ‖ p(z))``, with steps x_t, and w growing from 0 to β.

    Args:
        latent: size of the latent z
        likelihood: p(x|z), as for vae, of any kind but columns and views; an image is a series of its rows
        word_dropout: share of the steps before that the decoder is not told in training
        warmup: steps over which the weight of the KL grows from 0
    """
    return text_vae(shape, latent=latent, likelihood=likelihood, word_dropout=word_dropout, warmup=warmup, **rest)


@recipe("Chung et al. 2015, arXiv 1506.02216", dimensions=(2, 3))
def vrnn(
    shape: tuple[int, ...],
    latent: int = 8,
    width: PositiveInt = 64,
    likelihood: str = "gaussian:channels",
    warmup: int = 1000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VRNN: a latent at each step, given the state of a recurrent network that reads the steps before.

    Minimized: ``E_q[Σ_t (−log p(x_t|h_t, z_t) + w KL(q(z_t|h_t, x_t) ‖ p(z_t|h_t)))]``, with
    ``h_(t+1) = f(h_t, x_t, z_t)``, and w growing from 0 to 1.

    Args:
        latent: size of the latent of a step
        width: of the state and of the hidden layers
        likelihood: p(x|z), as for vae, of any kind but columns and views; an image is a series of its rows
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    layout, family = er.networks.StepLayout(shape), er.likelihood(likelihood, shape)
    numbers = family.size // layout.steps
    cell = er.networks.VariationalRecurrentCell(layout.step_shape, numbers, latent, width, family.is_location)
    model = er.SequentialModel(er.networks.StepFeatures(cell.x_features, layout), cell, family)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


@recipe("Krishnan, Shalit & Sontag 2017, arXiv 1609.09869", dimensions=(2, 3))
def dmm(
    shape: tuple[int, ...],
    latent: int = 8,
    width: PositiveInt = 64,
    likelihood: str = "gaussian:channels",
    warmup: int = 1000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The deep Markov model: a latent at each step given the one before, inferred from all steps of x.

    Minimized: ``E_q[Σ_t (−log p(x_t|z_t) + w KL(q(z_t|z_(t−1), x) ‖ p(z_t|z_(t−1))))]``, with w growing from 0 to 1.

    Args:
        latent: size of the latent of a step
        width: of the hidden layers and of the recurrent encoder
        likelihood: p(x|z), as for vae, of any kind but columns and views; an image is a series of its rows
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    layout, family = er.networks.StepLayout(shape), er.likelihood(likelihood, shape)
    cell = er.networks.MarkovCell(family.size // layout.steps, latent, width)
    model = er.SequentialModel(er.networks.RecurrentFeatures(layout, width), cell, family)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


@recipe("Desai et al. 2021, arXiv 2111.08095", extends=vae, dimensions=(2, 3))
def time_vae(
    shape: tuple[int, ...],
    latent: int = 8,
    likelihood: str = "gaussian:channels",
    network: str = "auto",
    trend: int = 2,
    seasons: tuple[int, ...] = (),
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of series whose decoder is a sum of a trend, seasons and a residual (TimeVAE).

    Minimized: ``−E_q[log p(x|z)] + β KL(q(z|x) ‖ p(z))``, with the decoder
    ``Σ_p θ_p(z) (t/T)^p + Σ_s φ_s(z)_(t mod m_s) + r_t(z)`` at step t of T, with periods m_s.

    Args:
        latent: size of the latent z
        likelihood: p(x|z), as for vae, of any kind but columns and views; an image is a series of its rows
        network: of encoder and residual, as for vae
        trend: degree of the polynomial in time; 0 for a level alone
        seasons: steps of each period, as 24,168; none if not given
    """
    model, objective = vae(shape, latent=latent, likelihood=likelihood, network=network, **rest)
    family, residual = model.decoder.family, model.decoder.net
    model.decoder = er.Conditional(
        er.networks.TrendSeason(shape, latent, family.size, residual, trend, seasons), family
    )
    return model, objective
