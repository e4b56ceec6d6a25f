"""Grids of images with titles and captions, drawn with Pillow."""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

PAPER_RGB = (255, 255, 255)
INK_RGB = (34, 34, 34)
MUTED_RGB = (120, 120, 120)
GAP_PX = 3
MARGIN_PX = 14
TEXT_PX = 13
#: The titles of the rows of a grid of reconstructions.
RECONSTRUCTION_TITLES = ("data", "model")
#: Small images are enlarged by a whole factor to about this size.
MIN_IMAGE_PX = 56


@functools.cache
def text_font() -> ImageFont.FreeTypeFont:
    """Return the font of titles and labels: that of matplotlib, which has Greek letters and a minus."""
    spec = importlib.util.find_spec("matplotlib")  # its files alone: to import it takes longer than to draw
    assert spec is not None
    assert spec.origin is not None
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf", TEXT_PX - 1)


def sample_grid(x: Tensor, caption: str = "", labels: Sequence[str] | None = None) -> Image.Image:
    """Draw images (N, C, H, W) as a square grid, values clipped to [0, 1].

    Args:
        x: the images.
        caption: text under the grid: what the images are, which :mod:`elbowroom.plotting.captions` has words for.
        labels: one under each image, such as the latent it was decoded from.

    >>> import torch
    >>> sample_grid(torch.rand(4, 1, 8, 8), "noise").size[0] > 16
    True
    """
    columns = math.ceil(math.sqrt(len(x)))
    rows = [x[i : i + columns] for i in range(0, len(x), columns)]
    label_rows = None if labels is None else [list(labels[i : i + columns]) for i in range(0, len(x), columns)]
    return draw_grid(rows, [""] * len(rows), caption, label_rows)


