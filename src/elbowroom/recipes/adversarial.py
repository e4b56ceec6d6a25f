"""Recipes with critics, on latents and on examples, and those whose encoder and decoder play against each other."""

from __future__ import annotations

from typing import Any, Literal

import elbowroom as er
from elbowroom.argument import NonNegativeFloat
from elbowroom.recipes.convolutional import conv_vae
from elbowroom.recipes.perceptual import add_image_losses
from elbowroom.recipes.quantized import vq_vae
from elbowroom.recipes.registry import recipe
from elbowroom.recipes.vae import autoencoder


@recipe("Makhzani et al. 2015, arXiv 1511.05644", extends=autoencoder, without=("linear",))
def aae(
    shape: tuple[int, ...],
    latent: int = 8,
    weight: NonNegativeFloat = 1.0,
    critic: tuple[int, ...] = (1000, 1000),
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The adversarial autoencoder: a critic tells latents from draws of the prior, which the encoder prevents.

    Minimized: ``−log p(x|z) + weight softplus(−D(z))`` by encoder and decoder, with ``z = e(x)``, and
    ``½ (softplus(−D(z')) + softplus(D(z)))`` by the critic D, with z' from p(z).

    Args:
        latent: size of the latent z
        weight: of the adversarial loss; 0 is the autoencoder
        critic: widths of the critic's hidden layers
    """
    model, reconstruction = autoencoder(shape, latent=latent, **rest)
    assert isinstance(model, er.Model)
    network = er.MLP(latent, size=1, hidden=critic)
    adversarial = er.Adversarial(network, on="z", loss="non-saturating", optimizer={"betas": (0.5, 0.9)})
    return er.Model(model.encoder, model.decoder, er.StandardNormal(latent)), reconstruction + weight * adversarial


@recipe("Tolstikhin et al. 2018, arXiv 1711.01558", extends=aae)
def wae_gan(
    shape: tuple[int, ...],
    weight: NonNegativeFloat = 5.0,
    critic: tuple[int, ...] = (512, 512, 512, 512),
    likelihood: str = "gaussian:1",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The Wasserstein autoencoder with a critic on latents: aae with squared error, and its weight.

    Minimized: ``½ ‖x − μ(z)‖² + weight softplus(−D(z))`` and a constant with gaussian:1, with ``z = e(x)`` and μ(z) the
    mean of p(x|z), and D trained as in aae.

    Args:
        weight: of the adversarial loss: half the paper's lambda of 10, as gaussian:1 has half the squared error
        critic: widths of the critic's hidden layers
        likelihood: p(x|z), as for vae; the paper has squared error, as gaussian:1
    """
    return aae(shape, weight=weight, critic=critic, likelihood=likelihood, **rest)


@recipe("Larsen et al. 2016, arXiv 1512.09300", extends=conv_vae, without=("k", "beta"), dimensions=(2, 3))
def vae_gan(
    shape: tuple[int, ...],
    similarity: NonNegativeFloat = 300.0,
    gamma: NonNegativeFloat = 0.1,
    critic: int = 32,
    likelihood: str = "gaussian:1",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VAE-GAN: reconstructions are compared in features of a critic, which tells examples from what is decoded.

    Minimized: ``KL(q(z|x) ‖ p(z)) + similarity d`` by the encoder, ``γ similarity d + softplus(−D(x'))`` by the
    decoder, and ``½ (softplus(−D(x)) + softplus(D(x')))`` by the critic D, with ``d = E_q[½ ‖f(x) − f(μ(z))‖²]``, f its
    last hidden layer, μ(z) the mean of p(x|z), and x' reconstructions and samples, over which losses are averaged.

    The scale of p(x|z), where it has one, is not trained, so that ELBO and likelihoods are those of a fixed one.

    Args:
        similarity: weight of half the squared distance of the features beside the KL
        gamma: factor of that weight in the decoder's loss, beside the adversarial loss
        critic: channels of the critic's first layer
        likelihood: p(x|z), as for vae, of which the decoder learns the mean
    """
    model, _ = conv_vae(shape, likelihood=likelihood, **rest)
    adversarial = er.Adversarial(er.PatchCritic(shape, width=critic), on="x+samples", loss="non-saturating")
    distance = similarity * er.CriticSimilarity(adversarial)
    # Without weight, so that all that the decoder has takes part in its loss.
    return model, er.Players(er.KL() + distance, gamma * distance + adversarial + 0 * er.Reconstruction())


@recipe("Huang, Li, He, Sun & Tan 2018, arXiv 1807.06358", extends=conv_vae, without=("k", "beta"))
def intro_vae(
    shape: tuple[int, ...],
    alpha: NonNegativeFloat = 0.25,
    margin: float = 30.0,
    beta_rec: NonNegativeFloat = 2.0,
    latent: int = 32,
    likelihood: str = "gaussian:1",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The IntroVAE: the encoder keeps decoded examples a margin away from the prior, and the decoder brings them near.

    Minimized: ``beta_rec R + KL(q(z|x) ‖ p(z)) + α Σ_x' max(0, margin − KL(q(z|x') ‖ p(z)))`` by the encoder and
    ``beta_rec R + α Σ_x' KL(q(z|x') ‖ p(z))`` by the decoder, with ``R = −E_q[log p(x|z)]`` and x' a reconstruction and
    a sample.

    Args:
        alpha: weight of what each does against the other; 0 is the VAE with beta_rec as weight of reconstructions
        margin: the KL that the encoder is to give decoded examples, in nats: above that of examples with alpha 0,
            which grows with the size of examples and with beta_rec
        beta_rec: weight of reconstructions: twice the authors' 1, as gaussian:1 has half the squared error
        latent: size of the latent z
        likelihood: p(x|z), as for vae; the paper has squared error, as gaussian:1
    """
    model, _ = conv_vae(shape, latent=latent, likelihood=likelihood, **rest)
    reconstruction = beta_rec * er.Reconstruction()
    # The terms are halves of the paper's sums over both kinds of fakes.
    encoder = reconstruction + er.KL() + 2 * alpha * er.FakeKLHinge(margin)
    return model, er.Players(encoder, reconstruction + 2 * alpha * er.FakeKL())


@recipe("Daniel & Tamar 2021, arXiv 2012.13253", extends=conv_vae, without=("k", "beta"))
def soft_intro_vae(
    shape: tuple[int, ...],
    weight: NonNegativeFloat = 1.0,
    beta_rec: NonNegativeFloat = 2.0,
    beta_kl: NonNegativeFloat = 1.0,
    beta_neg: NonNegativeFloat = 256.0,
    latent: int = 32,
    likelihood: str = "gaussian:1",
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The Soft-IntroVAE: the encoder finds decoded examples improbable, and the decoder makes it find them probable.

    Minimized: ``beta_rec R + beta_kl KL(q(z|x) ‖ p(z)) + weight D/4 Σ_x' exp(−2/D (beta_rec ℓ(x') + beta_neg KL(q(z|x')
    ‖ p(z))))`` by the encoder and ``beta_rec R + weight beta_kl ½ Σ_x' KL(q(z|x') ‖ p(z))`` by the decoder, with
    ``R = −E_q[log p(x|z)]``, x' a reconstruction and a sample, ℓ its −log p(x'|z) above the least
    there is, and D its number of values.

    Args:
        weight: of what each does against the other; 0 is the VAE with the weights beta_rec and beta_kl
        beta_rec: weight of reconstructions: twice the authors' 1, as gaussian:1 has half the squared error
        beta_kl: weight of the KL
        beta_neg: weight of the KL of decoded examples in the encoder's loss
        latent: size of the latent z
        likelihood: p(x|z), as for vae; the authors have squared error, as gaussian:1
    """
    model, _ = conv_vae(shape, latent=latent, likelihood=likelihood, **rest)
    reconstruction = beta_rec * er.Reconstruction()
    encoder = reconstruction + beta_kl * er.KL() + weight * er.ExponentialELBO(beta_rec, beta_neg)
    return model, er.Players(encoder, reconstruction + weight * beta_kl * er.FakeKL())


@recipe(
    "Esser, Rombach & Ommer 2021, arXiv 2012.09841",
    extends=vq_vae,
    without=("latent", "hidden", "activation"),
    dimensions=(2, 3),
)
def vqgan(
    shape: tuple[int, ...],
    network: str = "kl",
    size: Literal["s", "m", "l"] = "s",
    likelihood: str = "laplace:0.5",
    features: str = "none",
    perceptual: NonNegativeFloat = 1.0,
    adversarial: NonNegativeFloat = 0.8,
    start: int = 2000,
    critic: int = 32,
    **rest: Any,
) -> tuple[er.GenerativeModel, er.Term]:
    """The VQ-VAE on a map of codes, with perceptual error and a critic of patches.

    Minimized: ``−log p(x|z) − log p(i) + commitment ‖e(x) − sg[z]‖² + perceptual n ‖f(x) − f(μ(z))‖² − adversarial λ
    D(μ(z))``, and ``½ (max(0, 1 − D(x)) + max(0, 1 + D(μ(z))))`` by the critic D, with z the codes of indices i, n
    values of x, features f, μ(z) the mean of p(x|z), and λ the gradient's norm of the
    first and the fourth term by that of D at the decoder's last layer.

    Args:
        network: of encoder and decoder: kl, conv, residual, deep
        size: of the network: channels double from 16 (s), 32 (m), 64 (l)
        likelihood: p(x|z); laplace:0.5 is the absolute error of pixels in [-1, 1], the paper's
        features: frozen, of the perceptual loss: FILE.safetensors of 'elbowroom fit-features'; lpips, where it is
            installed with its weights; random convolutions; your own in Python; none leaves the loss out
        perceptual: weight of the perceptual loss, for each value of an example; 0 leaves it out
        adversarial: weight of the critic's loss, balanced against the others by gradients; 0 leaves it out
        start: the step from which the critic counts; it trains from half of it on
        critic: channels of its first layer
    """
    model, objective = vq_vae(shape, network=network, size=size, likelihood=likelihood, **rest)
    objective = add_image_losses(objective, shape, features, perceptual, adversarial, start, critic)
    return model, objective


@recipe("Mescheder, Nowozin & Geiger 2017, arXiv 1701.04722")
def avb(
    shape: tuple[int, ...],
    latent: int = 8,
    noise: int = 32,
    hidden: tuple[int, ...] = (400,),
    activation: str = "relu",
    likelihood: str = "bernoulli",
    k: int = 1,
    network: str = "mlp",
    size: Literal["s", "m", "l"] = "m",
    widths: tuple[int, ...] | None = None,
    critic: tuple[int, ...] = (512, 512),
) -> tuple[er.GenerativeModel, er.Term]:
    """Adversarial variational Bayes: a posterior without a density, whose KL a critic of x and z estimates.

    Minimized: ``E_q[T(x, z) − log p(x|z)]`` by encoder and decoder, with ``z = f(x, ε)``, ε normal, and
    ``½ (E_q[softplus(−T(x, z))] + E_p(z)[softplus(T(x, z))])`` by the critic T, the best of which is
    ``log q(z|x) − log p(z)``.

    Args:
        latent: size of the latent z
        noise: normals that the encoder takes beside the example
        hidden: widths of the encoder's hidden layers (mlp); the decoder mirrors them
        activation: of the hidden layers (mlp)
        likelihood: p(x|z), as for vae
        k: samples per example
        network: of encoder and decoder: mlp, conv, residual, deep, kl, auto, your own: 'elbowroom networks' lists them
        size: of a network of convolutions: channels double from 16 to 128 (s), 32 to 256 (m), 64 to 512 (l)
        widths: channels of its levels instead, the finest first; sides halve as often as there are widths
        critic: widths of the critic's hidden layers
    """
    architecture = er.Architecture(shape, network, hidden, activation, size, widths)
    encoder = architecture.encoder(er.Point(latent), noise)
    decoder = architecture.decoder(latent, er.likelihood(likelihood, shape))
    ratio = er.PosteriorRatio(er.MLP(shape, latent, size=1, hidden=critic))
    return er.ImplicitModel(encoder, decoder, er.StandardNormal(latent), noise), er.Reconstruction(k) + ratio
