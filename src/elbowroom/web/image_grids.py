"""Images of a page as data URIs: grids, one by one or in one image, and sheets of thumbnails."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence

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


def grid_images(grid: ImageGrid) -> list[list[str]]:
    """Return the images of a grid as data URIs, row by row."""
    images = _shrink(grid.images.flatten(0, 1), MAX_GRID_PIXELS)
    return [[data_uri(to_pil_image(image)) for image in row] for row in torch.split(images, grid.images.shape[1])]


def seamless_image(grid: ImageGrid) -> str:
    """Return a grid without gaps as one image, a data URI."""
    images = _shrink(grid.images.flatten(0, 1), 2 * MAX_GRID_PIXELS)
    return data_uri(to_pil_image(_tile(images, grid.images.shape[1])))


def spread_labels(labels: Sequence[str]) -> list[str]:
    """Return about :data:`SEAMLESS_LABELS` of the labels, evenly spaced and centered, the others empty.

    >>> spread_labels([str(i) for i in range(11)])
    ['0', '', '2', '', '4', '', '6', '', '8', '', '10']
    """
    step = math.ceil(len(labels) / SEAMLESS_LABELS)
    first = (len(labels) - 1) % step // 2
    return [label if i % step == first else "" for i, label in enumerate(labels)]


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