def reconstruction_grid(x: Tensor, reconstructed: Tensor, caption: str = "", columns: int = 10) -> Image.Image:
    """Draw images above their reconstructions, (N, C, H, W) each, in rows of ``columns``; ``caption`` says of what."""
    rows: list[Tensor] = []
    for i in range(0, len(x), columns):
        rows += [x[i : i + columns], reconstructed[i : i + columns]]
    titles = RECONSTRUCTION_TITLES * (len(rows) // 2)
    return draw_grid(rows, titles, caption)


def beside_grid(x: Tensor, others: Tensor, caption: str = "") -> Image.Image:
    """Draw each image (N, C, H, W) at the left of a row of others that belong to it, (N, K, C, H, W).

    >>> import torch
    >>> x = torch.rand(2, 1, 8, 8)
    >>> beside_grid(x, x[:, None].expand(-1, 8, -1, -1, -1)).width > reconstruction_grid(x, x).width
    True
    """
    rows = [torch.cat((one[None].cpu(), row.cpu())) for one, row in zip(x, others, strict=True)]
    return draw_grid(rows, [""] * len(rows), caption)


def draw_grid(
    rows: Sequence[Tensor], titles: Sequence[str], caption: str, labels: list[list[str]] | None = None
) -> Image.Image:
    """Draw rows of images (N, C, H, W) of one size.

    Args:
        rows: the images of each row.
        titles: one beside each row.
        caption: text under the grid.
        labels: one under each image, by row.
    """
    font = text_font()
    height, width = rows[0].shape[-2:]
    widest = max((font.getlength(text) for row in labels or () for text in row), default=0)
    layout = GridLayout.arrange(height, width, titles, widest)
    left, step_x, step_y = layout.left, layout.width + GAP_PX, layout.height + GAP_PX
    if labels is not None:
        step_x = max(step_x, int(widest) + 8)
        step_y += TEXT_PX + 6
    columns = max(len(row) for row in rows)
    size = (
        max(left + columns * step_x - GAP_PX, left + int(font.getlength(caption))) + MARGIN_PX,
        MARGIN_PX + len(rows) * step_y + (TEXT_PX + 6 if caption else -GAP_PX) + MARGIN_PX,
    )
    grid = Image.new("RGB", size, PAPER_RGB)
    canvas = ImageDraw.Draw(grid)
    for r, (row, title) in enumerate(zip(rows, titles, strict=True)):
        top = MARGIN_PX + r * step_y
        canvas.text((left - 8, top + layout.height / 2), title, INK_RGB, font, anchor="rm")
        for c, image in enumerate(row):
            x = left + c * step_x + (step_x - GAP_PX - layout.width) // 2
            grid.paste(to_pil_image(image).resize((layout.width, layout.height), Image.Resampling.NEAREST), (x, top))
            if labels is not None:
                canvas.text((x + layout.width / 2, top + layout.height + 3), labels[r][c], MUTED_RGB, font, anchor="mt")
    canvas.text((left, size[1] - MARGIN_PX), caption, MUTED_RGB, font, anchor="ls")
    return grid


class GridLayout(NamedTuple):
    """Where the images of a grid lie: the left edge of the first one, and the size that they are drawn in."""

    left: int
    width: int
    height: int

    @classmethod
    def arrange(cls, height: int, width: int, titles: Sequence[str], widest_label: float = 0) -> GridLayout:
        """Return the layout for images of this size beside these titles."""
        # An image is about as wide as its label, so that the grid is not mostly empty.
        zoom = max(1, round(MIN_IMAGE_PX / max(height, width)), round(widest_label / width))
        font = text_font()
        text_width = max((int(font.getlength(title)) for title in titles), default=0)
        return cls(MARGIN_PX + (text_width + 8 if text_width else 0), width * zoom, height * zoom)


def cut_images(grid: Image.Image, height: int, width: int, titles: Sequence[str] = ()) -> Image.Image | None:
    """Cut the images out of a grid without labels: no titles, no caption, transparent between the images.

    Args:
        grid: as :func:`draw_grid` drew it.
        height: of an image.
        width: of an image.
        titles: those beside its rows.

    Returns:
        the images; None where they do not lie as they would in such a grid.

    >>> import torch
    >>> grid = sample_grid(torch.rand(9, 1, 28, 28), "noise")
    >>> cut_images(grid, 28, 28).size == (3 * 56 + 2 * GAP_PX, 3 * 56 + 2 * GAP_PX)
    True
    """
    layout = GridLayout.arrange(height, width, titles)
    step_x, step_y = layout.width + GAP_PX, layout.height + GAP_PX
    heights = [grid.height - 2 * MARGIN_PX - below for below in (TEXT_PX + 6, -GAP_PX)]  # with a caption, and without
    rows, rest = min((divmod(height, step_y) for height in heights), key=lambda rows_rest: rows_rest[1])
    columns = (grid.width - MARGIN_PX - layout.left + GAP_PX) // step_x
    pixels = np.asarray(grid.convert("RGB"))
    area = pixels[MARGIN_PX : MARGIN_PX + rows * step_y - GAP_PX, layout.left : layout.left + columns * step_x - GAP_PX]
    is_image = np.ones(area.shape[:2], dtype=bool)
    for gap in range(GAP_PX):
        is_image[layout.height + gap :: step_y] = False
        is_image[:, layout.width + gap :: step_x] = False
    if rest or rows < 1 or columns < 1 or (area[~is_image] != PAPER_RGB).any():
        return None
    # A caption may be wider than the images.
    drawn = np.flatnonzero((area != PAPER_RGB).any(axis=(0, 2)))
    used = (-(-(int(drawn[-1]) + 1) // step_x) if len(drawn) else columns) * step_x - GAP_PX
    cut = Image.fromarray(np.ascontiguousarray(area[:, :used]))
    cut.putalpha(Image.fromarray(np.where(is_image[:, :used], 255, 0).astype(np.uint8)))
    return cut


def to_pil_image(x: Tensor) -> Image.Image:
    """Convert an image (C, H, W), clipped to [0, 1], to 8 bits."""
    pixels = (x.detach().cpu().float().clamp(0, 1) * 255).round().byte().numpy()
    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
