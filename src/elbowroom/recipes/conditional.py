"""Recipes with labels: conditional VAE, semi-supervised VAE, CCVAE."""

from __future__ import annotations

from typing import Any, Literal, cast

import elbowroom as er
from elbowroom.argument import NonNegativeFloat, PositiveInt, UnitFloat
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import vae

#: Widths of the hidden layers of M1 in the authors' code.
M1_WIDTHS = (500, 500)


@recipe("Sohn, Lee & Yan 2015, Learning structured output representation (NeurIPS 28)")
def cvae(
    shape: tuple[int, ...],
    latent: int = 20,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    labels: PositiveInt = 10,
    prior: Literal["standard", "learned"] = "standard",
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
) -> tuple[er.GenerativeModel, er.Term]:
    """The conditional VAE: encoder, decoder and, if learned, prior take the label or the attributes.

    Minimized: ``−E_q[log p(x|z, c)] + KL(q(z|x, c) ‖ p(z|c))``, with c the label or the attributes, and z from q(z|x,
    c).

    Args:
        latent: size of the latent z
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them
        activation: of the hidden layers (mlp)
        likelihood: p(x|z, c), as for vae
        labels: number of classes, or of attributes, of the data
        prior: p(z|c): standard normal for every label, or a normal learned for each, as in the paper
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first; sides halve as often as there are widths
    """
    architecture = er.Architecture(shape, network, hidden, activation, size, widths)
    q = architecture.encoder(er.DiagonalNormal(latent), labels)
    p = architecture.decoder(latent, er.likelihood(likelihood, shape), labels)
    return er.Model(q, p, _latent_prior(prior, latent, labels), er.LabelEncoder(labels)), er.ELBO()


def _latent_prior(prior: str, latent: int, labels: int) -> er.Conditional | er.StandardNormal:
    """Return p(z|c): a normal whose parameters are affine in the labels, or the standard normal."""
    if prior == "learned":
        return er.Conditional.mlp(labels, er.DiagonalNormal(latent), ())
    return er.StandardNormal(latent)


@recipe("Sohn, Lee & Yan 2015 (NeurIPS 28); network: Radford, Metz & Chintala 2016, arXiv 1511.06434")
def conv_cvae(
    shape: tuple[int, ...],
    latent: int = 64,
    size: Literal["s", "m", "l"] = "m",
    likelihood: str = "gaussian:optimal",
    labels: PositiveInt = 10,
    network: Literal["conv", "residual", "deep"] = "conv",
    widths: tuple[int, ...] | None = None,
    conditioning: Literal["input", "every-level"] = "every-level",
    prior: Literal["standard", "learned"] = "learned",
) -> tuple[er.GenerativeModel, er.Term]:
    """The convolutional conditional VAE, for images and series of any size with a label or attributes.

    Minimized: ``−E_q[log p(x|z, c)] + KL(q(z|x, c) ‖ p(z|c))``, as cvae, with convolutions in q and in p(x|z, c).

    Args:
        latent: size of the latent z
        size: of the networks, as for conv_vae
        likelihood: p(x|z, c), as for vae
        labels: number of classes, or of attributes, of the data
        network: block at each level: conv has none, residual one, deep four with bottlenecks
        widths: channels of the levels instead of a size, the finest first
        conditioning: where the decoder takes the labels: beside the latent, or at every level too, by modulation (FiLM,
            Perez et al. 2018, arXiv 1709.07871)
        prior: p(z|c): standard normal for every label, or a normal that is learned for each, as in the paper
    """
    encoder, decoder = er.DiagonalNormal(latent), er.likelihood(likelihood, shape)
    encoder_net = er.Down(shape, labels, numbers=encoder.size, size=size, widths=widths, network=network)
    is_modulated = conditioning == "every-level"
    decoder_net = er.Up(
        *(latent, labels),
        shape=shape,
        numbers=decoder.size,
        size=size,
        widths=widths,
        network=network,
        is_modulated=is_modulated,
    )
    q, p = er.Conditional(encoder_net, encoder), er.Conditional(decoder_net, decoder)
    return er.Model(q, p, _latent_prior(prior, latent, labels), er.LabelEncoder(labels)), er.ELBO()


