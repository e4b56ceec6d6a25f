"""Pictures that come from outside, made examples of a model's data."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elbowroom.data import Data, InMemorySplit
from elbowroom.data.image import CropResize, image_to_array, to_gray_or_rgb
from elbowroom.data.splits.memory import scale_pixels
from elbowroom.data.transforms import dequantize, threshold
from elbowroom.studio.services.loaded_model import LoadedModel

#: Pixels and bytes of a picture, at most; kinds that are read.
MAX_PIXELS, MAX_BYTES, IMAGE_FORMATS = 16_000_000, 8 * 2**20, ("PNG", "JPEG", "WEBP")
#: How much of the side of a picture the ink takes, where there is no data to say: that of MNIST.
DEFAULT_INK_EXTENT = 20 / 28


def decode_base64(encoded: str) -> bytes:
    """The bytes of a picture in base64, or in a data URL."""
    text = encoded.partition(",")[2] if encoded.startswith("data:") else encoded
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("png is not base64: send the bytes of a PNG, JPEG or WebP so encoded") from None


def open_image(data: bytes) -> Any:
    """A picture as Pillow reads it, upright; refused where it is too large before its pixels are looked at."""
    from PIL import Image, ImageOps

    if len(data) > MAX_BYTES:
        raise ValueError(f"the picture has {len(data) / 2**20:.0f} MiB: send one of at most {MAX_BYTES // 2**20}")
    try:
        with Image.open(BytesIO(data), formats=IMAGE_FORMATS) as found:
            if found.width * found.height > MAX_PIXELS:
                raise ValueError(f"the picture has {found.width}x{found.height} pixels: send at most {MAX_PIXELS:,}")
            found.load()
            return ImageOps.exif_transpose(found)
    except Image.UnidentifiedImageError:
        raise ValueError("this is not a picture: send a PNG, a JPEG or a WebP") from None
    except (OSError, SyntaxError, Image.DecompressionBombError, EOFError) as error:
        cut = "truncated" in str(error).lower()
        raise ValueError(f"the picture is {'cut short' if cut else 'damaged'}: save it again") from None
    except ValueError as error:
        if str(error).startswith("the picture has"):
            raise
        raise ValueError("the picture is damaged: save it again") from None


def image_to_example(loaded: LoadedModel, data: bytes) -> Tensor:
    """A picture as an example of the model's: cut to its shape, in its channels and its values, (1, *shape)."""
    channels, *size = _image_shape(loaded)
    picture = _flatten_onto(open_image(data), 255 if background_brightness(loaded) > 0.5 else 0)
    picture = CropResize(resize=(size[0], size[1])).apply(picture.convert("L" if channels == 1 else "RGB"))
    pixels = image_to_array(picture)
    return pixels_to_example(loaded, pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def drawing_to_example(loaded: LoadedModel, data: bytes) -> Tensor:
    """What was drawn with a mouse as an example: cropped to its ink, scaled, centred by its mass, (1, *shape).

    As MNIST was made (LeCun, Cortes & Burges 1998), but that the ink takes as much of the side as it does in the data.
    """
    from PIL import Image

    channels, height, width = _image_shape(loaded)
    ink = _ink_mask(open_image(data))
    rows, columns = (np.flatnonzero(ink.max(axis) > 0.1) for axis in (1, 0))
    if not len(rows):
        raise ValueError("nothing is drawn: draw something first")
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = ink_extent(loaded) * min(height, width) / max(ink.shape)
    h, w = (max(1, round(side * scale)) for side in ink.shape)
    small = np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize((w, h), Image.Resampling.LANCZOS)) / 255
    h, w = min(h, height), min(w, width)
    small = small[:h, :w]
    mass = small.sum() or 1.0
    middle = [(small.sum(1 - axis) * (np.arange(n) + 0.5)).sum() / mass for axis, n in enumerate((h, w))]
    # What hangs over the edge when its mass is in the middle is moved back.
    top, left = (
        int(np.clip(round(side / 2 - m), 0, side - n))
        for side, m, n in zip((height, width), middle, (h, w), strict=True)
    )
    page = np.zeros((height, width))
    page[top : top + h, left : left + w] = small
    page = 1 - page if background_brightness(loaded) > 0.5 else page
    return pixels_to_example(loaded, np.repeat((page * 255).round().astype(np.uint8)[None], channels, 0))


def pixels_to_example(loaded: LoadedModel, pixels: np.ndarray) -> Tensor:
    """Pixels (C, H, W) as the run's data gives its own out: in [0, 1], made bits or continuous as they are."""
    then = loaded.run.record["data"].get("arguments") or {}
    data = loaded.data_or_none
    bits = data.binary if data is not None else then.get("binarise", "none") != "none"
    changes = (threshold,) if bits else (dequantize,) if then.get("dequantise") else ()
    return InMemorySplit(torch.from_numpy(pixels.copy())[None], transforms=changes, seed=0).first(1).x


def background_brightness(loaded: LoadedModel) -> float:
    """How bright the data's pictures are at their edges, 0 to 1; dark where there is no data to say."""
    return _cached_measurement(loaded)[0]


def ink_extent(loaded: LoadedModel) -> float:
    """How much of the side of a picture its ink takes in the data."""
    return _cached_measurement(loaded)[1]


def _cached_measurement(loaded: LoadedModel) -> tuple[float, float]:
    data = loaded.data_or_none
    return (0.0, DEFAULT_INK_EXTENT) if data is None else loaded.get_or_compute("ink", lambda: _measure_data(data))


def _measure_data(data: Data) -> tuple[float, float]:
    """The median of the edges' brightness, and of the longer side of the ink's box, over some examples."""
    x = scale_pixels(data.train.first(200).x).mean(1)
    edges = torch.cat([part.flatten() for part in (x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1])])
    dark = float(edges.median())
    ink = (x - dark).abs() > 0.25
    boxes = [_span_length(ink.any(axis)) / ink.shape[3 - axis] for axis in (1, 2)]
    return dark, float(torch.stack(boxes).max(0).values.median().clamp(0.3, 1))


def _span_length(mask: Tensor) -> Tensor:
    """From the first to the last of each row that is there, in places: (B, n) to (B,)."""
    places = torch.arange(1, mask.shape[1] + 1)
    last = (mask * places).max(1).values
    first = (mask * places.flip(0)).max(1).values
    return (last + first - mask.shape[1]).clamp_min(0).float()


def _ink_mask(image: Any) -> np.ndarray:
    """Where there is ink, 0 to 1: what is not clear, or else what differs from the page at the edges."""
    if image.has_transparency_data:
        clear = np.asarray(image.convert("RGBA").getchannel("A")) / 255
        if np.median(clear) < 0.5:
            return clear
    grey = np.asarray(_flatten_onto(image, 255).convert("L")) / 255
    page = np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]))
    ink = np.abs(grey - page)
    return ink / ink.max() if ink.max() > 0.1 else np.zeros_like(ink)


def _flatten_onto(image: Any, background: int) -> Any:
    """A picture in grey or colour, what is clear in it on a page of this brightness."""
    from PIL import Image

    if not image.has_transparency_data:
        return to_gray_or_rgb(image)
    clear = image.convert("RGBA")
    return Image.alpha_composite(
        Image.new("RGBA", image.size, (background, background, background, 255)), clear
    ).convert("RGB")


def _image_shape(loaded: LoadedModel) -> tuple[int, int, int]:
    if not loaded.has_images:
        form = "x".join(map(str, loaded.model.shape))
        raise ValueError(f"this model's examples are {form}, not pictures: give x, its numbers")
    channels, height, width = loaded.model.shape
    return channels, height, width
