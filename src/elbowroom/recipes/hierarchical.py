"""Recipes with several latents: ladder VAE, BIVA, deep hierarchical VAE, NVAE."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import elbowroom as er
from elbowroom.recipes.registry import recipe

#: Widths of the hidden layers in the paper, from the data upwards.
LADDER_WIDTHS = (512, 256, 128, 64, 32)


@recipe("Sønderby et al. 2016, arXiv 1602.02282")
def ladder_vae(
    shape: tuple[int, ...],
    latent: tuple[int, ...] = (64, 32, 16, 8, 4),
    hidden: tuple[int, ...] | None = None,
    activation: str = "leaky-relu",
    likelihood: str = "bernoulli",
    warmup: int = 10_000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The ladder VAE: a hierarchy of latents whose posteriors merge a bottom-up and a top-down pass.

    Minimized: ``E_q[−log p(x|z_1) + w_t Σ_l KL(q(z_l|z_(l+1), x) ‖ p(z_l|z_(l+1)))]``, with
    ``q(z_l|z_(l+1), x) ∝ N(z_l; μ_l(x), σ_l²(x)) p(z_l|z_(l+1))`` below the top, and w_t growing from 0 to 1.

    Args:
        latent: size of each latent, the one next to the data first
        hidden: width of the hidden layer for each latent; if not given, the first of the paper's 512, 256, 128, 64, 32
        activation: of the hidden layers
        likelihood: p(x|z), as for vae
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    if not latent:
        raise ValueError("a ladder needs at least one latent, got none: give their sizes, as 32,16")
    hidden = LADDER_WIDTHS[: len(latent)] if hidden is None else hidden
    if len(hidden) != len(latent):
        have, need = len(hidden), len(latent)
        raise ValueError(f"{need} latents need {need} hidden widths, got {have}: give one hidden width for each latent")
    inputs: tuple[Any, ...] = (shape, *hidden)
    mlp, levels = partial(er.Conditional.mlp, activation=activation), range(len(latent))
    climb = [er.MLP(inputs[i], size=hidden[i], hidden=hidden[i : i + 1], activation=activation) for i in levels]
    read = [mlp(hidden[i], er.DiagonalNormal(latent[i]), hidden[i : i + 1]) for i in levels]
    descend = [mlp(latent[i + 1], er.DiagonalNormal(latent[i]), hidden[i : i + 1]) for i in levels[:-1]]
    decoder = mlp(latent[0], er.likelihood(likelihood, shape), hidden[:1])
    model = er.Ladder(climb, read, descend, decoder, er.StandardNormal(latent[-1]))
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


@recipe("Maaløe et al. 2019, arXiv 1902.02102")
def biva(
    shape: tuple[int, ...],
    latent: tuple[int, ...] = (32, 16, 8),
    hidden: tuple[int, ...] | None = None,
    activation: str = "leaky-relu",
    likelihood: str = "bernoulli",
    warmup: int = 10_000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The bidirectional-inference VAE (BIVA): two latents at each level, one inferred from below and one from above.

    Minimized: ``E_q[−log p(x|z) + w_t (log q(z|x) − log p(z))]``, with ``p(z) = p(z_L) Π_l p(u_l|z_>l) p(d_l|z_>l)``,
    ``q(z|x) = q(z_L|x, u_<L) Π_l q(u_l|x, u_<l) q(d_l|x, u_<l, z_>l)``, ``z_l = (u_l, d_l)``, and w_t growing from 0 to
    1.

    Args:
        latent: size of the latents of each level, the one next to the data first
        hidden: width of the features of each level; if not given, the first of 512, 256, 128, 64, 32
        activation: of the hidden layers
        likelihood: p(x|z), as for vae
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    if not latent:
        raise ValueError("a hierarchy needs at least one latent, got none: give their sizes, as 32,16")
    hidden = LADDER_WIDTHS[: len(latent)] if hidden is None else hidden
    if len(hidden) != len(latent):
        have, need = len(hidden), len(latent)
        raise ValueError(f"{need} levels need {need} hidden widths, got {have}: give one hidden width for each level")
    model = er.BidirectionalHierarchy(shape, er.likelihood(likelihood, shape), latent, hidden, activation)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


@recipe("Child 2021, arXiv 2011.10650")
def hierarchical_vae(
    shape: tuple[int, ...],
    latent: int = 8,
    latents: tuple[int, ...] | None = None,
    size: Literal["s", "m", "l"] = "s",
    widths: tuple[int, ...] | None = None,
    likelihood: str = "bernoulli",
    warmup: int = 2000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The deep hierarchical VAE: latents at every size of a convolutional pyramid, drawn from the top down.

    Minimized: ``E_q[−log p(x|z) + w_t Σ_l KL(q(z_l|z_>l, x) ‖ p(z_l|z_>l))]``, with latents l from the top down, each
    given those above, and w_t growing from 0 to 1.

    Args:
        latent: channels of each latent
        latents: number of latents at each size, the smallest size first; two each if not given
        size: of the networks: s, m, l
        widths: channels of each size instead, the largest size first
        likelihood: p(x|z), as for vae
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    encoder, counts = _make_pyramid(shape, latents, size, widths)
    model = er.Hierarchy(encoder, er.likelihood(likelihood, shape), latent, counts)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


@recipe("Vahdat & Kautz 2020, arXiv 2007.03898")
def nvae(
    shape: tuple[int, ...],
    latent: int = 20,
    latents: tuple[int, ...] | None = None,
    size: Literal["s", "m", "l"] = "s",
    widths: tuple[int, ...] | None = None,
    likelihood: str = "bernoulli",
    warmup: int = 2000,
) -> tuple[er.GenerativeModel, er.Term]:
    """The NVAE: the deep hierarchy with depthwise residual cells, each posterior relative to its prior.

    Minimized: ``E_q[−log p(x|z) + w_t Σ_l KL(q(z_l|z_>l, x) ‖ p(z_l|z_>l))]``, with ``p(z_l|z_>l) = N(μ_l, σ_l²)``,
    ``q(z_l|z_>l, x) = N(μ_l + Δμ_l, (σ_l Δσ_l)²)``, and w_t growing from 0 to 1.

    Deviations: no spectral regularization and no flows in the posterior, beside those of the hierarchy. The paper's
    likelihood of colored images is logistic-mixture:10.

    Args:
        latent: channels of each latent
        latents: number of latents at each size, the smallest size first; two each if not given
        size: of the networks: s, m, l
        widths: channels of each size instead, the largest size first
        likelihood: p(x|z), as for vae
        warmup: steps over which the weight of the KL grows from 0 to 1
    """
    encoder, counts = _make_pyramid(shape, latents, size, widths)
    model = er.Hierarchy(encoder, er.likelihood(likelihood, shape), latent, counts, er.networks.DepthwiseCell)
    return model, er.Reconstruction() + er.ramp(0, 1, warmup) * er.KL()


def _make_pyramid(
    shape: tuple[int, ...], latents: tuple[int, ...] | None, size: str, widths: tuple[int, ...] | None
) -> tuple[er.Down, tuple[int, ...]]:
    """Return the encoder of a deep hierarchy, and the number of latents at each size: two if not given."""
    encoder = er.Down(shape, numbers=1, size=size, widths=widths, network="residual")
    return encoder, (2,) * len(encoder.pyramid.widths) if latents is None else latents
