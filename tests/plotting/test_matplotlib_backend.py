"""The layout of a grid of images."""

import torch

from elbowroom.plotting.figure import ImageGrid
from elbowroom.plotting.matplotlib_backend import tile_images


def test_a_grid_is_laid_out_where_its_labels_say():
    images = torch.arange(6.0).reshape(2, 3, 1, 1, 1).expand(2, 3, 1, 4, 5) / 6
    array, lefts, tops, size = tile_images(ImageGrid(images, ["a", "b"], ["1", "2", "3"], "rows", "columns"))
    assert size == (4, 5)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            assert (array[top : top + 4, left : left + 5] == images[i, j, 0, 0, 0].item()).all()
    seamless, *_ = tile_images(ImageGrid(images, ["a", "b"], ["1", "2", "3"], "rows", "columns", is_seamless=True))
    assert seamless.shape == (8, 15)
