"""The Hamiltonian model: the encoder's posterior, moved along the gradient of log p(x, z) by leapfrog steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.distributions import UncheckedDistribution
from elbowroom.models.base import Model
from elbowroom.models.conditional import Conditional
from elbowroom.models.differentiation import as_constant, as_differentiable, differentiation

#: From latents (..., B, *latent) to log p(x, z), (..., B), nats.
LogJoint = Callable[[Tensor], Tensor]


class Trajectory(NamedTuple):
    """The end of a Hamiltonian trajectory: position and momentum, (..., B, *latent)."""

    z: Tensor
    momentum: Tensor


def leapfrog(
    log_joint: LogJoint, z: Tensor, momentum: Tensor, step_sizes: Tensor, factors: Tensor, create_graph: bool = True
) -> Trajectory:
    r"""Follow the Hamiltonian :math:`-\log p(x, z) + \frac12 \rho^\top \rho` by leapfrog steps.

    .. math:: \rho \leftarrow \rho + \tfrac\epsilon2 \nabla \log p(x, z), \quad z \leftarrow z + \epsilon \rho, \quad
        \rho \leftarrow \left( \rho + \tfrac\epsilon2 \nabla \log p(x, z) \right) f_k

    A step keeps the volume of (z, ρ), but for the factors :math:`f_k` of the momentum, tempering.

    Args:
        log_joint: log p(x, z) of latents.
        z: positions, which autograd differentiates by.
        momentum: likewise.
        step_sizes: :math:`\epsilon` of each dimension.
        factors: of each step, (steps,).
        create_graph: whether the result is differentiable.
    """

    def slope(z: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(log_joint(z).sum(), z, create_graph=create_graph)
        return gradient

    force = slope(z) if len(factors) else z
    for factor in factors:
        momentum = momentum + 0.5 * step_sizes * force
        z = z + step_sizes * momentum
        force = slope(z)
        momentum = (momentum + 0.5 * step_sizes * force) * factor
    return Trajectory(z, momentum)


def tempering_factors(first: Tensor, steps: int) -> Tensor:
    r"""Return the factors of the momentum, (steps,), whose product is :math:`\sqrt{\beta_0}`.

    The inverse temperature grows from :math:`\beta_0` to 1 by
    :math:`1 / \sqrt{\beta_k} = (1 - 1 / \sqrt{\beta_0})\, k^2 / K^2 + 1 / \sqrt{\beta_0}`.

    >>> tempering_factors(torch.tensor(0.25), 2).prod()
    tensor(0.5000)
    """
    progress = (torch.arange(steps + 1, dtype=first.dtype, device=first.device) / max(steps, 1)) ** 2
    inverse = (1 - first.rsqrt()) * progress + first.rsqrt()
    return inverse[1:] / inverse[:-1]


class HamiltonianPosterior(UncheckedDistribution):
    r"""A posterior whose draws were moved by leapfrog steps, with a density on latents and momenta together.

    ``log_prob`` of what it drew last is :math:`\log q_0(z_0) - \frac12 \gamma^\top \gamma + \frac12 \rho_K^\top \rho_K`
    with the first momentum :math:`\gamma / \sqrt{\beta_0}`: the log-density of the pair, less that of the last momentum
    under its target N(0, I). So log p(x, z) less it is the log importance weight of the pair, whose mean is p(x). There
    is no density of z alone, and none of a z that it did not draw.

    Args:
        base: :math:`q_0`, with batch (B,).
        log_joint: log p(x, z) of latents.
        step_sizes: of each dimension.
        inverse_temperature: :math:`\beta_0`.
        steps: of leapfrog.
    """

    has_rsample = True

    def __init__(
        self, base: Distribution, log_joint: LogJoint, step_sizes: Tensor, inverse_temperature: Tensor, steps: int
    ) -> None:
        self.base, self.log_joint, self.steps = base, log_joint, steps
        self.step_sizes, self.inverse_temperature = step_sizes, inverse_temperature
        self._last_draw: tuple[Tensor, Tensor] | None = None
        super().__init__(base.batch_shape, base.event_shape)

    @property
    def mean(self) -> Tensor:
        """Where the mean of the encoder's posterior goes without momentum: the draw of no noise."""
        with noise.zero_noise():
            return self._evolve(torch.Size())[0]

    def rsample(self, sample_shape: Any = torch.Size()) -> Tensor:
        self._last_draw = self._evolve(torch.Size(sample_shape))
        return self._last_draw[0]

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log-density of the last draw, (...), nats, as said above.

        Raises:
            ValueError: it drew other values.
        """
        if self._last_draw is None or self._last_draw[0] is not value:
            raise ValueError(
                "a Hamiltonian posterior knows the density of its last draw alone, which depends on the momentum: "
                "score what rsample() returned, and leave gradient= at 'plain'"
            )
        return self._last_draw[1]

    def _evolve(self, sample_shape: torch.Size) -> tuple[Tensor, Tensor]:
        """Draw z and its momentum, and move both: return z and its log-density."""
        start = self.base.rsample(sample_shape)
        gamma = noise.standard_normal(start.shape, start)
        with differentiation() as is_training:
            first = as_constant(self.inverse_temperature)
            factors = tempering_factors(first, self.steps)
            end, excess = self.follow(as_differentiable(start), as_constant(gamma), first, factors, is_training)
        log_density = self.base.log_prob(start) + (excess if is_training else excess.detach())
        return end if is_training else end.detach(), log_density

    def follow(
        self, z: Tensor, gamma: Tensor, inverse_temperature: Tensor, factors: Tensor, is_training: bool
    ) -> tuple[Tensor, Tensor]:
        r"""Move z by a momentum that is made of standard normals :math:`\gamma`.

        Returns:
            where it went; and the log-density of the first momentum, less that of the last under its target and what
            the factors make of its volume: what the last draw's has beside :math:`\log q_0(z_0)`, nats.
        """
        momentum, step_sizes = gamma * inverse_temperature.rsqrt(), as_constant(self.step_sizes)
        end = leapfrog(self.log_joint, z, momentum, step_sizes, factors, is_training)
        dims = tuple(range(-len(self.event_shape), 0))
        return end.z, 0.5 * (end.momentum.square() - gamma.square()).sum(dims)


class HamiltonianModel(Model):
    r"""A model whose posterior follows the Hamiltonian of log p(x, z) for a few leapfrog steps.

    .. math:: \mathrm{ELBO} = E\left[ \log p(x, z_K) - \log q(z_0 \mid x) - \tfrac12 \rho_K^\top \rho_K
        + \tfrac12 \gamma^\top \gamma \right]

    with :math:`z_0 \sim q(z \mid x)`, :math:`\gamma \sim \mathcal N(0, I)`, and the first momentum
    :math:`\gamma / \sqrt{\beta_0}`, which the steps cool (:func:`tempering_factors`). Caterini, Doucet & Sejdinovic
    2018, arXiv 1805.11328. The step sizes are learned, one for each dimension, and so is :math:`\beta_0` if it starts
    below 1. At 1 the steps gain next to nothing: they keep the Hamiltonian, so that the weight of a pair stays what it
    was. The KL that is reported is estimated, and that of latents and momenta: it counts what the momentum costs.

    Each step takes a gradient through the decoder, in use too.

    Args:
        encoder: the posterior at the start.
        decoder: z to p(x|z).
        prior: () to p(z), or condition to p(z|c).
        steps: K, of leapfrog; 0 is the plain model.
        step_size: the first one, of all dimensions.
        temper: the first :math:`\beta_0`, in (0, 1]; 1 does not temper.
        condition: as for :class:`Model`.

    Raises:
        ValueError: steps is below 0, a step size not above 0, or temper not in (0, 1]; the posterior is a point.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.hamiltonian_vae((1, 8, 8), latent=2)
    >>> draw = model.draw(torch.rand(5, 1, 8, 8), k=3)
    >>> draw.log_w.shape, draw.kl.shape
    (torch.Size([3, 5]), torch.Size([5]))
    """

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module | None,
        steps: int = 4,
        step_size: float = 0.05,
        temper: float = 0.7,
        condition: nn.Module | None = None,
    ) -> None:
        super().__init__(encoder, decoder, prior, condition)
        if steps < 0 or not step_size > 0 or not 0 < temper <= 1:
            raise ValueError(
                "steps is at least 0, step_size above 0 and temper above 0 and at most 1, got "
                f"{steps}, {step_size:g} and {temper:g}"
            )
        if prior is None or self.has_point_posterior:
            raise ValueError("without a prior, or with a point posterior, there is no density to follow: give it both")
        self.steps = steps
        self.log_step_sizes = nn.Parameter(torch.full(self.latent_shape, step_size).log(), requires_grad=steps > 0)
        self.temper_logit = nn.Parameter(torch.tensor(temper).logit()) if temper < 1 and steps else None

    @property
    def has_gradient_posterior(self) -> bool:
        return True

    @property
    def inverse_temperature(self) -> Tensor:
        r""":math:`\beta_0`, between 0 and 1."""
        return self.log_step_sizes.new_ones(()) if self.temper_logit is None else self.temper_logit.sigmoid()

    def infer(self, x: Tensor, *condition: Tensor) -> Distribution:
        base = super().infer(x, *condition)

        def log_joint(z: Tensor) -> Tensor:
            constants = tuple(map(as_constant, condition))
            assert self.prior is not None
            log_pz: Tensor = self.prior(*constants).log_prob(z)
            log_px: Tensor = self.decoder(z, *constants).log_prob(as_constant(x))
            return log_px + log_pz

        return self.make_posterior(base, log_joint)

    def make_posterior(self, base: Distribution, log_joint: LogJoint) -> HamiltonianPosterior:
        """Return the posterior that starts at that of the encoder, and follows log p(x, z)."""
        return HamiltonianPosterior(base, log_joint, self.log_step_sizes.exp(), self.inverse_temperature, self.steps)
