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

from elbowroom.plotting.figure import Sheet
from elbowroom.plotting.image_grid import to_image

#: Pixels that the pictures of one sheet may have together, before they are made smaller.
PIXELS = 350_000
#: Of the sheet of all the examples, and how many stand in one row of it.
THUMBNAILS, ACROSS = 1_600_000, 50


def sheet(part: Sheet) -> str:
    """Pictures in rows and columns."""
    label = escape(f"{part.row_axis} by {part.column_axis}")
    if part.solid:
        return _solid(part, label)
    rows, columns = part.cells.shape[:2]
    beside = any(part.rows)
    html = []
    if any(part.columns):
        html.append('<span class="corner"></span>' if beside else "")
        html += [f'<span class="top">{escape(column)}</span>' for column in part.columns]
    cells = _smaller(part.cells.flatten(0, 1), PIXELS).unflatten(0, (rows, columns))
    for i, row in enumerate(cells):
        begins = " begins" if part.group and i and i % part.group == 0 else ""
        if beside:
            html.append(f'<span class="side{begins}">{_side(part.rows[i])}</span>')
        for j, picture in enumerate(row):
            under = f"<small>{escape(part.under[i][j]) or '&nbsp;'}</small>" if part.under else ""
            html.append(f'<span class="cell{begins}"><img src="{uri(to_image(picture))}" alt="">{under}</span>')
    shape = "beside" if beside else "plain"
    return (
        f'<div class="sheet {shape}" role="img" aria-label="{label}" '
        f'style="--columns:{columns};--wide:{part.cells.shape[-1] / part.cells.shape[-2]:.3f}">{"".join(html)}</div>'
        f'<p class="axis">{_axis(part)}</p>'
    )


def _solid(part: Sheet, label: str) -> str:
    """Pictures without gaps, as one, between axes."""
    rows, columns = part.cells.shape[:2]
    cells = _smaller(part.cells.flatten(0, 1), 2 * PIXELS).unflatten(0, (rows, columns))
    height, width = cells.shape[-2:]
    whole = cells.permute(2, 0, 3, 1, 4).reshape(cells.shape[2], rows * height, columns * width)
    left = "".join(
        f'<span style="bottom:{100 * (1 - (i + 0.5) / rows):.2f}%">{escape(part.rows[i])}</span>' for i in _some(rows)
    )
    below = "".join(
        f'<span style="left:{100 * (i + 0.5) / columns:.2f}%">{escape(part.columns[i])}</span>' for i in _some(columns)
    )
    names = escape("|".join(part.rows)), escape("|".join(part.columns))
    return (
        f'<div class="solid" data-rows="{names[0]}" data-columns="{names[1]}">'
        f'<p class="unit">{escape(part.row_axis)}</p>'
        f'<div class="plot"><div class="left" style="width:4.2em" aria-hidden="true">{left}</div>'
        f'<div class="area"><img src="{uri(to_image(whole))}" alt="{label}"></div>'
        f'<div class="below" aria-hidden="true">{below}</div><p class="axis">{escape(part.column_axis)}</p></div></div>'
    )


def thumbnails(x: Tensor) -> tuple[str, int, int]:
    """Examples (N, C, H, W) on one sheet, row by row: its address, and the width and height of each."""
    small = _smaller(x, THUMBNAILS)
    n, channels, height, width = small.shape
    rows = math.ceil(n / ACROSS)
    padded = torch.zeros(rows * ACROSS, channels, height, width)
    padded[:n] = small
    whole = padded.unflatten(0, (rows, ACROSS)).permute(2, 0, 3, 1, 4).reshape(channels, rows * height, ACROSS * width)
    return uri(to_image(whole), quality=60), width, height


def uri(picture: Image.Image, quality: int = 84) -> str:
    """A picture inside an address: small grey ones as they are, others with some loss.

    >>> uri(Image.new("L", (2, 2)))[:22]
    'data:image/png;base64,'
    """
    buffer = io.BytesIO()
    small = picture.mode == "L" and picture.width * picture.height <= 4096
    kind = "png" if small else "webp"
    if small:
        picture.save(buffer, "PNG", optimize=True)
    else:
        picture.save(buffer, "WEBP", quality=quality, method=4)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _smaller(x: Tensor, pixels: int) -> Tensor:
    """Pictures (N, C, H, W) of at most so many pixels together."""
    height, width = x.shape[-2:]
    share = math.sqrt(pixels / (len(x) * height * width))
    if share >= 1:
        return x.clamp(0, 1)
    size = max(1, round(height * share)), max(1, round(width * share))
    return torch.nn.functional.interpolate(x.clamp(0, 1), size=size, mode="bilinear", antialias=True).clamp(0, 1)


def _side(words: str) -> str:
    """What stands beside a row; a figure after the name is set apart."""
    name, _, figure = words.partition("  ")
    return escape(name) + (f" <b>{escape(figure)}</b>" if figure else "")


def _axis(part: Sheet) -> str:
    across = f"across: {part.column_axis}" if any(part.columns) else part.column_axis
    return escape(f"{across}; down: {part.row_axis}" if any(part.rows) else across)


def _some(n: int) -> Sequence[int]:
    """About nine of n places, the same distance apart, in the middle."""
    every = math.ceil(n / 9)
    return range((n - 1) % every // 2, n, every)
