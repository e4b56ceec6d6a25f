"""Images from PIL to arrays, in any mode and depth; pages; crop and resize."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from elbowroom.data.file_io import READ_ERRORS

if TYPE_CHECKING:
    from elbowroom.data.options import ImageSize

PAGED_FORMATS = ("TIFF", "GIF", "PNG", "WEBP")
"""Formats, as PIL names them, whose files may hold several images that are examples of their own."""
DEEP_COLOR_MODE = re.compile(r"(RGB[AX]?|LA);16")
"""How PIL names the pixels of files with colour, or grey and transparency, of 16 bits a channel."""
NEW_SUBFILE_TYPE = 254
"""The tag that says what a page of a TIFF is; its bits are those of the two constants below."""
REDUCED_IMAGE = 1
TRANSPARENCY_MASK = 4
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pbm"}


def is_image(shape: Sequence[int]) -> bool:
    """Return whether examples of this shape are images: (C, H, W) with one or three channels.

    >>> is_image((1, 28, 28)), is_image((9,))
    (True, False)
    """
    return len(shape) == 3 and shape[0] in (1, 3)


class CropResize(NamedTuple):
    """A crop of the centre and a size to resize to: (height, width) each, or None to leave it.

    >>> print(CropResize(crop=(148, 148), resize=(64, 32)))
    crop=148, resize=(64, 32)
    """

    crop: tuple[int, int] | None = None
    resize: tuple[int, int] | None = None

    @classmethod
    def from_sizes(cls, crop: ImageSize, resize: ImageSize) -> CropResize:
        """Return it from sizes as users give them, one number for a square."""
        return cls(parse_size("crop", crop), parse_size("resize", resize))

    def __str__(self) -> str:
        return ", ".join(f"{name}={h if h == w else (h, w)}" for name, (h, w) in self._given_sizes())

    @property
    def description(self) -> str:
        """The crop and the size in words, for the record."""
        words = {"crop": "cropped at the centre to", "resize": "cropped at the centre and resized to"}
        if self.crop:
            words["resize"] = "resized to"
        return ", ".join(f"{words[name]} {h}x{w}" for name, (h, w) in self._given_sizes())

    def _given_sizes(self) -> list[tuple[str, tuple[int, int]]]:
        return [(name, size) for name, size in self._asdict().items() if size]

    def apply(self, image: Any) -> Any:
        """Return a PIL image cropped, then resized, for which it is cropped to the shape of that size first."""
        from PIL import ImageOps

        if self.crop:
            height, width = self.crop
            if image.height < height or image.width < width:
                raise UnsupportedImageError(f"{image.height}x{image.width}, smaller than {CropResize(crop=self.crop)}")
            left, top = (image.width - width) // 2, (image.height - height) // 2
            image = image.crop((left, top, left + width, top + height))
        return ImageOps.fit(image, self.resize[::-1]) if self.resize else image


NO_CROP_RESIZE = CropResize()


class UnsupportedImageError(ValueError):
    """An image that is not damaged, but of an unsupported kind or size."""


def parse_size(name: str, size: ImageSize) -> tuple[int, int] | None:
    """Return height and width from one number for a square or from both."""
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise ValueError(f"{name}={size}: expected a number of pixels or (height, width), each at least 1")
    return sides


def is_image_name(name: str) -> bool:
    """Return whether a name is an image's; hidden files and what macOS adds to a zip are not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def decode_image(content: bytes, crop_resize: CropResize = NO_CROP_RESIZE) -> np.ndarray:
    """Return the pixels of an image file, of its first page, as :func:`decode_pages` does."""
    return next(iter_pages(content, crop_resize))


def decode_pages(content: bytes, crop_resize: CropResize = NO_CROP_RESIZE) -> list[np.ndarray]:
    """Return the pixels of each page of an image file, (H, W) or (H, W, 3), turned upright, cropped and resized.

    They are uint8, or where the file has more than 8 bits uint16, int32 or float32, with the values that it has. A JPEG
    much larger than asked for is decoded at a half, a quarter or an eighth of its size, at least twice that asked for.

    Raises:
        ValueError: why it cannot be read, in a few words.
    """
    return list(iter_pages(content, crop_resize))


