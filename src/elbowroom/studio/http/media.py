"""Tensors as HTTP responses: PNG, GIF, NPZ, JSON, data URLs and raw pixel frames."""

from __future__ import annotations

import base64
import csv
import struct
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from starlette.responses import Response
from torch import Tensor

from elbowroom.data.image import is_image
from elbowroom.plotting.gif import loop_frames, save_frames
from elbowroom.plotting.image_grid import to_pil_image

if TYPE_CHECKING:
    from PIL import Image

PNG = "image/png"
GIF = "image/gif"
NPZ = "application/octet-stream"
CSV = "text/csv"
JSON = "application/json"
#: Media types of the formats that a request may ask for.
MEDIA_TYPES = {"json": JSON, "png": PNG, "gif": GIF, "csv": CSV, "npz": NPZ}
#: Pixels of an image grid.
MAX_GRID_PIXELS = 40_000_000


def pack_frame(message_id: int, pixels: Tensor) -> bytes:
    """Pack pixels (H, W, C) uint8 behind a header: id uint32, then channels, height, width uint16, little-endian.

    >>> pack_frame(7, torch.zeros(2, 3, 1, dtype=torch.uint8))[:10].hex(" ", 2)
    '0700 0000 0100 0200 0300'
    """
    height, width, channels = pixels.shape
    return struct.pack("<IHHH", message_id, channels, height, width) + pixels.numpy().tobytes()


def data_url(x: Tensor) -> str:
    """Encode an image (C, H, W) as a data URL."""
    return "data:image/png;base64," + base64.b64encode(encode_png(to_pil_image(x))).decode()


def encode_png(image: Image.Image) -> bytes:
    """Encode an image as PNG."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def png_response(x: Tensor, columns: int | None = None) -> Response:
    """Create a PNG of images (N, C, H, W): a single one as it is, several in a grid."""
    if len(x) == 1 and columns is None:
        return Response(encode_png(to_pil_image(x[0])), media_type=PNG)
    return Response(encode_png(to_pil_image(_tile_images(x, columns or int(np.ceil(len(x) ** 0.5))))), media_type=PNG)


def strip_response(x: Tensor, size: int) -> Response:
    """Create a PNG of images (N, C, H, W) in one row, each scaled into a square of ``size`` pixels."""
    from PIL import Image

    strip = Image.new("L" if x.shape[1] == 1 else "RGB", (size * len(x), size))
    for i, example in enumerate(x):
        image = to_pil_image(example)
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        resampling = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
        position = (i * size + (size - width) // 2, (size - height) // 2)
        strip.paste(image.resize((width, height), resampling), position)
    return Response(encode_png(strip), media_type=PNG)


def gif_response(x: Tensor) -> Response:
    """Create a GIF of images (N, C, H, W) that plays forwards and backwards in an endless loop."""
    buffer = BytesIO()
    save_frames(loop_frames(x), buffer)
    return Response(buffer.getvalue(), media_type=GIF)


def npz_response(name: str, **arrays: Tensor | str | None) -> Response:
    """Create an NPZ file of named arrays, or texts, without pickle; None leaves an array out."""
    buffer = BytesIO()
    present = {key: np.asarray(value) for key, value in arrays.items() if value is not None}
    np.savez_compressed(buffer, allow_pickle=False, **present)
    headers = {"Content-Disposition": f'attachment; filename="{name}.npz"'}
    return Response(buffer.getvalue(), media_type=NPZ, headers=headers)


def csv_response(name: str, columns: Mapping[str, Sequence[Any]]) -> Response:
    """Create a CSV file of columns of cells by name; None is an empty cell."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(columns)
    rows.writerows(zip(*columns.values(), strict=True))
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(text.getvalue(), media_type=CSV, headers=headers)


def file_response(output_format: str, name: str, images: Tensor, columns: int | None = None, **arrays: Any) -> Response:
    """Create a file: ``png`` or ``gif`` of images (N, C, H, W), or ``npz`` of named arrays."""
    if output_format == "png":
        return png_response(images, columns)
    return gif_response(images) if output_format == "gif" else npz_response(name, **arrays)


def json_examples(x: Tensor) -> dict[str, Any]:
    """Return the JSON fields of examples: ``pngs`` with data URLs of images, or ``x`` with the numbers of others."""
    return {"pngs": [data_url(example) for example in x]} if is_image(tuple(x.shape[1:])) else {"x": x}


def require_images(shape: Sequence[int]) -> None:
    """Raise ValueError if examples of this shape are not images."""
    if not is_image(shape):
        raise ValueError(f"this model's examples are {'x'.join(map(str, shape))}, not images: give format json or npz")


def _tile_images(x: Tensor, columns: int) -> Tensor:
    """Arrange images (N, C, H, W) in a grid, (C, H', W'), with a black line of one pixel between them."""
    n, channels, height, width = x.shape
    columns = max(1, min(columns, n))
    rows = -(-n // columns)
    if rows * columns * (height + 1) * (width + 1) > MAX_GRID_PIXELS:
        raise ValueError(f"{n} images of {height}x{width} make too large a grid: ask for fewer, or for npz")
    grid = torch.zeros(channels, rows * (height + 1) - 1, columns * (width + 1) - 1)
    for i, image in enumerate(x):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        grid[:, top : top + height, left : left + width] = image
    return grid
