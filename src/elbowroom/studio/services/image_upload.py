"""Uploaded images and drawings to examples in the format of a model's data."""

from __future__ import annotations

import base64
import binascii
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from elbowroom.data import Data, InMemorySplit
from elbowroom.data.coding import are_bits
from elbowroom.data.image import CropResize, deep_image_to_array, image_to_array, is_deep, to_gray_or_rgb
from elbowroom.data.splits.memory import scale_pixels
from elbowroom.data.transforms import dequantize, threshold
from elbowroom.studio.services.loaded_model import LoadedModel

if TYPE_CHECKING:
    from PIL import Image

#: Pixels of an image.
MAX_PIXELS = 16_000_000
#: Size of an image file.
MAX_FILE_BYTES = 8 * 2**20
#: File formats that are read.
IMAGE_FORMATS = ("PNG", "JPEG", "WEBP")
#: Largest values of images of 8 and of 16 bits.
UINT8_MAX = 2**8 - 1
UINT16_MAX = 2**16 - 1
#: Ratio of the ink's size to the image's side, where there is no data to measure it: that of MNIST.
DEFAULT_INK_EXTENT = 20 / 28
#: Training examples from which background and ink extent are measured.
NUM_MEASURED_EXAMPLES = 200


def decode_base64(encoded: str) -> bytes:
    """Decode a file in base64 or in a data URL."""
    text = encoded.partition(",")[2] if encoded.startswith("data:") else encoded
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("png is not base64: send the bytes of a PNG, JPEG or WebP in base64") from None


