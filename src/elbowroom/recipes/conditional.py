"""Variants that know of labels."""

from __future__ import annotations

from typing import Literal

import elbowroom as er
from elbowroom.recipes.registry import recipe


@recipe("Sohn, Lee & Yan 2015, Learning structured output representation (NeurIPS 28)")
def cvae(
    shape: tuple[int, ...],
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    labels: int = 10,
    prior: Literal["standard", "learned"] = "standard",
) -> tuple[er.GenerativeModel, er.Term]:
    """The conditional VAE: encoder, decoder and, if learned, prior are told the label or the attributes.

    Args:
        latent: size of the code z
        hidden: widths of the encoder's hidden layers; the decoder mirrors them
        activation: of the hidden layers
        likelihood: p(x|z, c), as for vae
        labels: how many classes, or attributes, the data has
        prior: p(z|c): standard normal for every label, or a normal learned for each, as in the paper
    """
    encoder, decoder = er.DiagonalNormal(latent), er.likelihood(likelihood, shape)
    towards = er.MLP(shape, labels, size=encoder.size, hidden=hidden, activation=activation)
    back = er.MLP(latent, labels, size=decoder.size, hidden=hidden[::-1], activation=activation)
    p_z = er.Conditional.mlp(labels, er.DiagonalNormal(latent), ()) if prior == "learned" else er.StandardNormal(latent)
    model = er.Model(er.Conditional(towards, encoder), er.Conditional(back, decoder), p_z, er.LabelEncoder(labels))
    return model, er.ELBO()


@recipe("Sohn, Lee & Yan 2015 (NeurIPS 28); network: Radford, Metz & Chintala 2016, arXiv 1511.06434")
def conv_cvae(
    shape: tuple[int, ...],
    latent: int = 64,
    size: Literal["s", "m", "l"] = "m",
    likelihood: str = "gaussian:optimal",
    labels: int = 10,
) -> tuple[er.GenerativeModel, er.Term]:
    """The conditional VAE of convolutions: pictures and series of any size with a given label or given attributes.

    Args:
        latent: size of the code z
        size: of the networks, as for conv_vae
        likelihood: p(x|z, c), as for conv_vae
        labels: how many classes, or attributes, the data has
    """
    encoder, decoder = er.DiagonalNormal(latent), er.likelihood(likelihood, shape)
    towards = er.Conditional(er.Down(shape, labels, numbers=encoder.size, size=size), encoder)
    back = er.Conditional(er.Up(latent, labels, shape=shape, numbers=decoder.size, size=size), decoder)
    return er.Model(towards, back, er.StandardNormal(latent), er.LabelEncoder(labels)), er.ELBO()


@recipe("Kingma, Rezende, Mohamed & Welling 2014, arXiv 1406.5298")
def m2(
    shape: tuple[int, ...],
    latent: int = 50,
    hidden: tuple[int, ...] = (500,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    labels: int = 10,
    weight: float = 30.0,
) -> tuple[er.GenerativeModel, er.Term]:
    """The semi-supervised VAE: the class is a latent, summed over where it is not known, and learned where it is.

    Args:
        latent: size of the code z
        hidden: widths of the hidden layers of encoder, decoder and classifier
        activation: of the hidden layers
        likelihood: p(x|y, z), as for vae
        labels: how many classes the data has
        weight: of the classifier's own loss on the known labels
    """
    encoder, decoder = er.DiagonalNormal(latent), er.likelihood(likelihood, shape)
    towards = er.MLP(shape, labels, size=encoder.size, hidden=hidden, activation=activation)
    back = er.MLP(latent, labels, size=decoder.size, hidden=hidden[::-1], activation=activation)
    classifier = er.MLP(shape, size=labels, hidden=hidden, activation=activation)
    model = er.SemiSupervised(
        classifier, er.Conditional(towards, encoder), er.Conditional(back, decoder), er.StandardNormal(latent), labels
    )
    return model, er.ELBO() + weight * er.Classification()
