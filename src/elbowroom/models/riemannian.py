"""The Riemannian Hamiltonian model: leapfrog steps whose momentum follows a learned metric of latents."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom.models.conditional import Conditional
from elbowroom.models.differentiation import as_constant
from elbowroom.models.hamiltonian import HamiltonianModel, HamiltonianPosterior, LogJoint, Trajectory
from elbowroom.models.latent_metric import LatentMetric, MetricAt
from elbowroom.networks import MLP

#: Iterations by which an implicit equation of a step is solved, as in the authors' code.
FIXED_POINT_ITERATIONS = 3
#: Width of the hidden layer of the network of matrices.
MATRIX_HIDDEN = 400


def generalized_leapfrog(
    log_joint: LogJoint,
    metric: LatentMetric,
    start: Trajectory,
    step_sizes: Tensor,
    factors: Tensor,
    create_graph: bool = True,
    iterations: int = FIXED_POINT_ITERATIONS,
) -> Trajectory:
    r"""Follow :math:`H = -\log p(x, z) + \frac12 \log\det G(z) + \frac12 \rho^\top G^{-1}(z) \rho`.

    .. math:: \rho' = \rho - \tfrac\epsilon2 \nabla_z H(z, \rho'), \quad
        z \leftarrow z + \tfrac\epsilon2 \left( G^{-1}(z) + G^{-1}(z') \right) \rho', \quad
        \rho \leftarrow \left( \rho' - \tfrac\epsilon2 \nabla_z H(z', \rho') \right) f_k

    The first two are solved for :math:`\rho'` and :math:`z'` by fixed-point iterations. Solved exactly, a step keeps
    the volume of (z, ρ), but for the factors; with few iterations as nearly as they have converged.

    Args:
        log_joint: log p(x, z) of latents.
        metric: of latents.
        start: positions, which autograd differentiates by, and momenta.
        step_sizes: :math:`\epsilon` of each dimension.
        factors: of the momentum after each step, (steps,).
        create_graph: whether the result is differentiable.
        iterations: of each equation.
    """

    def pull(z: Tensor, momentum: Tensor) -> Tensor:
        return -0.5 * metric.slope(z, momentum[..., :, None] * momentum[..., None, :])

    def force(z: Tensor, at: MetricAt) -> Tensor:
        (gradient,) = torch.autograd.grad(log_joint(z).sum(), z, create_graph=create_graph)
        return gradient + 0.5 * metric.slope(z, at.metric)

    z, momentum = start
    half_steps, at = 0.5 * step_sizes, MetricAt.evaluate(metric, z)
    still = force(z, at) if len(factors) else z
    for factor in factors:
        halfway, end = momentum, z
        for _ in range(iterations):
            halfway = momentum + half_steps * (still + pull(z, halfway))
        for _ in range(iterations):
            end = z + half_steps * (at.velocity(halfway) + (metric.inverse(end) @ halfway[..., None])[..., 0])
        z, at = end, MetricAt.evaluate(metric, end)
        still = force(z, at)
        momentum = (halfway + half_steps * (still + pull(z, halfway))) * factor
    return Trajectory(z, momentum)


class RiemannianPosterior(HamiltonianPosterior):
    r"""A :class:`~elbowroom.models.hamiltonian.HamiltonianPosterior` whose momenta have the covariance G(z).

    ``log_prob`` of its last draw is :math:`\log q_0(z_0) - \frac12 \gamma^\top \gamma - \frac12 \log\det G(z_0)
    + \frac12 \rho_K^\top G^{-1}(z_K) \rho_K + \frac12 \log\det G(z_K)`.

    Args:
        metric: of latents.
        *others: those of :class:`~elbowroom.models.hamiltonian.HamiltonianPosterior`.
    """

    def __init__(self, metric: LatentMetric, *others: Any) -> None:
        super().__init__(*others)
        self.metric = metric

    def follow(
        self, z: Tensor, gamma: Tensor, inverse_temperature: Tensor, factors: Tensor, is_training: bool
    ) -> tuple[Tensor, Tensor]:
        centroids, matrices = map(as_constant, self.metric[:2])
        metric = self.metric._replace(centroids=centroids, matrices=matrices)
        first = MetricAt.evaluate(metric, z)
        start = Trajectory(z, first.scale_noise(gamma) * inverse_temperature.rsqrt())
        step_sizes = as_constant(self.step_sizes)
        end = generalized_leapfrog(self.log_joint, metric, start, step_sizes, factors, is_training)
        last = MetricAt.evaluate(metric, end.z)
        kinetic = 0.5 * ((end.momentum * last.velocity(end.momentum)).sum(-1) - gamma.square().sum(-1))
        return end.z, kinetic + first.log_inverse_volume - last.log_inverse_volume


class RiemannianModel(HamiltonianModel):
    r"""A Hamiltonian model whose momenta follow a metric of latents, which is learned with encoder and decoder.

    .. math:: G^{-1}(z) = \sum_i L(x_i) L(x_i)^\top \exp\left( -\frac{\| z - \mu(x_i) \|^2}{T^2} \right) + \lambda I

    Chadebec, Mantoux & Allassonnière 2020, arXiv 2010.11518: centroids are means of the encoder, and L(x) is the lower
    triangular output of a network, with a diagonal above 0. The momentum is drawn from N(0, G(z)), the steps are those
    of :func:`generalized_leapfrog`, and the ELBO is that of :class:`HamiltonianModel` with the density of such momenta.
    The metric, which is small where examples are, is what the sampler ``riemannian`` draws latents by.

    Deviations: the examples :math:`x_i` are some of the training split, drawn before it and held, where the paper takes
    those of the batch in training and all afterwards; so the posterior of an example does not depend on its batch, and
    the metric is one function of the weights. Step sizes and the first temperature are learned, as those of
    :class:`HamiltonianModel`.

    Args:
        encoder: the posterior at the start, of vectors.
        decoder: z to p(x|z).
        prior: () to p(z).
        shape: of an example.
        centroids: how many examples are held. The inverse metric is a sum over them, and momenta move latents by
            it: of many within reach of each other steps go astray, unless ``step_size`` or ``temperature`` is smaller.
        temperature: T, in units of latents.
        regularization: :math:`\lambda`.
        steps: as for :class:`HamiltonianModel`, like the next two.
        step_size: the first one.
        temper: the first inverse temperature.

    Raises:
        ValueError: latents are no vectors; there are no centroids; temperature or regularization are not above 0; or as
            for :class:`HamiltonianModel`. In a training: there are fewer examples than centroids.

    >>> import elbowroom as er
    >>> model, _ = er.recipes.riemannian_vae((1, 8, 8), latent=2, centroids=5)
    >>> draw = model.draw(torch.rand(3, 1, 8, 8), k=4)
    >>> draw.log_w.shape, model.latent_metric.inverse(draw.z).shape
    (torch.Size([4, 3]), torch.Size([4, 3, 2, 2]))
    """

    examples: Tensor

    def __init__(
        self,
        encoder: Conditional,
        decoder: Conditional,
        prior: nn.Module | None,
        shape: tuple[int, ...],
        centroids: int = 100,
        temperature: float = 1.5,
        regularization: float = 0.01,
        steps: int = 3,
        step_size: float = 0.05,
        temper: float = 0.7,
    ) -> None:
        super().__init__(encoder, decoder, prior, steps, step_size, temper)
        if centroids < 1 or not temperature > 0 or not regularization > 0:
            raise ValueError(
                "centroids is at least 1, temperature and regularization above 0, got "
                f"{centroids}, {temperature:g} and {regularization:g}"
            )
        if len(self.latent_shape) != 1:
            raise ValueError(f"the metric is one of vectors, and latents are of shape {self.latent_shape}")
        self.temperature, self.regularization = temperature, regularization
        self.register_buffer("examples", torch.rand(centroids, *shape))
        (size,) = self.latent_shape
        self.matrix_net = MLP(shape, size=size * (size + 1) // 2, hidden=(MATRIX_HIDDEN,))

    @property
    def n_initial_examples(self) -> int:
        return max(len(self.examples), super().n_initial_examples)

    @torch.no_grad()
    def initialize(self, x: Tensor, generator: torch.Generator) -> None:
        super().initialize(x, generator)
        if (wanted := len(self.examples)) > len(x):
            raise ValueError(
                f"the metric is about {wanted:,} training examples (centroids), and there are {len(x):,}: "
                f"give centroids={len(x)} or fewer"
            )
        self.examples.copy_(x[:wanted])

    @property
    def latent_metric(self) -> LatentMetric:
        (size,) = self.latent_shape
        numbers = self.matrix_net(self.examples)
        rows, columns = torch.tril_indices(size, size, device=numbers.device)
        numbers = torch.where(rows == columns, F.softplus(numbers), numbers)
        factors = numbers.new_zeros(len(numbers), size, size)
        factors[:, rows, columns] = numbers
        centroids = self.encoder(self.examples).mean
        return LatentMetric(centroids, factors @ factors.mT, self.temperature, self.regularization)

    def make_posterior(self, base: Distribution, log_joint: LogJoint) -> HamiltonianPosterior:
        step_sizes = self.log_step_sizes.exp()
        return RiemannianPosterior(
            self.latent_metric, base, log_joint, step_sizes, self.inverse_temperature, self.steps
        )
