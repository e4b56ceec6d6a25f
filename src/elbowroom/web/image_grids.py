"""Sheets of pictures as HTML, each picture inside the page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from html import escape

import torch
from PIL import Image
from torch import Tensor

from elbowroom.plotting.figure import ImageGrid
from elbowroom.plotting.image_grid import to_pil_image

#: Pixels that the pictures of one sheet may have together, before they are made smaller.
MAX_GRID_PIXELS = 350_000
#: Of the sheet of all the examples, and how many stand in one row of it.
MAX_THUMBNAIL_PIXELS, THUMBNAILS_PER_ROW = 1_600_000, 50


def render_image_grid(grid: ImageGrid) -> str:
    """Pictures in rows and columns."""
    label = escape(f"{grid.row_axis} by {grid.column_axis}")
    if grid.is_seamless:
        return _render_seamless(grid, label)
    rows, columns = grid.images.shape[:2]
    beside = any(grid.row_titles)
    html = []
    if any(grid.column_titles):
        html.append('<span class="corner"></span>' if beside else "")
        html += [f'<span class="top">{escape(column)}</span>' for column in grid.column_titles]
    cells = _shrink(grid.images.flatten(0, 1), MAX_GRID_PIXELS).unflatten(0, (rows, columns))
    for i, row in enumerate(cells):
        begins = " begins" if grid.group_size and i and i % grid.group_size == 0 else ""
        if beside:
            html.append(f'<span class="side{begins}">{_format_row_title(grid.row_titles[i])}</span>')
        for j, picture in enumerate(row):
            under = f"<small>{escape(grid.captions[i][j]) or '&nbsp;'}</small>" if grid.captions else ""
            html.append(
                f'<span class="cell{begins}"><img src="{data_uri(to_pil_image(picture))}" alt="">{under}</span>'
            )
    shape = "beside" if beside else "plain"
    return (
        f'<div class="sheet {shape}" role="img" aria-label="{label}" '
        f'style="--columns:{columns};--wide:{grid.images.shape[-1] / grid.images.shape[-2]:.3f}">{"".join(html)}</div>'
        f'<p class="axis">{_axis_title(grid)}</p>'
    )


def _render_seamless(grid: ImageGrid, label: str) -> str:
    """Pictures without gaps, as one, between axes."""
    rows, columns = grid.images.shape[:2]
    cells = _shrink(grid.images.flatten(0, 1), 2 * MAX_GRID_PIXELS).unflatten(0, (rows, columns))
    height, width = cells.shape[-2:]
    whole = cells.permute(2, 0, 3, 1, 4).reshape(cells.shape[2], rows * height, columns * width)
    left = "".join(
        f'<span style="bottom:{100 * (1 - (i + 0.5) / rows):.2f}%">{escape(grid.row_titles[i])}</span>'
        for i in _spread_indices(rows)
    )
    below = "".join(
        f'<span style="left:{100 * (i + 0.5) / columns:.2f}%">{escape(grid.column_titles[i])}</span>'
        for i in _spread_indices(columns)
    )
    names = escape("|".join(grid.row_titles)), escape("|".join(grid.column_titles))
    return (
        f'<div class="solid" data-rows="{names[0]}" data-columns="{names[1]}">'
        f'<p class="unit">{escape(grid.row_axis)}</p>'
        f'<div class="plot"><div class="left" style="width:4.2em" aria-hidden="true">{left}</div>'
        f'<div class="area"><img src="{data_uri(to_pil_image(whole))}" alt="{label}"></div>'
        f'<div class="below" aria-hidden="true">{below}</div><p class="axis">{escape(grid.column_axis)}</p></div></div>'
    )


def thumbnail_sheet(x: Tensor) -> tuple[str, int, int]:
    """Examples (N, C, H, W) on one sheet, row by row: its address, and the width and height of each."""
    small = _shrink(x, MAX_THUMBNAIL_PIXELS)
    n, channels, height, width = small.shape
    rows = math.ceil(n / THUMBNAILS_PER_ROW)
    padded = torch.zeros(rows * THUMBNAILS_PER_ROW, channels, height, width)
    padded[:n] = small
    whole = (
        padded.unflatten(0, (rows, THUMBNAILS_PER_ROW))
        .permute(2, 0, 3, 1, 4)
        .reshape(channels, rows * height, THUMBNAILS_PER_ROW * width)
    )
    return data_uri(to_pil_image(whole), quality=60), width, height


def data_uri(image: Image.Image, quality: int = 84) -> str:
    """A picture inside an address: small grey ones as they are, others with some loss.

    >>> data_uri(Image.new("L", (2, 2)))[:22]
    'data:image/png;base64,'
    """
    buffer = io.BytesIO()
    small = image.mode == "L" and image.width * image.height <= 4096
    kind = "png" if small else "webp"
    if small:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "WEBP", quality=quality, method=4)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _shrink(x: Tensor, pixels: int) -> Tensor:
    """Pictures (N, C, H, W) of at most so many pixels together."""
    height, width = x.shape[-2:]
    share = math.sqrt(pixels / (len(x) * height * width))
    if share >= 1:
        return x.clamp(0, 1)
    size = max(1, round(height * share)), max(1, round(width * share))
    return torch.nn.functional.interpolate(x.clamp(0, 1), size=size, mode="bilinear", antialias=True).clamp(0, 1)


def _format_row_title(words: str) -> str:
    """What stands beside a row; a figure after the name is set apart."""
    name, _, figure = words.partition("  ")
    return escape(name) + (f" <b>{escape(figure)}</b>" if figure else "")


def _axis_title(grid: ImageGrid) -> str:
    across = f"across: {grid.column_axis}" if any(grid.column_titles) else grid.column_axis
    return escape(f"{across}; down: {grid.row_axis}" if any(grid.row_titles) else across)


def _spread_indices(n: int) -> Sequence[int]:
    """About nine of n places, the same distance apart, in the middle."""
    every = math.ceil(n / 9)
    return range((n - 1) % every // 2, n, every)
