"""Encoder, decoder and sampler of a model as modules from tensors to tensors, ready to be traced and exported.

A condition is a tensor (B, n): one-hot rows of classes, or attributes as they are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.distributions import Delta, Normal, Quantized
from elbowroom.exporting.prior_transforms import prior_transform
from elbowroom.models.base import GenerativeModel


def cycle_conditions(model: GenerativeModel, n: int) -> tuple[Tensor, ...]:
    """Return a tuple with conditions (n, c) for n latents, the classes in turn; empty if the model takes none.

    >>> import elbowroom as er
    >>> cycle_conditions(er.recipes.cvae((1, 8, 8), labels=2)[0], 3)
    (tensor([[1., 0.],
            [0., 1.],
            [1., 0.]]),)
    """
    size = model.condition_size
    return (torch.eye(size)[torch.arange(n) % size],) if size else ()


class Encoder(nn.Module):
    """The posterior of the uppermost latent: x (B, *shape), and a condition if the model takes one, to its parameters.

    Attributes:
        outputs: the names of the outputs: ``mean`` and ``log_var`` of a normal, ``code`` of a point, ``code`` and
            ``index`` of a codebook; ``classes``, q(y|x), too, where the class is a latent.
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model
        with torch.no_grad():
            x = torch.zeros(1, *model.shape)
            self.outputs = tuple(self._named_outputs(x, *cycle_conditions(model, 1)))

    def forward(self, x: Tensor, c: Tensor | None = None) -> tuple[Tensor, ...]:
        return tuple(self._named_outputs(x, c).values())

    def _named_outputs(self, x: Tensor, c: Tensor | None = None) -> dict[str, Tensor]:
        outputs = _posterior_parameters(self.model.posterior(x, c))
        if self.model.is_classifier:
            outputs["classes"] = self.model.log_qy(x).exp()
        return outputs


def _posterior_parameters(q: Distribution) -> dict[str, Tensor]:
    if isinstance(q, Normal):
        # A posterior that depends on the latent above has a leading dimension of samples, here of size one.
        lead = q.loc.dim() - len(q.event_shape) - 1
        return {name: t.expand_as(q.loc).flatten(0, lead) for name, t in (("mean", q.loc), ("log_var", q.log_var))}
    if isinstance(q, Delta):
        return {"code": q.value}
    if isinstance(q, Quantized):
        return {"code": q.codes, "index": q.compact_indices}
    return {"mean": q.mean}


class Decoder(nn.Module):
    """The mean of p(x|z): z (B, *latent), and a condition if the model takes one, to (B, *shape).

    In a hierarchy z is the uppermost latent; those below take their means.

    >>> import elbowroom as er
    >>> Decoder(er.recipes.vae((1, 8, 8), latent=2)[0])(torch.zeros(3, 2)).shape
    torch.Size([3, 1, 8, 8])
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        with noise.zero_noise():
            return self.model.decode(z, c).mean


class NoiseDecoder(nn.Module):
    """Samples as a function of noise: standard normals (B, ``noise_size``), and a condition if the model takes one.

    Returns the mean of p(x|z), (B, *shape), and z of the uppermost latent, (B, *latent). It is drawn from the model's
    sampler, if it has one, else from the prior; latents below are drawn, too.

    Attributes:
        noise_sizes: the number of normals of each draw, in their order.
        noise_size: the number of normals of a sample.

    Raises:
        ValueError: the model has neither prior nor sampler, or one whose draws are no known transformation of normals.

    >>> import elbowroom as er
    >>> sampler = NoiseDecoder(er.recipes.vae((1, 8, 8), latent=2)[0])
    >>> sampler.noise_size, sampler(torch.zeros(3, 2))[0].shape
    (2, torch.Size([3, 1, 8, 8]))
    """

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__()
        if not model.can_sample:
            raise ValueError(
                "the model has no prior to sample from: fit a sampler to its latents ('elbowroom fit-sampler RUN'), "
                "and export it again"
            )
        condition = cycle_conditions(model, 1)
        density = model.sampling_density(*condition)
        self.model, self.transform = model, prior_transform(density)
        self.noise_sizes: list[int] = []

        def record_size(shape: torch.Size, like: Tensor) -> Tensor:
            self.noise_sizes.append(math.prod(shape))
            return like.new_zeros(shape)

        with torch.no_grad(), noise._use_source(record_size):
            self._draw(1, *condition)
        self.noise_size = sum(self.noise_sizes)
        if not self.noise_sizes or not self._is_deterministic(*condition):
            name = type(model if density is None else density).__name__
            raise ValueError(f"{name} draws in a way of its own: no transformation of normals is known that makes it")

    @torch.no_grad()
    def _is_deterministic(self, *condition: Tensor) -> bool:
        """Return whether the same noise gives the same sample: a choice drawn in another way would differ."""
        eps = torch.randn(1, self.noise_size, generator=torch.Generator().manual_seed(0))
        latents = [self(eps, *condition)[1] for _ in range(3)]
        return all(torch.equal(z, latents[0]) for z in latents)

    def forward(self, eps: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        parts = iter(torch.split(eps, self.noise_sizes, 1))
        with noise._use_source(lambda shape, like: next(parts).reshape(shape)):
            return self._draw(eps.shape[0], c)

    def _draw(self, n: int, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        z = self.model.draw_latents(n, c) if self.transform is None else self.transform(n)
        return self.model.decode(z, c).mean, z
