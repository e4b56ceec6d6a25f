"""Exact log p(x), for linear-Gaussian models and for latents of one or two dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.isolation import eval_mode
from elbowroom.auditor.normalization import sample_latents
from elbowroom.auditor.outcome import CheckSkippedError
from elbowroom.distributions import Normal
from elbowroom.models.base import GenerativeModel

#: log p(x, z) of a few x at many z: (N, L) to (N, B).
LogJoint = Callable[[Tensor], Tensor]

#: Grid points along each dimension of the latent, by the number of its dimensions.
GRID_POINTS = {1: 4001, 2: 401}


@torch.no_grad()
def exact_log_px(claim: Claim, rows: Tensor) -> tuple[Tensor, str]:
    """Return log p(x) of the examples at ``rows``, (B,), and the method in words.

    Raises:
        CheckSkippedError: no exact method applies.
    """
    x = claim.x[rows]
    if claim.elbowroom_model is None:
        if claim.log_px is None:
            raise CheckSkippedError("p(x|z) is inside the module: give log_px=, a function from (module, x, z)")
        return _integrate_on_grid(*_foreign_log_joint(claim, x)), "a grid over z, with a standard normal prior"
    model = claim.elbowroom_model
    if len(model.latents) > 1 or not model.has_prior:
        raise CheckSkippedError("the exact value is known only for models of one latent with a prior")
    if model.is_conditional:
        raise CheckSkippedError("the exact value is not known for conditional models")
    if not model.manifold.is_flat:
        raise CheckSkippedError(f"the latents are {model.manifold.description}, which no grid is laid over")
    with eval_mode(model):
        prior = model.latent_prior()
        if prior is None:
            raise CheckSkippedError("the exact value is known only for a latent vector with a prior density")
        affine = _linear_gaussian_marginal(model, prior)
        if affine is not None:
            return affine.log_prob(x.flatten(1).double()), "the model is linear and Gaussian"  # type: ignore[no-untyped-call]
        draw = claim.draw(rows)
        if not draw.is_probabilistic or draw.z.dim() != 3:
            raise CheckSkippedError("the exact value is known only for a latent vector with a prior density")

        def log_joint(z: Tensor) -> Tensor:
            log_pxz: Tensor = model.decode(z[:, None]).log_prob(x) + prior.log_prob(z)[:, None]
            return log_pxz

        return _integrate_on_grid(_integration_box(draw.q, prior), log_joint), "a grid over z"


def _linear_gaussian_marginal(model: GenerativeModel, prior: Distribution) -> MultivariateNormal | None:
    """Return the marginal p(x) of a linear-Gaussian model, ``None`` for any other.

    Linear-Gaussian: p(x|z) is a normal whose mean is affine in z and whose variance is constant.
    """
    if not isinstance(prior, Normal) or len(model.latent_shape) != 1:
        return None
    n = model.latent_shape[0]
    probes = torch.randn(8, n, generator=torch.Generator().manual_seed(0)).to(prior.loc)
    outputs = [model.decode(z) for z in (torch.zeros_like(probes), probes, 2 * probes, torch.eye(n).to(probes))]
    if not all(isinstance(p, Normal) for p in outputs):
        return None
    zero, once, twice, axes = (p.mean.flatten(1).double() for p in outputs)
    steps, variances = (once - zero, twice - zero), [p.variance.flatten(1).double() for p in outputs[1:3]]
    is_nonlinear = (steps[1] - 2 * steps[0]).abs().max() > 1e-4 * (1 + steps[1].abs().max())
    if is_nonlinear or not torch.allclose(variances[0], variances[1], rtol=1e-5) or zero.shape[1] > 1024:
        return None
    columns = (axes - zero[:1]).T
    mean = zero[0] + columns @ prior.loc.double().flatten()
    covariance = columns @ torch.diag(prior.variance.double().flatten()) @ columns.T + torch.diag(variances[0][0])
    return MultivariateNormal(mean, covariance)


def _integration_box(q: Distribution, prior: Distribution) -> tuple[Tensor, Tensor]:
    """Return a box that holds the mass of the prior and the posteriors: its low and high corner, (L,) each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        samples = prior.sample((4096,))
        center, std = _center_and_std(q)
    low, high = samples.min(0).values, samples.max(0).values
    margin = 0.5 * (high - low)
    radius = 8 * std
    low = torch.minimum(low - margin, (center - radius).min(0).values)
    return low, torch.maximum(high + margin, (center + radius).max(0).values)


def _center_and_std(q: Distribution) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of a posterior, those of its samples if it does not know them, (B, L) each."""
    try:
        return q.mean, q.variance.sqrt()
    except NotImplementedError:
        samples = q.sample((1024,))
        return samples.mean(0), samples.std(0)


def _integrate_on_grid(box: tuple[Tensor, Tensor], log_joint: LogJoint) -> Tensor:
    """Return the log of the integral of p(x, z) over a box, (B,), by the trapezium rule on a grid.

    Raises:
        CheckSkippedError: more than two dimensions, or a grid of half the resolution disagrees.
    """
    low, high = box
    n_dims = len(low)
    if n_dims not in GRID_POINTS:
        raise CheckSkippedError(f"the exact value is known up to 2 dimensions of z, and here z has {n_dims}")
    n_points = GRID_POINTS[n_dims]
    axes = [torch.linspace(a, b, n_points).to(low) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    z = torch.cartesian_prod(*axes).reshape(-1, n_dims)
    values = torch.cat([log_joint(part).double() for part in torch.split(z, 4096)])
    values = values.reshape(*[n_points] * n_dims, -1)
    cell = math.prod((axis[1] - axis[0]).item() for axis in axes)
    fine = values.flatten(0, -2).logsumexp(0) + math.log(cell)
    every_second = values[::2] if n_dims == 1 else values[::2, ::2]
    coarse = every_second.flatten(0, -2).logsumexp(0) + math.log(cell * 2**n_dims)
    if fine.isnan().any():
        raise CheckSkippedError("log p(x|z) is NaN for some z far from the others")
    if (fine - coarse).abs().max() > 0.05:
        raise CheckSkippedError("the posteriors are narrower than a cell of the grid over z")
    return fine


def _foreign_log_joint(claim: Claim, x: Tensor) -> tuple[tuple[Tensor, Tensor], LogJoint]:
    """Return the box and log p(x, z) of a foreign module, with a standard normal prior."""
    shape = sample_latents(claim, 1).shape[1:]
    size = math.prod(shape)
    low = torch.full((size,), -8.0)
    prior = Normal(torch.zeros(size), torch.zeros(size))

    def log_joint(z: Tensor) -> Tensor:
        assert claim.log_px is not None
        columns = [
            claim.log_px(claim.module, row.expand(len(z), *row.shape), z.reshape(-1, *shape).to(row)) for row in x
        ]
        return torch.stack(columns, 1).cpu() + prior.log_prob(z)[:, None]

    return (low, -low), log_joint
