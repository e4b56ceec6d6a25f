"""Noise sources: where every posterior gets its standard normals from.

In training the numbers come from torch's global generator. Evaluation wants the same figures for any batch size, order
of examples and other examples in the batch, so there each number is a hash of its key: seed, example, sample, latent.
A reconstruction at the posterior mean is a draw with zero noise, in a model of any depth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from elbowroom.deprecation import deprecated_getattr

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_MULTIPLIER_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_MULTIPLIER_2 = 0x94D049BB133111EB - (1 << 64)


class _NoiseSource(Protocol):
    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor: ...


_source: ContextVar[_NoiseSource | None] = ContextVar("noise", default=None)


def standard_normal(shape: torch.Size, like: Tensor) -> Tensor:
    """Draw standard normals of ``shape``, with the dtype and device of ``like``, from the current source.

    >>> standard_normal(torch.Size((3, 2)), torch.zeros(())).shape
    torch.Size([3, 2])
    """
    source = _source.get()
    return torch.randn(shape, dtype=like.dtype, device=like.device) if source is None else source(shape, like)


def to_uniform(eps: Tensor) -> Tensor:
    r"""Return uniform numbers in (0, 1): the distribution function :math:`\Phi` of standard normals.

    >>> to_uniform(torch.tensor([0.0]))
    tensor([0.5000])
    """
    return 0.5 * (1 + torch.erf(eps / math.sqrt(2)))


def stratified_uniform(shape: torch.Size, like: Tensor) -> Tensor:
    """Draw uniform numbers in (0, 1) of ``shape``, (K, ...), to choose among components.

    In training the K of an example are stratified, one in each of K equal parts of (0, 1), which keeps means unbiased.
    Otherwise each is a function of its own key, so that no figure depends on how many are drawn at once.

    >>> stratified_uniform(torch.Size((2, 1)), torch.zeros(())) > torch.tensor([[0.0], [0.5]])
    tensor([[True],
            [True]])
    """
    uniform = to_uniform(standard_normal(torch.Size((*shape, 1)), like)).squeeze(-1)
    if _source.get() is not None or not shape:
        return uniform
    strata = torch.arange(shape[0], dtype=uniform.dtype, device=uniform.device)
    return (strata.view(-1, *[1] * (len(shape) - 1)) + uniform) / shape[0]


@contextmanager
def _use_source(source: _NoiseSource | None) -> Iterator[None]:
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@contextmanager
def seeded_rng(seed: int) -> Iterator[None]:
    """Seed torch's global generators within the context, and give them back their states.

    >>> with seeded_rng(0):
    ...     first = torch.rand(1)
    >>> with seeded_rng(0):
    ...     assert torch.rand(1) == first
    """
    with torch.random.fork_rng():
        # torch.manual_seed would also note a stack trace for every kind of device that is not there, at a millisecond.
        torch.default_generator.manual_seed(seed)
        if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
            torch.cuda.manual_seed_all(seed)
        if torch.backends.mps.is_available():
            torch.mps.manual_seed(seed)
        yield


@contextmanager
def zero_noise() -> Iterator[None]:
    """Set the noise to zero: every posterior drawn inside gives its mean.

    >>> with zero_noise():
    ...     standard_normal(torch.Size((2,)), torch.zeros(()))
    tensor([0., 0.])
    """
    with _use_source(_zeros):
        yield


def _zeros(shape: torch.Size, like: Tensor) -> Tensor:
    return torch.zeros(shape, dtype=like.dtype, device=like.device)


def is_zero() -> bool:
    """Return whether the noise is zero: a density that is no normal then gives its mean.

    >>> with zero_noise():
    ...     is_zero()
    True
    """
    return _source.get() is _zeros


@contextmanager
def explicit_noise(values: Sequence[Tensor]) -> Iterator[None]:
    """Take these numbers for the noise: the first draw inside the first of them, and so on; draws after them take zero.

    A hierarchy decodes from the top down, so that the values are the distances of its lower latents from the means of
    their priors, in standard deviations of these.

    >>> with explicit_noise([torch.ones(2)]):
    ...     standard_normal(torch.Size((1, 2)), torch.zeros(())), standard_normal(torch.Size((2,)), torch.zeros(()))
    (tensor([[1., 1.]]), tensor([0., 0.]))
    """
    remaining = iter(values)

    def source(shape: torch.Size, like: Tensor) -> Tensor:
        value = next(remaining, None)
        return torch.zeros(shape, dtype=like.dtype, device=like.device) if value is None else value.reshape(shape)

    with _use_source(source):
        yield


@contextmanager
def global_rng() -> Iterator[None]:
    """Draw from torch's global generator inside, whatever the source outside: for draws that belong to no example."""
    with _use_source(None):
        yield