def iter_pages(content: bytes, crop_resize: CropResize) -> Iterator[np.ndarray]:
    """Yield the pixels of each page; see :func:`decode_pages`."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(BytesIO(content)) as opened:
            if crop_resize.resize and not crop_resize.crop and opened.format == "JPEG":
                side = 2 * max(crop_resize.resize)
                opened.draft(None, (side, side))
            for page in page_numbers(opened):
                opened.seek(page)
                image = ImageOps.exif_transpose(opened)
                # a frame of a GIF is in colour where it is put together from others
                yield image_to_array(image, crop_resize, is_gray_possible=opened.format == "GIF")
    except UnidentifiedImageError as error:
        raise ValueError("not an image" if content else "empty") from error
    except UnsupportedImageError:
        raise
    except (*READ_ERRORS, Image.DecompressionBombError) as error:
        raise ValueError("cut short" if "truncated" in str(error).lower() else "damaged") from error


def loses_depth(content: bytes) -> bool:
    """Return whether an image file has colour of 16 bits a channel, of which 8 are read; False where it is no image."""
    from PIL import Image

    with suppress(*READ_ERRORS), Image.open(BytesIO(content)) as opened:
        return any(DEEP_COLOR_MODE.search(str(tile.args)) for tile in opened.tile)
    return False


def page_numbers(opened: Any) -> list[int]:
    """Return the numbers of the pages of an open image file: of a TIFF without thumbnails and masks, or all frames.

    Further images in a JPEG file (MPO) are previews, and are left out.
    """
    if opened.format not in PAGED_FORMATS or not opened.is_animated:
        return [0]
    pages = range(opened.n_frames)
    if opened.format != "TIFF":
        return list(pages)
    examples = []
    for page in pages:
        opened.seek(page)
        if not opened.tag_v2.get(NEW_SUBFILE_TYPE, 0) & (REDUCED_IMAGE | TRANSPARENCY_MASK):
            examples.append(page)
    return examples or [0]


def is_deep(image: Any) -> bool:
    """Return whether a PIL image has values of more than 8 bits: whole numbers of 16 or 32 bits, or floats."""
    return str(image.mode)[0] in "IF"


def to_gray_or_rgb(image: Any, is_gray_possible: bool = False) -> Any:
    """Return a PIL image of 8 bits in grey (L) or colour (RGB): transparency on white, palettes resolved.

    One in colour whose channels are equal becomes grey where it had a palette, which does not say whether it is grey,
    or ``is_gray_possible``.
    """
    from PIL import Image

    if image.mode == "L" or (image.mode == "RGB" and not is_gray_possible):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("LA", "La"):
        white = Image.new("LA", image.size, (255, 255))
        return Image.composite(image, white, image.getchannel("A")).getchannel("L")
    rgb = image
    if image.has_transparency_data:
        rgb = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    rgb = rgb.convert("RGB")
    if image.mode == "P" or is_gray_possible:
        red, green, blue = (channel.tobytes() for channel in rgb.split())
        if red == green == blue:
            return rgb.getchannel("R")
    return rgb


def image_to_array(image: Any, crop_resize: CropResize = NO_CROP_RESIZE, is_gray_possible: bool = False) -> np.ndarray:
    """Return the pixels of a PIL image: (H, W) where it is grey, (H, W, 3) otherwise; cropped and resized.

    They are uint8, or of more bits as the image has them: uint16, int32 or float32.
    """
    if is_deep(image):
        return deep_image_to_array(image, crop_resize)
    image = to_gray_or_rgb(image, is_gray_possible)
    return np.asarray(image if crop_resize == NO_CROP_RESIZE else crop_resize.apply(image))


def deep_image_to_array(image: Any, crop_resize: CropResize) -> np.ndarray:
    """Return the values (H, W) of an image of more than 8 bits; resized ones stay within the range of its values."""
    from PIL import Image

    values = np.asarray(image)
    values = values.astype(values.dtype.newbyteorder("="))
    if crop_resize == NO_CROP_RESIZE:
        return values
    resized = np.asarray(crop_resize.apply(Image.fromarray(values.astype(np.float32))))
    resized = resized.clip(values.min(), values.max())
    return (resized.round() if values.dtype.kind in "ui" else resized).astype(values.dtype)
