"""Equivariance of the decoder: a latent that is scaled or rotated decodes to the example scaled or rotated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term

#: The scales of the latent map, from its own sides to a quarter of them.
SCALES = (1.0, 0.75, 0.5, 0.25)
#: Quarter turns of the latent map.
TURNS = (0, 1, 2, 3)


class Equivariance(Term):
    r"""Reconstruction loss of transformed examples from transformed latents, :math:`-\log p(\tau x \mid \tau z)`.

    Kouzelis et al. 2025, arXiv 2502.09509 (EQ-VAE): where the decoder is equivariant to scaling and rotation, the map
    of latents is smooth, and a diffusion model learns it sooner. The latent has to be a map, and the decoder a network
    of convolutions, which decodes maps of any sides. Each loss is multiplied with the ratio of the number of values of
    x to that of :math:`\tau x`, so that a small image counts as a large one. With :math:`\tau` the identity alone it
    is :class:`Reconstruction`.

    Deviations from the paper: :math:`\tau` is not drawn for each step, but fixed for each place in the batch, which is
    shuffled: every scale has an equal part of the batch, in which the turns alternate, beginning with another for each
    scale. So no step depends on random shapes, and validation gives the same value each time. Scales are four, not any
    between a quarter and one. Images and latents are scaled by averages over areas.

    Args:
        scales: of the sides of the latent map, each above 0 and at most 1.
        turns: quarter turns, of images; those by a right angle only where images and maps are square.

    Raises:
        ValueError: no scale or turn, or one outside its limits; later: the latent is no map.

    >>> import elbowroom as er
    >>> model, objective = er.recipes.autoencoder_kl((3, 32, 32), adversarial=0, perceptual=0)
    >>> draw = model.draw(torch.rand(8, 3, 32, 32))
    >>> identity = er.Equivariance(scales=(1,), turns=(0,))
    >>> torch.allclose(identity(draw, torch.tensor(0)), er.Reconstruction()(draw, torch.tensor(0)))
    True
    """

    name = "equivariance"

    def __init__(self, scales: Sequence[float] = SCALES, turns: Sequence[int] = TURNS) -> None:
        super().__init__()
        if not scales or not all(0 < scale <= 1 for scale in scales):
            raise ValueError(f"scales are above 0 and at most 1, as (1, 0.5), got {tuple(scales)}")
        if not turns or not set(turns) <= set(TURNS):
            raise ValueError(f"turns are quarter turns, from 0 to 3, as (0, 2), got {tuple(turns)}")
        self.scales, self.turns = tuple(scales), tuple(turns)

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        if draw.z.dim() != draw.x.dim() + 1 or draw.x.dim() < 3:
            raise ValueError(
                f"Equivariance() transforms latents that are maps, and these are {tuple(draw.z.shape[2:])}: take a "
                "recipe of maps, as autoencoder_kl"
            )
        n, turns = len(self.scales), self._turns_of(draw.x.shape[2:])
        losses = []
        for i, scale in enumerate(self.scales[: len(draw.x)]):
            rows, first = torch.arange(i, len(draw.x), n), i % len(turns)
            losses.append(_transformed_loss(draw, rows, scale, turns[first:] + turns[:first]))
        return torch.cat(losses, 1).mean()

    def _turns_of(self, sides: Sequence[int]) -> list[int]:
        """Return the turns that leave these sides as they are; none where examples are series."""
        if len(sides) != 2:
            return [0]
        turns = [turn for turn in self.turns if turn % 2 == 0 or sides[0] == sides[1]]
        return turns or [0]


def _transformed_loss(draw: Draw, rows: Tensor, scale: float, turns: Sequence[int]) -> Tensor:
    """Return the loss of these examples, (K, rows), at one scale; the turns alternate."""
    by_turn = [rows[i :: len(turns)] for i in range(len(turns))]
    order, counts = torch.cat(by_turn), [len(some) for some in by_turn]
    z = _turn(_resize(draw.z[:, order], _scaled_sides(draw.z.shape[3:], scale)), turns, counts)
    p = _decode(draw, z, order)
    x = _turn(_resize(draw.x[order], p.event_shape[1:]), turns, counts)
    return -p.log_prob(x) * (draw.x[0].numel() / x[0].numel())


def _scaled_sides(sides: Sequence[int], scale: float) -> tuple[int, ...]:
    return tuple(max(1, round(scale * side)) for side in sides)


def _resize(maps: Tensor, sides: Sequence[int]) -> Tensor:
    """Return maps (..., C, *space) with these sides, by averages over areas; themselves if they have them."""
    dims = len(sides)
    if maps.shape[-dims:] == tuple(sides):
        return maps
    resized = F.interpolate(maps.reshape(-1, *maps.shape[-dims - 1 :]), tuple(sides), mode="area")
    return resized.reshape(*maps.shape[:-dims], *sides)


def _turn(maps: Tensor, turns: Sequence[int], counts: Sequence[int]) -> Tensor:
    """Rotate images (..., B, C, H, W), the first ``counts[0]`` of them by ``turns[0]`` quarter turns, and so on."""
    if not any(turns):
        return maps
    parts = torch.split(maps, list(counts), -4)
    return torch.cat([torch.rot90(part, turn, (-2, -1)) for part, turn in zip(parts, turns, strict=True)], -4)


def _decode(draw: Draw, z: Tensor, rows: Tensor) -> Distribution:
    """Return p(x|z) of maps of any sides; an example has as many positions for each of theirs as those of the draw."""
    channels, *space = draw.x.shape[1:]
    factors = [2 ** round(math.log2(a / b)) for a, b in zip(space, draw.z.shape[3:], strict=True)]
    is_own = z.shape[3:] == draw.z.shape[3:]
    sides = space if is_own else [side * factor for side, factor in zip(z.shape[3:], factors, strict=True)]
    decoder = draw.decoder
    return replace(
        decoder,
        module=decoder.module.with_shape((channels, *sides)),
        condition=tuple(c[rows] for c in decoder.condition),
    )(z)
