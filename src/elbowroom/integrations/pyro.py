"""Bridge to Pyro: a model as a Pyro model and guide, for SVI, predictive sampling and poutines."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from itertools import count
from typing import Any

from torch import Size, Tensor, nn
from torch.distributions import Distribution, constraints, kl_divergence, register_kl

from elbowroom.distributions import no_density_reason
from elbowroom.models.base import GenerativeModel

try:
    import pyro
    from pyro.distributions import TorchDistribution
except ImportError:
    raise ImportError("the bridge to Pyro needs pyro-ppl, which is not installed: pip install pyro-ppl") from None

PyroProgram = Callable[..., Tensor]

_model_ids = count(1)

NEEDED_POSTERIOR = "a guide needs one: use a posterior that has a density, as elbowroom.DiagonalNormal"


def bridge(model: nn.Module) -> tuple[PyroProgram, PyroProgram]:
    r"""A model with one latent as a Pyro model and guide.

    .. math:: z \sim p(z),\quad x \sim p(x \mid z); \qquad z \sim q(z \mid x)

    Both are called with a batch of examples x, (B, \*shape), and, if the model is conditional, with its labels c. The
    sample sites are ``z`` and ``x``, in a plate ``data`` over the examples; ``x`` is observed. Training updates the
    model itself, in place: its parameters are in Pyro's parameter store under a unique name. Any posterior, prior and
    likelihood with a ``log_prob`` will do, mixtures and the VampPrior included.

    Pyro's losses are sums over the examples, those of elbowroom means: ``Trace_ELBO().loss(p, q, x) / len(x)`` is
    :math:`-\frac1B \sum \log p(x, z) - \log q(z \mid x)` in nats per example, at one draw of z for each.
    ``TraceMeanField_ELBO`` takes the KL in closed form where there is one, as :class:`elbowroom.ELBO` does.
    ``num_particles`` with ``vectorize_particles=True`` draws K latents at once. Noise comes from elbowroom's source, so
    that within :func:`elbowroom.noise.keyed_noise` the draws are those of an evaluation. The site ``z`` is of the
    prior, as ELBO and KL are, also where ``model.sample`` draws from a sampler fitted to the latents. To sample x as
    well: ``pyro.poutine.uncondition(p)(x)``.

    Bingham et al. 2019, arXiv 1810.09538.

    Args:
        model: a :class:`Model` whose posterior and prior have densities.

    Returns:
        The model p and the guide q.

    Raises:
        ValueError: several latents, a quantized latent, a point posterior, no prior, or a module that is no
            :class:`Model`.

    >>> import torch, pyro, elbowroom as er
    >>> data = er.load_data("digits")
    >>> vae, _ = er.recipes.vae(data.shape, latent=2)
    >>> p, q = bridge(vae)
    >>> svi = pyro.infer.SVI(p, q, pyro.optim.Adam({"lr": 0.001}), pyro.infer.Trace_ELBO())
    >>> x = data.train.first(100).x
    >>> losses = [svi.step(x) / 100 for _ in range(50)]
    >>> losses[0] > 40 > losses[-1]
    True
    """
    vae = _check_model(model)
    name = f"elbowroom-{next(_model_ids)}"

    def p(x: Tensor, c: Tensor | None = None) -> Tensor:
        pyro.module(name, model)
        prior = vae.latent_prior(c)
        assert prior is not None
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", PyroDistribution(prior))
            return pyro.sample("x", PyroDistribution(vae.decode(z, vae.as_condition(c))), obs=x)

    def q(x: Tensor, c: Tensor | None = None) -> Tensor:
        pyro.module(name, model)
        posterior = vae.posterior(x, c)
        if reason := no_density_reason(posterior):
            raise ValueError(f"{reason}, and {NEEDED_POSTERIOR}")
        with pyro.plate("data", len(x)):
            return pyro.sample("z", PyroDistribution(posterior))

    return p, q


class PyroDistribution(TorchDistribution):
    """A distribution of elbowroom or torch as a Pyro distribution: callable, and expanded to the shape of a plate.

    Args:
        base: the distribution.
        batch_shape: the expanded batch shape, which ends with that of the base; that of the base if not given.

    >>> from elbowroom import StandardNormal
    >>> PyroDistribution(StandardNormal(2)()).expand((3, 5))().shape
    torch.Size([3, 5, 2])
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - as in torch

    def __init__(self, base: Distribution, batch_shape: Size | None = None) -> None:
        self.base = base
        super().__init__(
            base.batch_shape if batch_shape is None else batch_shape, base.event_shape, validate_args=False
        )

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether gradients pass through its samples."""
        return self.base.has_rsample

    @property
    def support(self) -> Any:
        """The support of the base; all reals, where it declares none."""
        with contextlib.suppress(NotImplementedError):
            if self.base.support is not None:
                return self.base.support
        return constraints.independent(constraints.real, len(self.event_shape))  # type: ignore[no-untyped-call]

    def expand(self, batch_shape: Any, _instance: Any = None) -> PyroDistribution:
        base_shape, plate_shape = tuple(self.base.batch_shape), tuple(batch_shape)
        if base_shape != plate_shape[len(plate_shape) - len(base_shape) :]:
            raise ValueError(
                f"a distribution over a batch of {list(base_shape)} cannot stand in a plate of {list(plate_shape)}: "
                "give as many examples, and labels, as the plate has"
            )
        return PyroDistribution(self.base, Size(plate_shape))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self._draw_flat(self.base.rsample, sample_shape)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        return self._draw_flat(self.base.sample, sample_shape)

    def _draw_flat(self, draw: Callable[[Size], Tensor], sample_shape: Any) -> Tensor:
        """Draw all samples of an example along one leading dimension, as the models of elbowroom do."""
        shape = self._extended_shape(sample_shape)
        n_samples = math.prod(shape) // max(math.prod(self.base._extended_shape()), 1)
        return draw(Size((n_samples,))).reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        log_prob = self.base.log_prob(value)
        return log_prob if log_prob.dim() >= len(self.batch_shape) else log_prob.expand(self.batch_shape)


@register_kl(PyroDistribution, PyroDistribution)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl(q: PyroDistribution, p: PyroDistribution) -> Tensor:
    return kl_divergence(q.base, p.base).expand(q.batch_shape)


def _check_model(model: nn.Module) -> GenerativeModel:
    """Return the model, after checking that it has densities over one latent."""
    if not isinstance(model, GenerativeModel) or len(model.latents) > 1 or model.has_path_posterior:
        kind = type(model).__name__
        raise ValueError(
            f"{kind} is no model with one latent, which the bridge needs: train it with elbowroom.fit, or write its "
            "Pyro model with a sample site for each latent"
        )
    if model.is_quantized:
        raise ValueError(
            "a quantized latent is not sampled, and its codes are trained by losses and averages of their own: "
            "train it with elbowroom.fit"
        )
    if reason := model.no_density_reason:
        raise ValueError(f"{reason}, and {NEEDED_POSTERIOR}")
    if not model.has_prior:
        raise ValueError("this model has no prior for z: give it one, as elbowroom.StandardNormal")
    return model
