"""The network of latent diffusion's autoencoders, for latents that are maps or vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from elbowroom.networks.conv import Pyramid, default_levels
from elbowroom.networks.inputs import Shape, as_shape, normalize_shapes
from elbowroom.networks.kl import KLDecoder, KLEncoder, KLStructure
from elbowroom.networks.maps import MapToVector, VectorToMap
from elbowroom.networks.registry import Network, network


@network("kl")
class LatentDiffusionNetwork(Network):
    """The network of latent diffusion's autoencoders, as diffusers' AutoencoderKL (Rombach 2022, arXiv 2112.10752)."""

    uses = ("size", "widths")
    further_uses = ("levels", "layers", "groups", "attention", "quant_conv")
    makes_maps = True

    def encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        first, *others = shapes
        shape = as_shape(first)
        structure, map_shape = self._dense_structure(normalize_shapes([shape])[0])
        net = KLEncoder(shape, numbers=math.prod(map_shape), structure=structure)
        return MapToVector(net, map_shape, *others, numbers=numbers)

    def decoder(self, *shapes: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        structure, map_shape = self._dense_structure(example)
        net = KLDecoder(map_shape[0], shape=example, numbers=numbers, structure=structure)
        return VectorToMap(net, map_shape, *shapes)

    def map_space(self, shape: Sequence[int]) -> tuple[int, ...]:
        return self._structure(shape, self.settings.levels).sizes(shape[1:])[-1]

    def map_encoder(self, *shapes: Shape, numbers: int) -> nn.Module:
        first, *others = shapes
        shape = as_shape(first)
        return KLEncoder(shape, *others, numbers=numbers, structure=self._structure(shape, self.settings.levels))

    def map_decoder(self, channels: int, *others: Shape, example: Sequence[int], numbers: int) -> nn.Module:
        structure = self._structure(example, self.settings.levels)
        return KLDecoder(channels, *others, shape=example, numbers=numbers, structure=structure)

    def _dense_structure(self, shape: Sequence[int]) -> tuple[KLStructure, tuple[int, ...]]:
        """Return the structure for a latent that is a vector, and the shape of the map next to the dense layer."""
        structure = replace(self._structure(shape, None), quant_conv=False)
        return structure, (structure.widths[-1], *structure.sizes(shape[1:])[-1])

    def _structure(self, shape: Sequence[int], levels: int | None) -> KLStructure:
        """Return sizes and layers; ``levels`` is how often sides halve, ``None`` for as often as a vector has them."""
        settings = self.settings
        if levels is None and settings.widths is None:
            levels = default_levels(shape[1:])
        sizes = None if levels is None else levels + 1
        if settings.widths is not None and sizes not in (None, len(settings.widths)):
            raise ValueError(
                f"the network 'kl' has {sizes} sizes where sides halve {levels} times: give as many widths, or levels="
                f"{len(settings.widths) - 1}, got {tuple(settings.widths)}"
            )
        widths = Pyramid(shape, settings.size, settings.widths, levels=sizes).widths
        return KLStructure(widths, settings.layers, settings.groups, settings.attention, settings.quant_conv)
