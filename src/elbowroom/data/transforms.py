"""Per-batch transforms of a split: threshold, Bernoulli, dequantization, horizontal flip, shift.

A transform is a function of values (B, ...), their rows in the source (B,) and a seed. With ``None`` it draws anew from
torch's global generator, as in training; with a number the draw is a function of seed, row and position alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Self

import torch
from torch import Tensor

from elbowroom import noise

Transform = Callable[[Tensor, Tensor, int | None], Tensor]


def threshold(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    """Return 1 where x is above one half and 0 elsewhere."""
    return (x > 0.5).float()


def bernoulli(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    """Return bits that are 1 with the probabilities ``x``."""
    return torch.bernoulli(x) if seed is None else (keyed_uniform(x, rows, seed) <= x).float()


def dequantize(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    r"""Return pixels made continuous: the level k = 255 x in 0..255 becomes (k + u) / 256, with u uniform on [0, 1).

    A density of such values bounds the probability of the pixels: :math:`\log P(k) \ge E_u \log p((k + u)/256) - D \log
    256` (Theis, van den Oord & Bethge 2016, arXiv 1511.01844).
    """
    u = torch.rand_like(x) if seed is None else keyed_uniform(x, rows, seed)
    # 255 + u may be rounded up to 256
    return (x * 255).round_().add_(u).div_(256).clamp_max_(1 - 2**-24)


def random_horizontal_flip(x: Tensor, rows: Tensor, seed: int | None) -> Tensor:
    """Mirror every second image (B, C, H, W) left to right, at random; in training only, where no seed is given."""
    if seed is not None:
        return x
    is_mirrored = torch.rand(len(x), device=x.device) < 0.5
    return torch.where(is_mirrored[:, None, None, None], x.flip(-1), x)


def random_shift(x: Tensor, rows: Tensor, seed: int | None, max_pixels: int) -> Tensor:
    """Move every image (B, C, H, W) by up to ``max_pixels`` each way, repeating its edge; in training only.

    >>> random_shift(torch.arange(9.0).reshape(1, 1, 3, 3), torch.tensor([0]), None, max_pixels=0)[0, 0, 0]
    tensor([0., 1., 2.])
    """
    if seed is not None:
        return x
    for dim in (2, 3):
        offset = torch.randint(-max_pixels, max_pixels + 1, (len(x), 1), device=x.device)
        index = (torch.arange(x.shape[dim], device=x.device) + offset).clamp(0, x.shape[dim] - 1)
        index = index.reshape(len(x), 1, -1, 1) if dim == 2 else index.reshape(len(x), 1, 1, -1)
        x = x.gather(dim, index.expand_as(x))
    return x


BINARIZERS: tuple[Transform, ...] = (threshold, bernoulli)
"""The transforms that make values 0 and 1."""


class Transformable:
    """A split with ``transforms``, applied in turn; they draw anew where ``seed`` is None, otherwise once by it.

    ``protocol`` is the record of the data it is a split of, where that is known.
    """

    transforms: tuple[Transform, ...] = ()
    seed: int | None = None
    protocol: Mapping[str, Any] | None = None

    @property
    def is_binarized(self) -> bool:
        """Whether the transforms make the values 0 and 1."""
        return any(transform in BINARIZERS for transform in self.transforms)

    @property
    def is_stochastic(self) -> bool:
        """Whether the values are drawn anew at every use."""
        return self.seed is None and any(transform is not threshold for transform in self.transforms)

    def apply_transforms(self, x: Tensor, rows: Tensor) -> Tensor:
        """Return the transformed values (B, ...) of the examples at ``rows`` of the source."""
        for transform in self.transforms:
            x = transform(x, rows, self.seed)
        return x

    def freeze(self, seed: int) -> Self:
        """Return the same examples drawn once, from ``seed``, and without augmentation."""
        return self.replace(seed=seed) if self.is_stochastic else self

    def replace(self, **attributes: Any) -> Self:
        """Return the same split with other attributes."""
        other = copy.copy(self)
        vars(other).update(attributes)
        return other


def keyed_uniform(x: Tensor, rows: Tensor, seed: int) -> Tensor:
    """Return uniform numbers in [0, 1] of the shape of ``x`` (B, ...), each a function of seed, row and position."""
    # a sample number that no evaluation reaches, so that its noise is independent of these draws
    with noise.keyed_noise(seed % 2**54, rows.cpu(), first_sample=2**40):
        normals: Tensor = noise.standard_normal(torch.Size((1, len(x), x[0].numel())), torch.empty(()))
    return torch.special.ndtr(normals).view(x.shape).to(x.device)  # type: ignore[no-any-return]
