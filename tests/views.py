"""Examples of two views for tests: an image and a digit."""

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
