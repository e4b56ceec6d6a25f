"""One picture as numbers, whatever mode it comes in."""

from __future__ import annotations

from typing import Any

import numpy as np


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
