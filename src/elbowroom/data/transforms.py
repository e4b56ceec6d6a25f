"""What is done to examples as they are given out.

A change is a function of values (B, ...), their rows in the source (B,) and a seed: with ``None`` it is drawn anew from
torch's generator, as in training; with a number it is a function of that number, row and place alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise

Transform = Callable[[Tensor, Tensor, int | None], Tensor]


def threshold(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    """1 where above one half."""
    return (x > 0.5).float()


def bernoulli(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    """Bits that are 1 with the probabilities ``x``."""
    return torch.bernoulli(x) if seed is None else (keyed_uniform(x, rows, seed) <= x).float()


def dequantize(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    r"""Pixels made continuous: the level k = 255 x in 0..255 becomes (k + u) / 256, with u uniform on [0, 1).

    A density of such values bounds the probability of the pixels: :math:`\log P(k) \ge E_u \log p((k + u)/256) - D \log
    256` (Theis, van den Oord & Bethge 2016, arXiv 1511.01844).
    """
    u = torch.rand_like(x) if seed is None else keyed_uniform(x, rows, seed)
    # 255 + u may be rounded up to 256
    return (x * 255).round_().add_(u).div_(256).clamp_max_(1 - 2**-24)


def random_horizontal_flip(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    """In training every second picture (B, C, H, W), at random, is mirrored left to right."""
    if seed is not None:
        return x
    mirrored = torch.rand(len(x), device=x.device) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(-1), x)


def random_shift(x: Tensor, rows: Tensor, seed: int | None, max_pixels: int) -> Tensor:
    """In training every picture (B, C, H, W) is moved by up to ``max_pixels`` pixels each way; what enters repeats the edge.

    >>> random_shift(torch.arange(9.0).reshape(1, 1, 3, 3), torch.tensor([0]), None, most=0)[0, 0, 0]
    tensor([0., 1., 2.])
    """
    if seed is not None:
        return x
    for dim in (2, 3):
        by = torch.randint(-max_pixels, max_pixels + 1, (len(x), 1), device=x.device)
        place = (torch.arange(x.shape[dim], device=x.device) + by).clamp(0, x.shape[dim] - 1)
        place = place.reshape(len(x), 1, -1, 1) if dim == 2 else place.reshape(len(x), 1, 1, -1)
        x = x.gather(dim, place.expand_as(x))
    return x


BINARIZERS: tuple[Transform, ...] = (threshold, bernoulli)
"""The changes that make values 0 and 1."""


class Transformable:
    """What a split does to its examples: ``changes`` in turn, drawn anew where ``seed`` is None, else by it."""

    transforms: tuple[Transform, ...] = ()
    seed: int | None = None

    @property
    def is_binarized(self) -> bool:
        """Whether the examples are made 0 and 1 as they are given out."""
        return any(change in BINARIZERS for change in self.transforms)

    @property
    def is_stochastic(self) -> bool:
        """Whether they are others at every use."""
        return self.seed is None and any(change is not threshold for change in self.transforms)

    def apply_transforms(self, x: Tensor, rows: Tensor) -> Tensor:
        """Values (B, ...) at ``rows`` as they are given out."""
        for change in self.transforms:
            x = change(x, rows, self.seed)
        return x

    def freeze(self, seed: int) -> Self:
        """The same examples; what is drawn anew at every use is drawn once, from ``seed``, and nothing is moved."""
        return self.replace(seed=seed) if self.is_stochastic else self

    def replace(self, **attributes: Any) -> Self:
        """The same split with other attributes."""
        other = copy.copy(self)
        vars(other).update(attributes)
        return other


def keyed_uniform(x: Tensor, rows: Tensor, seed: int) -> Tensor:
    """Uniform numbers in [0, 1] of the shape of ``x`` (B, ...), each a function of seed, row and place alone."""
    # samples of a number that no evaluation reaches, so that its noise has nothing to do with these
    with noise.keyed_noise(seed % 2**54, rows.cpu(), first_sample=2**40):
        normals = noise.standard_normal(torch.Size((1, len(x), x[0].numel())), torch.empty(()))
    return torch.special.ndtr(normals).view(x.shape).to(x.device)
