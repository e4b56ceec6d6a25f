"""Our models as Pyro takes them: a model and a guide, for its inference and its poutines."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from typing import Any

from torch import Size, Tensor, nn
from torch.distributions import Distribution, constraints, kl_divergence, register_kl

from elbowroom.distributions import Delta, Quantized
from elbowroom.families import Codebook, Point
from elbowroom.models.base import Model

try:
    import pyro
    from pyro.distributions import TorchDistribution
except ImportError:
    raise ImportError("the bridge to Pyro needs pyro-ppl, which is not installed: pip install pyro-ppl") from None

PyroProgram = Callable[..., Tensor]

_model_ids = count(1)


def bridge(model: nn.Module) -> tuple[PyroProgram, PyroProgram]:
    r"""A model with one latent as a Pyro model and guide.

    .. math:: z \sim p(z),\quad x \sim p(x \mid z); \qquad z \sim q(z \mid x)

    Both are called with a batch of examples x, (B, \*shape), and, if the model is conditional, with its labels c. The
    sample sites are ``z`` and ``x``, in a plate ``data`` over the examples; ``x`` is observed. What is trained is the
    model itself, in place: its parameters are in Pyro's parameter store under a name of their own, whatever was there
    before. Any posterior, prior and likelihood with a ``log_prob`` will do, mixtures and the VampPrior included.

    Pyro's losses are sums over the examples, ours means: ``Trace_ELBO().loss(p, q, x) / len(x)`` is
    :math:`-\frac1B \sum \log p(x, z) - \log q(z \mid x)` in nats per example, at one draw of z for each.
    ``TraceMeanField_ELBO`` takes the KL in closed form where there is one, as our ELBO does.
    ``num_particles`` with ``vectorize_particles=True`` draws K codes at once. Noise comes from elbowroom's source, so
    that within :func:`elbowroom.noise.keyed_noise` the draws are those of an evaluation. To sample x as well:
    ``pyro.poutine.uncondition(p)(x)``.

    Bingham et al. 2019, arXiv 1810.09538.

    Args:
        model: a :class:`Model` whose posterior and prior have densities.

    Returns:
        The model p and the guide q.

    Raises:
        ValueError: several latents, a quantised or a point code, no prior, or a module that is no :class:`Model`.

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
    _check_model(model)
    assert isinstance(model, Model)
    prior = model.prior
    assert prior is not None
    name = f"elbowroom-{next(_model_ids)}"

    def p(x: Tensor, c: Tensor | None = None) -> Tensor:
        pyro.module(name, model)
        given = model._condition(c)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", PyroDistribution(prior(*given)))
            return pyro.sample("x", PyroDistribution(model.decoder(z, *given)), obs=x)

    def q(x: Tensor, c: Tensor | None = None) -> Tensor:
        pyro.module(name, model)
        posterior = model.encoder(x, *model._condition(c))
        _check_posterior(posterior)
        with pyro.plate("data", len(x)):
            return pyro.sample("z", PyroDistribution(posterior))

    return p, q


class PyroDistribution(TorchDistribution):
    """A distribution of ours, or of torch, as Pyro takes it: callable, and expanded to the shape of a plate.

    Args:
        base: the distribution.
        batch_shape: its batch shape, of which the last dimensions are the base's; all of the base's if not given.

    >>> from elbowroom import StandardNormal
    >>> PyroDistribution(StandardNormal(2)()).expand((3, 5))().shape
    torch.Size([3, 5, 2])
    """

    arg_constraints: dict[str, Any] = {}  # noqa: RUF012 - torch declares it so

    def __init__(self, base: Distribution, batch_shape: Size | None = None) -> None:
        self.base = base
        super().__init__(
            base.batch_shape if batch_shape is None else batch_shape, base.event_shape, validate_args=False
        )

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether gradients pass through its draws."""
        return self.base.has_rsample

    @property
    def support(self) -> Any:
        """Of the base; all numbers, where it does not say."""
        try:
            return self.base.support or constraints.independent(constraints.real, len(self.event_shape))
        except NotImplementedError:
            return constraints.independent(constraints.real, len(self.event_shape))

    def expand(self, batch_shape: Any, _instance: Any = None) -> PyroDistribution:
        own, wanted = tuple(self.base.batch_shape), tuple(batch_shape)
        if own != wanted[len(wanted) - len(own) :]:
            raise ValueError(
                f"a distribution over a batch of {list(own)} cannot stand in a plate of {list(wanted)}: give as many "
                "examples, and labels, as the plate has"
            )
        return PyroDistribution(self.base, Size(wanted))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self._draw_flat(self.base.rsample, sample_shape)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        return self._draw_flat(self.base.sample, sample_shape)

    def _draw_flat(self, draw: Callable[[Size], Tensor], sample_shape: Any) -> Tensor:
        """All draws of an example along one leading dimension, as our models make them."""
        shape = self._extended_shape(sample_shape)
        return draw(Size((math.prod(shape) // max(math.prod(self.base._extended_shape()), 1),))).reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        found = self.base.log_prob(value)
        return found if found.dim() >= len(self.batch_shape) else found.expand(self.batch_shape)


@register_kl(PyroDistribution, PyroDistribution)
def _kl(q: PyroDistribution, p: PyroDistribution) -> Tensor:
    return kl_divergence(q.base, p.base).expand(q.batch_shape)


def _check_model(model: nn.Module) -> None:
    """Refuse what is no pair of densities over one latent."""
    if not isinstance(model, Model):
        kind = type(model).__name__
        raise ValueError(
            f"{kind} is no model with one latent, which the bridge takes: train it with elbowroom.fit, or write its "
            "Pyro model with a sample site for each latent"
        )
    family = getattr(model.encoder, "family", None)
    if isinstance(family, Codebook):
        raise ValueError(_QUANTIZED_MESSAGE)
    if isinstance(family, Point):
        raise ValueError(_POINT_MESSAGE)
    if model.prior is None:
        raise ValueError("this model has no prior for z to be drawn from: give it one, as elbowroom.StandardNormal")


_QUANTIZED_MESSAGE = "a quantised code is no draw, and its codebook follows by averages: train it with elbowroom.fit"
_POINT_MESSAGE = "a point posterior has no density for a guide: use a posterior that has, as elbowroom.DiagonalNormal"


def _check_posterior(posterior: Distribution) -> None:
    if isinstance(posterior, Quantized):
        raise ValueError(_QUANTIZED_MESSAGE)
    if isinstance(posterior, Delta):
        raise ValueError(_POINT_MESSAGE)
