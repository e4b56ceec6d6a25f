"""Recipes for counts and bags of words: scVI, Mult-VAE, RecVAE, NVDM, ProdLDA."""

from __future__ import annotations

from typing import Any

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, NonNegativeInt, PositiveInt, UnitFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae
from elbowroom.text_shape import TextShape


def _require_counts(shape: tuple[int, ...]) -> None:
    """Raise a ValueError for texts, whose values are tokens in their order."""
    if isinstance(shape, TextShape):
        raise ValueError(
            "it takes counts, and these are texts with their words in order: give a .tsv of texts with its "
            "vocabulary.txt beside it, or a sparse matrix of counts"
        )


@recipe("Lopez et al. 2018, arXiv 1709.02082", extends=vae, without=("prior", "beta", "k", "posterior"))
def count_vae(
    shape: tuple[int, ...],
    latent: int = 10,
    hidden: tuple[int, ...] = (128,),
    likelihood: str = "zero-inflated-negative-binomial",
    library: bool = True,
    labels: NonNegativeInt = 0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of counts, such as those of genes in cells, with library size and batches (scVI).

    Minimized: ``−E_q[Σ_g log p(x_g|z)] + KL(q(z|x) ‖ p(z))``, with
    ``p(x_g|z) = π_g [x_g = 0] + (1 − π_g) NB(x_g; l ρ_g, θ_g)``, π and the softmax ρ functions of z, learned
    θ, and ``l = Σ_g x_g``; other likelihoods in the place of this one.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them
        likelihood: p(x|z): poisson, negative-binomial or zero-inflated-negative-binomial; with :predicted their
            dispersion is the network's, with :shared one for all
        library: means of counts are shares of an example's total, which is taken as known; the paper infers it
        labels: number of batches (or other classes) that encoder and decoder are conditioned on; 0 for none
    """
    from elbowroom.families.counts import scale_by_total
    from elbowroom.networks.prepared_input import LogCounts, PreparedInput

    _require_counts(shape)
    architecture = er.Architecture(shape, hidden=hidden, default_hidden=(128,), **rest)
    condition = (labels,) if labels else ()
    family = er.likelihood(likelihood, shape)
    encoder = architecture.encoder(er.DiagonalNormal(latent), *condition)
    encoder = er.Conditional(PreparedInput(encoder.net, LogCounts()), encoder.family)
    decoder = architecture.decoder(latent, scale_by_total(family) if library else family, *condition)
    label_encoder = er.LabelEncoder(labels) if labels else None
    return er.Model(encoder, decoder, er.StandardNormal(latent), label_encoder), er.ELBO()


@recipe(
    "Liang et al. 2018, arXiv 1802.05814",
    extends=vae,
    without=("network", "size", "widths", "k"),
    defaults={"batch_size": 500},
)
def mult_vae(
    shape: tuple[int, ...],
    latent: int = 200,
    hidden: tuple[int, ...] = (600,),
    activation: str = "tanh",
    beta: NonNegativeFloat = 0.2,
    anneal: int = 200_000,
    dropout: UnitFloat = 0.5,
    likelihood: str = "multinomial",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE of bags of items, such as what a user has seen, for recommendation: multinomial, weak KL (Mult-VAE).

    Minimized: ``−E_q[Σ_i x_i log π_i(z)] + β_t KL(q(z|x) ‖ p(z))`` and a constant of x, with π(z) the softmax of the
    decoder, and β_t growing from 0 to β.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers; the decoder mirrors them
        activation: of the hidden layers
        beta: weight of the KL at the end
        anneal: steps until it, from 0; the published number is for 20 million ratings
        dropout: share of the items that the encoder does not see in training
        likelihood: p(x|z), as for vae
    """
    _require_counts(shape)
    _check_dropout(dropout)
    from torch import nn

    from elbowroom.networks.prepared_input import PreparedInput, UnitNorm

    model, _ = vae(shape, latent=latent, hidden=hidden, activation=activation, likelihood=likelihood, **rest)
    assert isinstance(model, er.Model)
    model.encoder.net = PreparedInput(model.encoder.net, UnitNorm(), nn.Dropout(dropout))
    return model, er.Reconstruction() + er.ramp(0, beta, anneal) * er.KL()


@recipe(
    "Shenbin et al. 2020, arXiv 1912.11160",
    extends=vae,
    without=("network", "size", "widths", "k", "hidden", "activation", "beta", "prior", "posterior"),
    defaults={"batch_size": 500, "lr": 5e-4},
)
def rec_vae(
    shape: tuple[int, ...],
    latent: int = 200,
    width: PositiveInt = 600,
    depth: PositiveInt = 5,
    gamma: NonNegativeFloat = 0.005,
    dropout: UnitFloat = 0.5,
    refresh: PositiveInt = 700,
    encoder_steps: PositiveInt = 3,
    likelihood: str = "multinomial",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """RecVAE, for recommendation: a prior that holds the last posterior, and a KL for each item.

    Minimized: ``−E_q[log p(x|z)] + γ n KL(q(z|x) ‖ p(z|x))`` by the encoder, with ``n = Σ_i x_i`` and
    ``p(z_d|x) = 0.15 N(0, 1) + 0.75 q_old(z_d|x) + 0.1 N(0, e^10)``, and ``−E_q[log p(x|z)]`` by the decoder.

    Deviation: encoder and decoder see the same draw, where the paper trains the decoder in phases of its own, without
    dropout.

    Args:
        latent: size of the latent z
        width: of the encoder's hidden layers, which are densely connected; the decoder is affine
        depth: number of them
        gamma: weight of the KL for each item of an example
        dropout: share of the items that the encoder does not see in training
        refresh: steps after which the prior takes the encoder anew; the paper's three epochs, of 20 million ratings
        encoder_steps: steps of the encoder for one of the decoder
        likelihood: p(x|z), as for vae
    """
    _require_counts(shape)
    _check_dropout(dropout)
    from torch import nn

    from elbowroom.networks.densely_connected import DenselyConnected
    from elbowroom.networks.prepared_input import PreparedInput, UnitNorm

    model, _ = vae(shape, latent=latent, hidden=(), likelihood=likelihood, **rest)
    assert isinstance(model, er.Model)
    net = DenselyConnected(shape, model.encoder.family.size, width, depth)
    model.encoder.net = PreparedInput(net, UnitNorm(), nn.Dropout(dropout))
    model.prior = er.CompositePrior(model.encoder, refresh)
    elbo = er.Reconstruction() + er.ItemKL(gamma)
    return model, er.Players(elbo, er.Reconstruction(), decoder_interval=er.StepInterval(encoder_steps))


@recipe("Miao, Yu & Blunsom 2016, arXiv 1511.06038", extends=vae, without=("network", "size", "widths"))
def nvdm(
    shape: tuple[int, ...],
    latent: int = 50,
    hidden: tuple[int, ...] = (500, 500),
    likelihood: str = "multinomial",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The neural variational document model: an encoder of bags of words, and an affine decoder of their logits.

    Minimized: ``−E_q[Σ_i x_i log softmax(R z + b)_i] + β KL(q(z|x) ‖ p(z))`` and a constant of x, with words i, and
    learned R and b.

    Encoder and decoder are trained together, where the paper alternates between them.

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers
        likelihood: p(x|z), as for vae
    """
    from elbowroom.networks.prepared_input import LogCounts, PreparedInput

    _require_counts(shape)
    model, elbo = vae(shape, latent=latent, hidden=hidden, likelihood=likelihood, **rest)
    assert isinstance(model, er.Model)
    model.encoder.net = PreparedInput(model.encoder.net, LogCounts())
    model.decoder = er.Conditional.mlp(latent, model.decoder.family, ())
    return model, elbo


@recipe("Srivastava & Sutton 2017, arXiv 1703.01488", defaults={"batch_size": 200, "lr": 0.01})
def prod_lda(
    shape: tuple[int, ...],
    latent: int = 50,
    hidden: tuple[int, ...] = (100, 100),
    dropout: UnitFloat = 0.2,
    concentration: float = 1.0,
    likelihood: str = "multinomial",
) -> tuple[er.GenerativeModel, er.Term]:
    """The topic model whose words come from a product of topics (ProdLDA), for bags of words.

    Minimized: ``−E_q[Σ_i x_i log softmax(BN(θ W))_i] + KL(q(z|x) ‖ p(z))`` and a constant of x, with
    ``θ = softmax(z)``, BN a batch normalization, and ``p(z) = N(0, (1 − 1/K) / concentration I)`` of K topics.

    Deviation from the paper: a concentration of 1, where it has 0.02, and five times its learning rate.

    Args:
        latent: number of topics, the size of the latent z
        hidden: widths of the encoder's hidden layers, of softplus
        dropout: share of the hidden units, and of the topics, that are left out in training
        concentration: of the symmetric Dirichlet over topics that the prior approximates; the smaller, the fewer topics
            has a text, and the more nats its KL costs
        likelihood: p(x|z), as for vae
    """
    from torch import nn

    from elbowroom.models.topics import ShiftNorm, TopicMixture, TopicModel, dirichlet_prior

    posterior = er.DiagonalNormal(latent)
    _require_counts(shape)
    _check_dropout(dropout)
    net = er.MLP(shape, size=hidden[-1], hidden=hidden, activation="softplus")
    head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden[-1], posterior.size), ShiftNorm(posterior.size))
    family = er.likelihood(likelihood, shape)
    decoder = er.Conditional(TopicMixture(latent, family.size, dropout), family)
    encoder = er.Conditional(nn.Sequential(net, head), posterior)
    return TopicModel(encoder, decoder, dirichlet_prior(latent, concentration)), er.ELBO()


def _check_dropout(share: float) -> None:
    """Raise a ValueError for a dropout of all that there is."""
    if share >= 1:
        raise ValueError(f"with a dropout of {share:g} nothing is left in training: give a share below 1")
