"""Examples of two views for tests: an image and a digit."""

from pathlib import Path

import numpy as np
import torch

from elbowroom.view_shape import ViewShape, resolve_view_shape

VIEWS = "views:image=bernoulli@1x8x8+digit=columns:10@1"


def image_and_digit() -> ViewShape:
    return resolve_view_shape(VIEWS, (65,))


def random_views(n: int) -> torch.Tensor:
    """Examples of both views, of which the second lacks its image and the third its digit."""
    x = image_and_digit().join({"image": torch.rand(n, 1, 8, 8), "digit": torch.arange(n)[:, None] % 10.0})
    x[1, :64] = torch.nan
    x[2, 64:] = torch.nan
    return x


def write_digit_views(path: Path, n: int = 300) -> Path:
    """A .npz of digits with two views, image and digit, some of which are missing in training."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    image, digit = (bunch.images[:n] / 16).astype(np.float32), bunch.target[:n].copy()
    image[:20], digit[20:40] = np.nan, -1
    parts = {"train": slice(0, n - 100), "test": slice(n - 100, n)}
    np.savez(
        path, **{f"image_{k}": image[v] for k, v in parts.items()}, **{f"digit_{k}": digit[v] for k, v in parts.items()}
    )
    return path
