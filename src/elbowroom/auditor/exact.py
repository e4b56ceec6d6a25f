"""log p(x) itself, where it can be had: a linear-Gaussian model, or a code of one or two dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.distributions import Distribution, MultivariateNormal

from elbowroom.auditor.claim import Claim
from elbowroom.auditor.isolation import eval_mode
from elbowroom.auditor.normalization import sample_latents
from elbowroom.auditor.registry import CheckSkippedError
from elbowroom.distributions import Normal
from elbowroom.models.base import Model

#: log p(x, z) of a few x at many z: (N, L) to (N, B).
LogJoint = Callable[[Tensor], Tensor]

#: Points along each dimension of the code, for one dimension and for two.
GRID_POINTS = {1: 4001, 2: 401}


@torch.no_grad()
def exact_log_px(claim: Claim, rows: Tensor) -> tuple[Tensor, str]:
    """log p(x) of the examples at ``rows``, (B,), and how it was had.

    Raises:
        Unsaid: it is not known.
    """
    x = claim.x[rows]
    if claim.elbowroom_model is None:
        if claim.log_px is None:
            raise CheckSkippedError("p(x|z) is inside the module: give log_px=, a function from (module, x, z)")
        return _integrate_on_grid(*_foreign_log_joint(claim, x)), "a grid over the code, with a standard normal prior"
    model = claim.elbowroom_model
    if not isinstance(model, Model) or model.prior is None:
        raise CheckSkippedError("the exact value is known for models of one latent with a prior")
    if claim.c is not None and model.condition is not None:
        raise CheckSkippedError("the exact value is not known for conditional models")
    with eval_mode(model):
        prior = model.prior()
        affine = _linear_gaussian_marginal(model, prior)
        if affine is not None:
            return affine.log_prob(x.flatten(1).double()), "the model is linear and Gaussian"
        draw = claim.draw(rows)
        if not hasattr(prior, "log_prob") or not draw.is_probabilistic or draw.z.dim() != 3:
            raise CheckSkippedError("the exact value is known for a code that is a vector with a prior density")

        def log_joint(z: Tensor) -> Tensor:
            return model.decode(z[:, None]).log_prob(x) + prior.log_prob(z)[:, None]

        return _integrate_on_grid(_integration_box(draw.q, prior), log_joint), "a grid over the code"


def _linear_gaussian_marginal(model: Model, prior: Distribution) -> MultivariateNormal | None:
    """The marginal of x, where p(x|z) is a normal whose mean is affine in z and whose variance is constant."""
    if not isinstance(prior, Normal) or len(model.latent_shape) != 1:
        return None
    n = model.latent_shape[0]
    probes = torch.randn(8, n, generator=torch.Generator().manual_seed(0)).to(prior.loc)
    at = [model.decode(z) for z in (torch.zeros_like(probes), probes, 2 * probes, torch.eye(n).to(probes))]
    if not all(isinstance(p, Normal) for p in at):
        return None
    zero, once, twice, axes = (p.mean.flatten(1).double() for p in at)
    steps, variances = (once - zero, twice - zero), [p.variance.flatten(1).double() for p in at[1:3]]
    bent = (steps[1] - 2 * steps[0]).abs().max() > 1e-4 * (1 + steps[1].abs().max())
    if bent or not torch.allclose(variances[0], variances[1], rtol=1e-5) or zero.shape[1] > 1024:
        return None
    columns = (axes - zero[:1]).T
    mean = zero[0] + columns @ prior.loc.double().flatten()
    covariance = columns @ torch.diag(prior.variance.double().flatten()) @ columns.T + torch.diag(variances[0][0])
    return MultivariateNormal(mean, covariance)


def _integration_box(q: Distribution, prior: Distribution) -> tuple[Tensor, Tensor]:
    """Where the prior and the posteriors have their mass: low and high, (L,) each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = prior.sample((4096,))
    low, high = drawn.min(0).values, drawn.max(0).values
    margin = 0.5 * (high - low)
    spread = 8 * q.variance.sqrt()
    low = torch.minimum(low - margin, (q.mean - spread).min(0).values)
    return low, torch.maximum(high + margin, (q.mean + spread).max(0).values)


def _integrate_on_grid(box: tuple[Tensor, Tensor], log_joint: LogJoint) -> Tensor:
    """log of the integral of p(x, z) over the box, by the trapezium rule.

    Raises:
        Unsaid: more than two dimensions, or twice as coarse a grid says something else.
    """
    low, high = box
    dims = len(low)
    if dims not in GRID_POINTS:
        raise CheckSkippedError(f"the exact value is known up to 2 dimensions of the code, and this one has {dims}")
    axes = [torch.linspace(a, b, GRID_POINTS[dims]).to(low) for a, b in zip(low.tolist(), high.tolist(), strict=True)]
    z = torch.cartesian_prod(*axes).reshape(-1, dims)
    log = torch.cat([log_joint(part).double() for part in z.split(4096)])
    log = log.reshape(*[GRID_POINTS[dims]] * dims, -1)
    cell = math.prod((axis[1] - axis[0]).item() for axis in axes)
    fine = log.flatten(0, -2).logsumexp(0) + math.log(cell)
    half = log[::2] if dims == 1 else log[::2, ::2]
    coarse = half.flatten(0, -2).logsumexp(0) + math.log(cell * 2**dims)
    if fine.isnan().any():
        raise CheckSkippedError("log p(x|z) is not a number for some codes far from the others")
    if (fine - coarse).abs().max() > 0.05:
        raise CheckSkippedError("the posteriors are narrower than a grid over the code can see")
    return fine


def _foreign_log_joint(claim: Claim, x: Tensor) -> tuple[tuple[Tensor, Tensor], LogJoint]:
    shape = sample_latents(claim, 1).shape[1:]
    length = math.prod(shape)
    low = torch.full((length,), -8.0)
    normal = Normal(torch.zeros(length), torch.zeros(length))

    def log_joint(z: Tensor) -> Tensor:
        assert claim.log_px is not None
        columns = [
            claim.log_px(claim.module, one.expand(len(z), *one.shape), z.reshape(-1, *shape).to(one)) for one in x
        ]
        return torch.stack(columns, 1).cpu() + normal.log_prob(z)[:, None]

    return (low, -low), log_joint
