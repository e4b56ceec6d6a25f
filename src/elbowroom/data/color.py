"""Colour of images: gray ones in three channels, and those in colour in one."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom.data.value_options import Color

CHANNELS: dict[Color, int] = {"gray": 1, "rgb": 3}
"""The channels of images in gray and in colour."""
LUMINANCE = (0.299, 0.587, 0.114)
"""The weights of red, green and blue (ITU-R BT.601)."""


def color_of(shape: tuple[int, ...]) -> Color | None:
    """Return whether examples (C, H, W) are images in gray or in colour; None for all others.

    >>> color_of((3, 28, 28)), color_of((9,))
    ('rgb', None)
    """
    return next((color for color, channels in CHANNELS.items() if len(shape) == 3 and shape[0] == channels), None)


def convert_color(images: Tensor, color: Color) -> Tensor:
    """Return images (N, C, H, W) in gray, by luminance, or in colour, by repeating the gray channel; bytes stay bytes.

    >>> convert_color(torch.tensor([[[[10]], [[20]], [[90]]]], dtype=torch.uint8), "gray").tolist()
    [[[[25]]]]
    """
    if images.shape[1] == CHANNELS[color]:
        return images
    if color == "rgb":
        return images.expand(-1, CHANNELS[color], -1, -1).contiguous()
    weights = torch.tensor(LUMINANCE)[:, None, None]
    gray = torch.cat([(part.float() * weights).sum(1, keepdim=True) for part in torch.split(images, 1024)])
    return gray.round().to(images.dtype) if images.dtype == torch.uint8 else gray
