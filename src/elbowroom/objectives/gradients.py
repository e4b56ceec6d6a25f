"""Gradient estimators of the bounds: the score function of the posterior left out, once or doubly reparameterized."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.models.draw import Draw, Latent

#: Estimators of the gradient of a bound by the posterior's parameters, and what each is.
GRADIENTS = {
    "plain": "the gradient of the bound as it stands",
    "stl": "without the score function of q: sticking the landing (Roeder, Wu & Duvenaud 2017, arXiv 1703.09194)",
    "dreg": "doubly reparameterized (Tucker et al. 2019, arXiv 1810.04152)",
}


def check_gradient(name: str) -> str:
    """Return the name of an estimator.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in GRADIENTS:
        raise errors.unknown_name("gradient", name, GRADIENTS)
    return name


def log_weights(draw: Draw, gradient: str) -> Tensor:
    r"""Return :math:`\log w_k = \log p(x, z_k) - \log q(z_k \mid x)`, (K, B), nats, as the gradient needs them.

    The KL's weight of a warm-up multiplies :math:`\log p(z) - \log q(z \mid x)`.

    Args:
        draw: with a single latent, if the gradient is not plain.
        gradient: one of :data:`GRADIENTS`.

    Raises:
        ValueError: the gradient is not plain, and there are several latents.
    """
    if draw.free_nats:
        raise ValueError("free bits change a KL, and this bound has none: leave them out, or use ELBO()")
    if gradient == "plain":
        return draw.log_px + draw.kl_weight * (draw.log_pz - draw.log_qz)
    if len(draw.latents) != 1:
        raise ValueError(
            f"gradient='{gradient}' is for models with one latent, and this one has {len(draw.latents)}: use 'plain'"
        )
    return draw.log_px + draw.kl_weight * (draw.log_pz - path_log_density(draw.latents[0]))


def path_log_density(latent: Latent) -> Tensor:
    r"""Return :math:`\log q(z \mid x)`, (K, B), nats, with the gradient that reaches q's parameters through z alone.

    .. math:: \nabla_\phi = \nabla_z \log q(z \mid x) \; \partial z / \partial \phi,
        \text{ without the score function } \nabla_\phi \log q(z \mid x) |_z

    The expectation of the score function is zero (Roeder, Wu & Duvenaud 2017, arXiv 1703.09194). It takes any
    reparameterized posterior that scores a given z, flows included.

    Raises:
        ValueError: the posterior's density has no gradient by z, as that of codes.

    >>> from elbowroom.distributions import Normal
    >>> loc = torch.ones(5, 2, requires_grad=True)
    >>> q = Normal(loc, torch.zeros(5, 2))
    >>> latent = Latent(q.rsample((3,)), q, None)  # with a fixed variance log q(z) does not change with the mean
    >>> by_path = torch.autograd.grad(path_log_density(latent).sum(), loc)[0]
    >>> torch.allclose(by_path, (loc - latent.z).sum(0))
    True
    """
    log_qz = latent.log_qz
    if not latent.z.requires_grad:
        return log_qz
    leaf = latent.z.detach().requires_grad_()
    density = latent.q.log_prob(leaf).sum()
    (score,) = torch.autograd.grad(density, leaf, allow_unused=True) if density.requires_grad else (None,)
    if score is None:
        raise ValueError(
            f"gradients 'stl' and 'dreg' take the density's gradient by z, and a {type(latent.q).__name__} posterior "
            "has none: use gradient='plain'"
        )
    return log_qz.detach() + _zero_with_gradient(score, latent.z)


def doubly_reparameterize(bound: Tensor, draw: Draw, weights: Tensor, power: float = 1.0) -> Tensor:
    r"""Return a bound whose gradient by q's parameters is the doubly reparameterized one.

    .. math:: \nabla_\phi = \sum_k \left( (1 - a) \tilde w_k + a \tilde w_k^2 \right)
        \nabla_z \log w_k \; \partial z_k / \partial \phi

    with a the power of the weights in the bound, times the weight of the KL: 1 for the importance-weighted bound
    (Tucker et al. 2019, arXiv 1810.04152). The gradient by all other parameters is that of the bound.

    Args:
        bound: (..., B), of log-weights with the path derivative of :math:`\log q`.
        draw: with a single latent.
        weights: :math:`\tilde w`, the normalized weights, (K, B).
        power: of the weights in the bound.
    """
    z = draw.z
    if not (bound.requires_grad and z.requires_grad):
        return bound
    (by_z,) = torch.autograd.grad(bound.sum(), z, retain_graph=True)
    k, share = len(weights), power * draw.kl_weight * (1 - weights.detach())
    excess = _zero_with_gradient(by_z[:k] * share.view(*share.shape, *[1] * (z.dim() - 2)), z[:k])
    return bound - excess.sum(0) / len(bound)


def _zero_with_gradient(gradient: Tensor, z: Tensor) -> Tensor:
    """Return zeros, (K, B), whose gradient by z (K, B, ...) is the given one."""
    return (gradient.detach() * (z - z.detach())).flatten(2).sum(-1)