def open_image(data: bytes) -> Image.Image:
    """Read an image upright, as its EXIF orientation says; its size is checked before its pixels are decoded."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"the image has {len(data) / 2**20:.0f} MiB: send one of at most {MAX_FILE_BYTES // 2**20}")
    try:
        with Image.open(BytesIO(data), formats=IMAGE_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"the image has {image.width}x{image.height} pixels: send at most {MAX_PIXELS:,}")
            image.load()
            return ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise ValueError("this is not an image: send a PNG, a JPEG or a WebP") from None
    except (OSError, SyntaxError, Image.DecompressionBombError, EOFError) as error:
        is_truncated = "truncated" in str(error).lower()
        raise ValueError(f"the image is {'cut short' if is_truncated else 'damaged'}: save it again") from None
    except ValueError as error:
        if str(error).startswith("the image has"):
            raise
        raise ValueError("the image is damaged: save it again") from None


def image_to_example(loaded: LoadedModel, data: bytes) -> Tensor:
    """Crop and resize an image file to an example (1, *shape), with the channels and values of the model's data."""
    channels, height, width = _image_shape(loaded)
    opened = open_image(data)
    if is_deep(opened):
        levels = deep_image_to_array(opened, CropResize(resize=(height, width)))
        return pixels_to_example(loaded, np.repeat(_scale_levels(loaded, levels)[None], channels, 0))
    image = _flatten_onto(opened, 255 if background_brightness(loaded) > 0.5 else 0)
    image = CropResize(resize=(height, width)).apply(image.convert("L" if channels == 1 else "RGB"))
    pixels = image_to_array(image)
    return pixels_to_example(loaded, pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def drawing_to_example(loaded: LoadedModel, data: bytes) -> Tensor:
    """Crop a drawing to its ink, scale it, and centre it by its mass, to an example (1, *shape).

    As MNIST was made (LeCun, Cortes & Burges 1998), except that the ink is scaled to the extent it has in the data.
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
    scaled = np.asarray(Image.fromarray((ink * 255).astype(np.uint8)).resize((w, h), Image.Resampling.LANCZOS)) / 255
    page = _center_by_mass(scaled[:height, :width], height, width)
    page = 1 - page if background_brightness(loaded) > 0.5 else page
    return pixels_to_example(loaded, np.repeat((page * 255).round().astype(np.uint8)[None], channels, 0))


def _center_by_mass(ink: np.ndarray, height: int, width: int) -> np.ndarray:
    """Place ink (h, w) on an empty page (height, width) with its centre of mass as near the middle as it fits."""
    mass = ink.sum() or 1.0
    center = [(ink.sum(1 - axis) * (np.arange(n) + 0.5)).sum() / mass for axis, n in enumerate(ink.shape)]
    top, left = (
        int(np.clip(round(side / 2 - m), 0, side - n))
        for side, m, n in zip((height, width), center, ink.shape, strict=True)
    )
    page = np.zeros((height, width))
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
    return page


def _scale_levels(loaded: LoadedModel, levels: np.ndarray) -> np.ndarray:
    """Bring the levels of an image of 16 bits to [0, 1], by the range of the run's data if that is deeper."""
    arguments = loaded.run.record["data"].get("arguments") or {}
    recorded = arguments.get("value_range")
    low, high = recorded if isinstance(recorded, list | tuple) and recorded[1] > UINT8_MAX else (0, UINT16_MAX)
    scaled: np.ndarray = ((levels.astype(np.float32) - low) / (high - low)).clip(0, 1)
    return scaled


def pixels_to_example(loaded: LoadedModel, pixels: np.ndarray) -> Tensor:
    """Preprocess pixels (C, H, W) as the run's data does: scaled to [0, 1], binarized or dequantized."""
    arguments = loaded.run.record["data"].get("arguments") or {}
    data = loaded.data_or_none
    is_binary = data.binary if data is not None else are_bits(arguments)
    transforms = (threshold,) if is_binary else (dequantize,) if arguments.get("dequantize") else ()
    return InMemorySplit(torch.from_numpy(pixels.copy())[None], transforms=transforms, seed=0).first(1).x


def background_brightness(loaded: LoadedModel) -> float:
    """Return the brightness of the data's images at their edges, 0 to 1; 0 where the data is not available."""
    return _cached_measurement(loaded)[0]


def ink_extent(loaded: LoadedModel) -> float:
    """Return the ratio of the ink's size to the image's side in the data."""
    return _cached_measurement(loaded)[1]


def _cached_measurement(loaded: LoadedModel) -> tuple[float, float]:
    data = loaded.data_or_none
    return (0.0, DEFAULT_INK_EXTENT) if data is None else loaded.get_or_compute("ink", lambda: _measure_data(data))


def _measure_data(data: Data) -> tuple[float, float]:
    """Return the median brightness at the edges, and the median of the longer side of the ink's bounding box."""
    x = scale_pixels(data.train.first(NUM_MEASURED_EXAMPLES).x).mean(1)
    edges = torch.cat([part.flatten() for part in (x[:, 0], x[:, -1], x[:, :, 0], x[:, :, -1])])
    background = float(edges.median())
    ink = (x - background).abs() > 0.25
    boxes = [_span_length(ink.any(axis)) / ink.shape[3 - axis] for axis in (1, 2)]
    return background, float(torch.stack(boxes).max(0).values.median().clamp(0.3, 1))


def _span_length(mask: Tensor) -> Tensor:
    """Return the distance from the first to the last true value of each row, both included: (B, n) to (B,)."""
    positions = torch.arange(1, mask.shape[1] + 1)
    last = (mask * positions).max(1).values
    first = (mask * positions.flip(0)).max(1).values
    return (last + first - mask.shape[1]).clamp_min(0).float()


def _ink_mask(image: Image.Image) -> np.ndarray:
    """Return where there is ink, 0 to 1: what is opaque, or else what differs from the background at the edges."""
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A")) / 255
        if np.median(alpha) < 0.5:
            return alpha
    gray = np.asarray(_flatten_onto(image, 255).convert("L")) / 255
    background = np.median(np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]]))
    ink = np.abs(gray - background)
    return ink / ink.max() if ink.max() > 0.1 else np.zeros_like(ink)


def _flatten_onto(image: Image.Image, background: int) -> Image.Image:
    """Convert an image to gray or RGB, with transparent parts on a background of this brightness."""
    from PIL import Image

    if is_deep(image):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        opaque: Image.Image = to_gray_or_rgb(image)
        return opaque
    page = Image.new("RGBA", image.size, (background, background, background, 255))
    return Image.alpha_composite(page, image.convert("RGBA")).convert("RGB")


def _image_shape(loaded: LoadedModel) -> tuple[int, int, int]:
    if not loaded.has_images:
        shape = "x".join(map(str, loaded.model.shape))
        raise ValueError(f"this model's examples are {shape}, not images: give x, its numbers")
    channels, height, width = loaded.model.shape
    return channels, height, width
