"""One picture as numbers, whatever mode it comes in."""

from __future__ import annotations

from io import BytesIO
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from elbowroom.data.file_io import DAMAGE

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pbm"}
Size = int | tuple[int, int] | None


class Fit(NamedTuple):
    """What is cut out of a picture, and what it is brought to: (height, width) each, or None to leave it.

    >>> print(Fit(crop=(148, 148), resize=(64, 32)))
    crop=148, resize=(64, 32)
    """

    crop: tuple[int, int] | None = None
    resize: tuple[int, int] | None = None

    @classmethod
    def of(cls, crop: Size, resize: Size) -> Fit:
        """From sizes as they are asked for, one number for a square."""
        return cls(both("crop", crop), both("resize", resize))

    def __str__(self) -> str:
        return ", ".join(f"{name}={h if h == w else (h, w)}" for name, (h, w) in self._asked())

    @property
    def words(self) -> str:
        """What is done, for the record."""
        done = {"crop": "cropped at the centre to", "resize": "cropped at the centre and resized to"}
        if self.crop:
            done["resize"] = "resized to"
        return ", ".join(f"{done[name]} {h}x{w}" for name, (h, w) in self._asked())

    def _asked(self) -> list[tuple[str, tuple[int, int]]]:
        return [(name, size) for name, size in self._asdict().items() if size]

    def framed(self, picture: Any) -> Any:
        """The part of a PIL picture in the frame, at the size asked for: resizing cuts to its own shape first."""
        from PIL import ImageOps

        if self.crop:
            height, width = self.crop
            if picture.height < height or picture.width < width:
                raise UnsuitedError(f"{picture.height}x{picture.width}, smaller than {Fit(crop=self.crop)}")
            left, top = (picture.width - width) // 2, (picture.height - height) // 2
            picture = picture.crop((left, top, left + width, top + height))
        return ImageOps.fit(picture, self.resize[::-1]) if self.resize else picture


AS_IS = Fit()


class UnsuitedError(ValueError):
    """A picture that is whole, but not of a kind that was expected."""


def both(name: str, size: Size) -> tuple[int, int] | None:
    """Height and width, from one number for a square or from both."""
    if size is None:
        return None
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise ValueError(f"{name}={size}: expected a number of pixels or (height, width), each at least 1")
    return sides


def is_picture(name: str) -> bool:
    """Whether a name is a picture's; hidden files and what a Mac adds to a zip are not."""
    parts = PurePosixPath(name).parts
    return PurePosixPath(name).suffix.lower() in PICTURES and not any(p.startswith((".", "__MACOSX")) for p in parts)


def decoded(content: bytes, fit: Fit = AS_IS) -> np.ndarray:
    """The pixels of a picture file, turned upright, cropped and resized as asked.

    A JPEG much larger than asked for is decoded at a half, a quarter or an eighth of its size, at least twice that
    asked for.

    Raises:
        ValueError: why it cannot be read, in a few words.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(content)) as opened:
            if fit.resize and not fit.crop and opened.format == "JPEG":
                side = 2 * max(fit.resize)
                opened.draft(None, (side, side))
            picture = ImageOps.exif_transpose(opened)
            return picture_pixels(picture if fit == AS_IS else fit.framed(plain(picture)))
    except Image.UnidentifiedImageError as error:
        raise ValueError("not a picture" if content else "empty") from error
    except UnsuitedError:
        raise
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise ValueError("cut short" if "truncated" in str(error).lower() else "damaged") from error


def plain(picture: Any) -> Any:
    """A picture in grey (L) or colour (RGB): 16 bits brought to 8, transparency on white, palettes looked up."""
    from PIL import Image

    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode.startswith("I"):
        wide = np.asarray(picture).astype(np.float64) / 257
        return Image.fromarray(wide.round().clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        raise UnsuitedError("floating-point pixels, which have no known range")
    if picture.mode in ("LA", "La"):
        white = Image.new("LA", picture.size, (255, 255))
        return Image.composite(picture, white, picture.getchannel("A")).getchannel("L")
    colour = picture
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        colour = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), clear)
    colour = colour.convert("RGB")
    if picture.mode == "P":  # a palette does not say whether it is grey
        red, green, blue = (channel.tobytes() for channel in colour.split())
        if red == green == blue:
            return colour.getchannel("R")
    return colour


def picture_pixels(picture: Any) -> np.ndarray:
    """The uint8 pixels of a PIL picture: (H, W) where it is grey, (H, W, 3) otherwise."""
    return np.asarray(plain(picture))
