"""Grids of images as HTML, with every image inside the page as a data URI."""

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

#: Pixels of all images of one grid together, at most; larger ones are shrunk.
MAX_GRID_PIXELS = 350_000
#: Pixels of the sheet of thumbnails, at most.
MAX_THUMBNAIL_PIXELS = 1_600_000
THUMBNAILS_PER_ROW = 50
#: Pixels up to which a grey image is stored without loss.
MAX_LOSSLESS_PIXELS = 4096
#: Labels along one axis of a seamless grid, about.
SEAMLESS_LABELS = 9


def render_image_grid(grid: ImageGrid) -> str:
    """Render images in rows and columns, with their titles and captions."""
    label = escape(f"{grid.row_axis} by {grid.column_axis}")
    if grid.is_seamless:
        return _render_seamless(grid, label)
    columns = grid.images.shape[1]
    has_row_titles = any(grid.row_titles)
    html = []
    if any(grid.column_titles):
        html.append('<span class="corner"></span>' if has_row_titles else "")
        html += [f'<span class="top">{escape(title)}</span>' for title in grid.column_titles]
    images = _shrink(grid.images.flatten(0, 1), MAX_GRID_PIXELS)
    for i, row in enumerate(torch.split(images, columns)):
        group_class = " begins" if grid.group_size and i and i % grid.group_size == 0 else ""
        if has_row_titles:
            html.append(f'<span class="side{group_class}">{_format_row_title(grid.row_titles[i])}</span>')
        for j, image in enumerate(row):
            caption = f"<small>{escape(grid.captions[i][j]) or '&nbsp;'}</small>" if grid.captions else ""
            html.append(
                f'<span class="cell{group_class}"><img src="{data_uri(to_pil_image(image))}" alt="">{caption}</span>'
            )
    layout = "beside" if has_row_titles else "plain"
    return (
        f'<div class="sheet {layout}" role="img" aria-label="{label}" '
        f'style="--columns:{columns};--wide:{grid.images.shape[-1] / grid.images.shape[-2]:.3f}">{"".join(html)}</div>'
        f'<p class="axis">{_axis_title(grid)}</p>'
    )


def _render_seamless(grid: ImageGrid, label: str) -> str:
    """Render a grid without gaps as one image between axes."""
    rows, columns = grid.images.shape[:2]
    tiled = _tile(_shrink(grid.images.flatten(0, 1), 2 * MAX_GRID_PIXELS), columns)
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
        f'<div class="area"><img src="{data_uri(to_pil_image(tiled))}" alt="{label}"></div>'
        f'<div class="below" aria-hidden="true">{below}</div><p class="axis">{escape(grid.column_axis)}</p></div></div>'
    )


def thumbnail_sheet(x: Tensor) -> tuple[str, int, int]:
    """Tile examples (N, C, H, W) into one image, row by row.

    Returns:
        The data URI, and the width and height of one example in it, in pixels.
    """
    thumbnails = _shrink(x, MAX_THUMBNAIL_PIXELS)
    height, width = thumbnails.shape[-2:]
    return data_uri(to_pil_image(_tile(thumbnails, THUMBNAILS_PER_ROW)), quality=60), width, height


def data_uri(image: Image.Image, quality: int = 84) -> str:
    """Return an image as a data URI: small grey ones as PNG without loss, others as WebP.

    Args:
        image: the image.
        quality: of WebP, from 0 to 100.

    >>> data_uri(Image.new("L", (2, 2)))[:22]
    'data:image/png;base64,'
    """
    buffer = io.BytesIO()
    is_lossless = image.mode == "L" and image.width * image.height <= MAX_LOSSLESS_PIXELS
    kind = "png" if is_lossless else "webp"
    if is_lossless:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "WEBP", quality=quality, method=4)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _tile(images: Tensor, columns: int) -> Tensor:
    """Tile images (N, C, H, W) row by row into one (C, rows * H, columns * W), black where there are none left."""
    n, channels, height, width = images.shape
    rows = math.ceil(n / columns)
    padded = torch.zeros(rows * columns, channels, height, width)
    padded[:n] = images
    cells = padded.reshape(rows, columns, channels, height, width)
    return cells.permute(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


def _shrink(x: Tensor, max_pixels: int) -> Tensor:
    """Resize images (N, C, H, W) so that all together have at most so many pixels; clip them to [0, 1]."""
    height, width = x.shape[-2:]
    ratio = math.sqrt(max_pixels / (len(x) * height * width))
    if ratio >= 1:
        return x.clamp(0, 1)
    size = max(1, round(height * ratio)), max(1, round(width * ratio))
    return torch.nn.functional.interpolate(x.clamp(0, 1), size=size, mode="bilinear", antialias=True).clamp(0, 1)


def _format_row_title(title: str) -> str:
    """Escape the title of a row; a number after two spaces is set apart from the name."""
    name, _, number = title.partition("  ")
    return escape(name) + (f" <b>{escape(number)}</b>" if number else "")


def _axis_title(grid: ImageGrid) -> str:
    across = f"across: {grid.column_axis}" if any(grid.column_titles) else grid.column_axis
    return escape(f"{across}; down: {grid.row_axis}" if any(grid.row_titles) else across)


def _spread_indices(n: int) -> Sequence[int]:
    """Return about :data:`SEAMLESS_LABELS` of n indices, evenly spaced and centered."""
    step = math.ceil(n / SEAMLESS_LABELS)
    return range((n - 1) % step // 2, n, step)
