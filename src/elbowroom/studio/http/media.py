"""Tensors as they are sent: PNG, GIF, NPZ, data URLs, frames of pixels."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from starlette.responses import Response
from torch import Tensor

from elbowroom.plotting.image_grid import is_image, to_pil_image
from elbowroom.studio.http.json import json_response

if TYPE_CHECKING:
    from PIL import Image

PNG, GIF, NPZ, JSON = "image/png", "image/gif", "application/octet-stream", "application/json"
#: Milliseconds of a GIF's frame; pixels of the side of a small picture in one that is kept.
GIF_FRAME_MS, GIF_SIDE_PIXELS = 80, 128
#: Pixels of a sheet and numbers in JSON, at most.
MAX_SHEET_PIXELS, MAX_JSON_NUMBERS = 40_000_000, 1_000_000


def pack_frame(message_id: int, pixels: Tensor) -> bytes:
    """A picture (H, W, C) uint8 behind its number and size: little-endian uint32, then channels, height, width uint16.

    >>> pack_frame(7, torch.zeros(2, 3, 1, dtype=torch.uint8))[:10].hex(" ", 2)
    '0700 0000 0100 0200 0300'
    """
    height, width, channels = pixels.shape
    return struct.pack("<IHHH", message_id, channels, height, width) + pixels.numpy().tobytes()


def data_url(x: Tensor) -> str:
    """A picture (C, H, W) as a data URL."""
    return "data:image/png;base64," + base64.b64encode(encode_png(to_pil_image(x))).decode()


def encode_png(image: Image.Image) -> bytes:
    """A picture as a PNG."""
    held = BytesIO()
    image.save(held, "PNG")
    return held.getvalue()


def png_response(x: Tensor, columns: int | None = None) -> Response:
    """One picture as it is, several side by side and below each other: (N, C, H, W)."""
    if len(x) == 1 and columns is None:
        return Response(encode_png(to_pil_image(x[0])), media_type=PNG)
    return Response(encode_png(to_pil_image(_tile_images(x, columns or int(np.ceil(len(x) ** 0.5))))), media_type=PNG)


def strip_response(x: Tensor, size: int) -> Response:
    """Pictures (N, C, H, W) in one row, each within a square of ``size`` pixels."""
    from PIL import Image

    row = Image.new("L" if x.shape[1] == 1 else "RGB", (size * len(x), size))
    for place, one in enumerate(x):
        image = to_pil_image(one)
        scale = size / max(image.size)
        to = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
        row.paste(image.resize(to, how), (place * size + (size - to[0]) // 2, (size - to[1]) // 2))
    return Response(encode_png(row), media_type=PNG)


def gif_response(x: Tensor) -> Response:
    """Pictures (N, C, H, W) one after the other, there and back, without end."""
    from PIL import Image

    zoom = max(1, GIF_SIDE_PIXELS // max(x.shape[-2:]))
    frames = [to_pil_image(one) for one in (*x, *x[1:-1].flip(0))]
    frames = [one.resize((one.width * zoom, one.height * zoom), Image.Resampling.NEAREST) for one in frames]
    held = BytesIO()
    frames[0].save(held, "GIF", save_all=True, append_images=frames[1:], duration=GIF_FRAME_MS, loop=0)
    return Response(held.getvalue(), media_type=GIF)


def npz_response(name: str, **arrays: Tensor | None) -> Response:
    """Arrays by name; nothing in it is pickled."""
    held = BytesIO()
    there = {key: value.numpy() for key, value in arrays.items() if value is not None}
    np.savez_compressed(held, allow_pickle=False, **there)
    return Response(
        held.getvalue(), media_type=NPZ, headers={"Content-Disposition": f'attachment; filename="{name}.npz"'}
    )


def array_response(x: Tensor) -> Response:
    """Examples as nested lists, if they are not too many for that."""
    if x.numel() > MAX_JSON_NUMBERS:
        raise ValueError(f"{x.numel():,} numbers are too many for JSON: ask for fewer, or for format npz")
    return json_response({"x": x, "shape": list(x.shape)})


def json_examples(x: Tensor) -> dict[str, Any]:
    """What JSON holds of examples: data URLs of pictures, the numbers of anything else."""
    return {"pngs": [data_url(one) for one in x]} if is_image(tuple(x.shape[1:])) else {"x": x.tolist()}


def require_images(shape: Sequence[int]) -> None:
    """Refuse to show what is none."""
    if not is_image(shape):
        raise ValueError(
            f"this model's examples are {'x'.join(map(str, shape))}, not pictures: give format json or npz"
        )


def check_format(name: str, *formats: str) -> str:
    """A format, if it is one of these."""
    if name not in formats:
        raise ValueError(f"there is no format '{name[:20]}' here: choose from {', '.join(formats)}")
    return name


def _tile_images(x: Tensor, columns: int) -> Tensor:
    """(N, C, H, W) as one picture, a pixel of black between them."""
    n, channels, height, width = x.shape
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    if rows * columns * (height + 1) * (width + 1) > MAX_SHEET_PIXELS:
        raise ValueError(f"{n} pictures of {height}x{width} make too large a sheet: ask for fewer, or for npz")
    page = torch.zeros(channels, rows * (height + 1) - 1, columns * (width + 1) - 1)
    for place, one in enumerate(x):
        top, left = place // columns * (height + 1), place % columns * (width + 1)
        page[:, top : top + height, left : left + width] = one
    return page
