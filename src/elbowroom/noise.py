"""Where every posterior gets its standard normals from.

In training the numbers come from torch's global generator. Evaluation asks for more: the same figure in any batch
size, order and company, so there each number is a hash of *which* number it is: seed, example, sample, latent. And a
reconstruction at the posterior mean is a draw with the noise turned off, in a model of any depth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import torch
from torch import Tensor

_GOLDEN_GAMMA = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX_MULTIPLIER_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
_MIX_MULTIPLIER_2 = 0x94D049BB133111EB - (1 << 64)


class _NoiseSource(Protocol):
    def __call__(self, shape: torch.Size, like: Tensor) -> Tensor: ...


_source: ContextVar[_NoiseSource | None] = ContextVar("noise", default=None)


def standard_normal(shape: torch.Size, like: Tensor) -> Tensor:
    """Standard normals of ``shape``, with the dtype and device of ``like``, from the source in force.

    >>> standard_normal(torch.Size((3, 2)), torch.zeros(())).shape
    torch.Size([3, 2])
    """
    source = _source.get()
    return torch.randn(shape, dtype=like.dtype, device=like.device) if source is None else source(shape, like)


@contextmanager
def _use_source(source: _NoiseSource | None) -> Iterator[None]:
    token = _source.set(source)
    try:
        yield
    finally:
        _source.reset(token)


@contextmanager
def zero_noise() -> Iterator[None]:
    """Every posterior drawn inside gives its mean.

    >>> with zero_noise():
    ...     standard_normal(torch.Size((2,)), torch.zeros(()))
    tensor([0., 0.])
    """
    with _use_source(lambda shape, like: torch.zeros(shape, dtype=like.dtype, device=like.device)):
        yield


@contextmanager
def global_rng() -> Iterator[None]:
    """Draws inside come from torch's generator, whatever the source outside: for what has no examples to key by."""
    with _use_source(None):
        yield


@contextmanager
def keyed_noise(seed: int, index: Tensor, first_sample: int = 0) -> Iterator[None]:
    """Every draw inside is a function of ``(seed, example, sample, latent)`` alone.

    Args:
        seed: the seed of the whole evaluation.
        index: (B,) position of each example in its split.
        first_sample: number of the first sample, so that many samples can be drawn a chunk at a time.

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
            raise ValueError(f"keyed noise was asked for {examples} examples, but {len(index)} were named")
        place = like.device
        key = _mix(torch.tensor((seed << 8) + calls, device=place) * _GOLDEN_GAMMA)
        by_example = _mix(key + index.to(place) * _GOLDEN_GAMMA)
        number = torch.arange(first_sample, first_sample + samples, device=place)
        by_sample = _mix(by_example + number[:, None] * _MIX_MULTIPLIER_1)
        pairs = torch.arange((size + 1) // 2, device=place)
        bits = _mix(by_sample[..., None] + pairs * _GOLDEN_GAMMA)
        return _box_muller(bits, like.dtype)[..., :size].reshape(shape)

    with _use_source(source):
        yield


def _mix(z: Tensor) -> Tensor:
    # torch has no unsigned 64-bit arithmetic: products wrap as they should, right shifts need the sign masked off.
    z = (z >> 30).bitwise_and_((1 << 34) - 1).bitwise_xor_(z).mul_(_MIX_MULTIPLIER_1)
    z = (z >> 27).bitwise_and_((1 << 37) - 1).bitwise_xor_(z).mul_(_MIX_MULTIPLIER_2)
    return (z >> 31).bitwise_and_((1 << 33) - 1).bitwise_xor_(z)


def _box_muller(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """Two normals from the two halves of each 64-bit number; (..., P) -> (..., 2 P)."""
    high = (bits >> 32).bitwise_and_(0xFFFFFFFF).to(dtype).add_(0.5).mul_(2.0**-32)
    low = bits.bitwise_and_(0xFFFFFFFF).to(dtype).mul_(2.0**-32 * 2 * math.pi)
    radius = high.log_().mul_(-2).clamp_min_(0).sqrt_()
    return torch.cat((radius * low.cos(), radius * low.sin()), -1)