@recipe("Kingma, Rezende, Mohamed & Welling 2014, arXiv 1406.5298")
def m2(
    shape: tuple[int, ...],
    latent: int = 50,
    hidden: tuple[int, ...] = (500,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    labels: PositiveInt = 10,
    share: UnitFloat = 0.0,
    weight: NonNegativeFloat = 30.0,
    floor_weight: NonNegativeFloat = 0.3,
    beta: NonNegativeFloat = 3.0,
    cooldown: PositiveInt = 5_000,
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
) -> tuple[er.GenerativeModel, er.Term]:
    """The semi-supervised VAE (M2): the class is a latent, summed over where its label is unknown.

    Minimized: ``−(1 − share) U(x) − share L(x, y) − weight log q(y|x) + floor_weight Σ_y max(0, log τ − log q(y|x))``,
    with ``L(x, y) = E_q[log p(x|y, z)] + log p(y) − β_t KL(q(z|x, y) ‖ p(z))`` where y is known,
    ``U(x) = Σ_y q(y|x) L(x, y) + H(q(y|x))`` where it is not, β_t falling from β to 1 and τ = 0.002. Each is
    a mean over the examples of its sort; a batch of one sort has U or L whole.

    Deviation from the paper: beta and floor_weight, without which few labels teach it less than the classifier alone.

    Args:
        latent: size of the latent z
        hidden: widths of the hidden layers of encoder, decoder and classifier (mlp)
        activation: of the hidden layers (mlp)
        likelihood: p(x|y, z), as for vae
        labels: number of classes of the data
        share: of the labelled examples in the bound, as in the data; 0 leaves them to the classification loss
        weight: of the classification loss on the known labels
        floor_weight: of the penalty on classes that the classifier rules out; 0 is the paper's
        beta: weight of the KL of z at the start, which leaves the class to the classifier; 1 is the paper's
        cooldown: steps over which that weight falls from beta to 1
        network: of encoder, decoder and classifier: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks'
            lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first; sides halve as often as there are widths
    """
    architecture = er.Architecture(shape, network, hidden, activation, size, widths, default_hidden=(500,))
    q = architecture.encoder(er.DiagonalNormal(latent), labels)
    p = architecture.decoder(latent, er.likelihood(likelihood, shape), labels)
    classifier = architecture.make_classifier(labels)
    model = er.SemiSupervised(classifier, q, p, er.StandardNormal(latent), labels)
    elbo = er.SemiSupervisedELBO(share, er.ramp(beta, 1, cooldown))
    return model, elbo + weight * er.Classification() + floor_weight * er.ClassFloor()


@recipe("Kingma, Rezende, Mohamed & Welling 2014, arXiv 1406.5298", extends=vae, without=("beta", "prior", "posterior"))
def m1_m2(
    shape: tuple[int, ...],
    latent: int = 50,
    hidden: tuple[int, ...] | None = None,
    m1_latent: int = 50,
    m2_hidden: tuple[int, ...] = (300,),
    labels: PositiveInt = 10,
    share: UnitFloat = 0.0,
    weight: NonNegativeFloat = 3.0,
    m1_beta: NonNegativeFloat = 0.25,
    network: str = "mlp",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The stacked semi-supervised VAE (M1+M2): a VAE, and M2 of its latents, trained side by side.

    Minimized: ``−E_q[log p(x|z_1) + B(z_1)] + m1_beta KL(q(z_1|x) ‖ p(z_1)) − weight log q(y|z_1)``, with z_1 from
    q(z_1|x), and B the bound of m2 at β = 1, L(z_1, y) or U(z_1), to which z_1 is a constant; share weighs both as
    there.

    Deviation from the paper: m1_beta, without which few labels need many more steps, and a larger weight.

    Args:
        latent: size of the latent z_2 of M2
        hidden: widths of the hidden layers of M1 (mlp); if not given, the authors' 500, 500
        m1_latent: size of the latent z_1 of M1, the examples of M2
        m2_hidden: widths of the hidden layers of M2: encoder, decoder and classifier
        labels: number of classes of the data
        share: of the labelled examples in the bound, as in the data
        weight: of the classification loss on the known labels; 0.1 in the authors' code
        m1_beta: weight of the KL of M1; 1 is the paper's
        network: of M1, as for vae
    """
    hidden = M1_WIDTHS if hidden is None and network == "mlp" else hidden
    sizes: dict[str, Any] = {} if hidden is None else {"hidden": hidden}
    m1, _ = vae(shape, latent=m1_latent, network=network, **sizes, **rest)
    assert isinstance(m1, er.Model)
    architecture = er.Architecture((m1_latent,), hidden=m2_hidden)
    q = architecture.encoder(er.DiagonalNormal(latent), labels)
    p = architecture.decoder(latent, er.DiagonalNormal(m1_latent), labels)
    classifier = architecture.make_classifier(labels)
    m2 = er.SemiSupervised(classifier, q, p, er.StandardNormal(latent), labels)
    return er.StackedSemiSupervised(m1, m2), er.StackedELBO(share, m1_beta) + weight * er.Classification()


@recipe("Joy et al. 2021, arXiv 2006.10102", extends=vae, without=("prior", "beta"))
def ccvae(
    shape: tuple[int, ...],
    latent: int = 20,
    labels: PositiveInt = 10,
    k: int = 1,
    weight: NonNegativeFloat = 30.0,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The CCVAE: each label has a latent of its own, which captures its characteristics, as far as labels are known.

    Minimized: ``−E_q[r (log p(x|z) + log p(z) − log q(z|x))] − weight log q(y|x)``, with ``r = q(y|z) / q(y|x)``, a
    constant to the gradient, ``q(y|x) = E_q[q(y|z)]`` and ``p(z) = Σ_y p(y) p(z|y)``; without a label r is 1 and the
    second term 0.

    Args:
        latent: size of the latent z; the first ones are of the labels
        labels: number of attributes of the data, or of classes, each of which is a label
        k: samples per example in the bound
        weight: of log q(y|x) of labelled examples, as of m2; 1 is the bound, beside whose reconstruction it is slow
    """
    model, _ = vae(shape, latent=latent, **rest)
    parts, prior = cast(er.Model, model), er.CharacteristicPrior(latent, labels)
    return er.CharacteristicModel(parts.encoder, parts.decoder, prior), er.CharacteristicELBO(k, weight)
