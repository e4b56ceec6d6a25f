"""Grids of pictures, clipped and labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

PAPER_RGB, INK_RGB, MUTED_RGB = (255, 255, 255), (34, 34, 34), (120, 120, 120)
GAP_PX, MARGIN_PX, TEXT_PX = 3, 14, 13


def is_image(shape: Sequence[int]) -> bool:
    """Whether examples of this shape can be shown: grey or colour, (C, H, W).

    >>> is_image((1, 28, 28)), is_image((9,))
    (True, False)
    """
    return len(shape) == 3 and shape[0] in (1, 3)


def sample_grid(x: Tensor, caption: str = "", labels: Sequence[str] | None = None) -> Image.Image:
    """A square grid of pictures (N, C, H, W), values clipped to [0, 1].

    Args:
        x: the pictures.
        caption: goes under the grid.
        labels: one under each picture, as the code it was decoded from.

    >>> import torch
    >>> sample_grid(torch.rand(4, 1, 8, 8), "noise").size[0] > 16
    True
    """
    columns = math.ceil(math.sqrt(len(x)))
    rows = [x[i : i + columns] for i in range(0, len(x), columns)]
    named = None if labels is None else [list(labels[i : i + columns]) for i in range(0, len(x), columns)]
    return _draw_grid(rows, [""] * len(rows), _join_caption("means of p(x|z)", caption), named)


def reconstruction_grid(x: Tensor, reconstructed: Tensor, caption: str = "", columns: int = 10) -> Image.Image:
    """Pictures over their reconstructions, (N, C, H, W) each, ``columns`` side by side."""
    rows: list[Tensor] = []
    for i in range(0, len(x), columns):
        rows += [x[i : i + columns], reconstructed[i : i + columns]]
    titles = ["data", "model"] * (len(rows) // 2)
    return _draw_grid(rows, titles, _join_caption("reconstructions at the posterior mean", caption))


def _join_caption(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _draw_grid(
    rows: Sequence[Tensor], titles: Sequence[str], caption: str, labels: list[list[str]] | None = None
) -> Image.Image:
    font = ImageFont.load_default(TEXT_PX)
    height, width = rows[0].shape[-2:]
    widest = max((font.getlength(text) for row in labels or () for text in row), default=0)
    # A picture is about as wide as what is written under it, so that the sheet is not mostly paper.
    zoom = max(1, round(56 / max(height, width)), round(widest / width))
    left = MARGIN_PX + (max(int(font.getlength(title)) for title in titles) + 8 if any(titles) else 0)
    step_x, step_y = width * zoom + GAP_PX, height * zoom + GAP_PX
    if labels is not None:
        step_x = max(step_x, int(widest) + 8)
        step_y += TEXT_PX + 6
    columns = max(len(row) for row in rows)
    size = (
        max(left + columns * step_x - GAP_PX, left + int(font.getlength(caption))) + MARGIN_PX,
        MARGIN_PX + len(rows) * step_y + TEXT_PX + 6 + MARGIN_PX,
    )
    sheet = Image.new("RGB", size, PAPER_RGB)
    pen = ImageDraw.Draw(sheet)
    for r, (row, title) in enumerate(zip(rows, titles, strict=True)):
        top = MARGIN_PX + r * step_y
        pen.text((left - 8, top + height * zoom / 2), title, INK_RGB, font, anchor="rm")
        for c, picture in enumerate(row):
            at = left + c * step_x + (step_x - GAP_PX - width * zoom) // 2
            sheet.paste(
                to_pil_image(picture).resize((width * zoom, height * zoom), Image.Resampling.NEAREST), (at, top)
            )
            if labels is not None:
                pen.text((at + width * zoom / 2, top + height * zoom + 3), labels[r][c], MUTED_RGB, font, anchor="mt")
    pen.text((left, size[1] - MARGIN_PX), caption, MUTED_RGB, font, anchor="ls")
    return sheet


def to_pil_image(x: Tensor) -> Image.Image:
    """One picture (C, H, W) with values in [0, 1], clipped to them."""
    pixels = (x.detach().cpu().float().clamp(0, 1) * 255).round().byte().numpy()
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
