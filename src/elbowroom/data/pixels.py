"""One picture as numbers, whatever mode it comes in."""

from __future__ import annotations

from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from elbowroom.data.reading import DAMAGE

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm", ".pbm"}
Resize = int | tuple[int, int] | None


def is_picture(name: str) -> bool:
    """Whether a name is a picture's; hidden files and what a Mac adds to a zip are not."""
    parts = PurePosixPath(name).parts
    return PurePosixPath(name).suffix.lower() in PICTURES and not any(p.startswith((".", "__MACOSX")) for p in parts)


def decoded(content: bytes, resize: Resize = None) -> np.ndarray:
    """The pixels of a picture file, cropped at the centre and resized if asked.

    Raises:
        ValueError: why it cannot be read, in a few words.
    """
    from PIL import Image, ImageOps

    size = (resize, resize) if isinstance(resize, int) else resize
    try:
        with Image.open(BytesIO(content)) as opened:
            picture = ImageOps.exif_transpose(opened)
            if size is not None:
                picture = ImageOps.fit(plain(picture), (size[1], size[0]))
            return picture_pixels(picture)
    except Image.UnidentifiedImageError as error:
        raise ValueError("not a picture" if content else "empty") from error
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
        raise ValueError("floating-point pixels have no known range")
    if picture.mode in ("LA", "La"):
        white = Image.new("LA", picture.size, (255, 255))
        return Image.composite(picture, white, picture.getchannel("A")).getchannel("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def picture_pixels(picture: Any) -> np.ndarray:
    """The uint8 pixels of a PIL picture: (H, W) where it is grey, (H, W, 3) otherwise."""
    pixels = np.asarray(plain(picture))
    # a palette does not say whether it is grey
    if picture.mode == "P" and pixels.ndim == 3 and (pixels == pixels[:, :, :1]).all():
        return pixels[:, :, 0]
    return pixels