@contextmanager
def keyed_noise(seed: int, index: Tensor, first_sample: int = 0) -> Iterator[None]:
    """Make every draw inside a function of ``(seed, example, sample, latent)`` alone.

    Args:
        seed: of the whole evaluation.
        index: (B,) position of each example in its split.
        first_sample: index of the first sample, so that many samples can be drawn a chunk at a time.

    The draws inside have shape (K, B, ...), as :meth:`elbowroom.Model.draw` makes them. The hash is SplitMix64
    (Steele, Lea & Flood 2014), the normals Box and Muller's.

    >>> with keyed_noise(0, torch.tensor([4, 5, 6])):
    ...     together = standard_normal(torch.Size((1, 3, 2)), torch.zeros(()))
    >>> with keyed_noise(0, torch.tensor([6])):
    ...     alone = standard_normal(torch.Size((1, 1, 2)), torch.zeros(()))
    >>> torch.equal(together[:, 2], alone[:, 0])
    True
    """
    calls = 0

    def source(shape: torch.Size, like: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        samples, examples, size = shape[0], shape[1], math.prod(shape[2:])
        if examples != len(index):
            raise ValueError(
                f"keyed noise for {examples} examples, but the index has {len(index)}: give keyed_noise() the index of "
                "every example of the batch"
            )
        device = like.device
        key = _mix(torch.tensor((seed << 8) + calls, device=device) * _GOLDEN_GAMMA)
        example_keys = _mix(key + index.to(device) * _GOLDEN_GAMMA)
        sample_index = torch.arange(first_sample, first_sample + samples, device=device)
        sample_keys = _mix(example_keys + sample_index[:, None] * _MIX_MULTIPLIER_1)
        pairs = torch.arange((size + 1) // 2, device=device)
        bits = _mix(sample_keys[..., None] + pairs * _GOLDEN_GAMMA)
        return _box_muller(bits, like.dtype)[..., :size].reshape(shape)

    with _use_source(source):
        yield


def _mix(z: Tensor) -> Tensor:
    # torch has no unsigned 64-bit arithmetic: products wrap as needed, right shifts need the sign bits masked off.
    z = (z >> 30).bitwise_and_((1 << 34) - 1).bitwise_xor_(z).mul_(_MIX_MULTIPLIER_1)
    z = (z >> 27).bitwise_and_((1 << 37) - 1).bitwise_xor_(z).mul_(_MIX_MULTIPLIER_2)
    return (z >> 31).bitwise_and_((1 << 33) - 1).bitwise_xor_(z)


def _box_muller(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """Make two normals from the two halves of each 64-bit number: (..., P) to (..., 2 P)."""
    high = (bits >> 32).bitwise_and_(0xFFFFFFFF).to(dtype).add_(0.5).mul_(2.0**-32)
    low = bits.bitwise_and_(0xFFFFFFFF).to(dtype).mul_(2.0**-32 * 2 * math.pi)
    radius = high.log_().mul_(-2).clamp_min_(0).sqrt_()
    return torch.cat((radius * low.cos(), radius * low.sin()), -1)


if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
