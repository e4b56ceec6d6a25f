"""Grids of images: what is cut out of them is what was drawn into them."""

import numpy as np
import pytest
import torch

from elbowroom.plotting.image_grid import (
    GAP_PX,
    RECONSTRUCTION_TITLES,
    GridLayout,
    cut_images,
    draw_grid,
    reconstruction_grid,
    sample_grid,
)


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 20), (3, 64, 64), (1, 28, 28)])
@pytest.mark.parametrize("caption", ["", "a caption that is much wider than one small image is"])
@pytest.mark.parametrize("count", [1, 8])
def test_images_are_cut_out_without_text(shape, caption, count):
    x = torch.rand(count, *shape, generator=torch.Generator().manual_seed(0))
    cut = cut_images(reconstruction_grid(x, x.flip(0), caption), *shape[1:], RECONSTRUCTION_TITLES)
    layout = GridLayout.arrange(*shape[1:], ())
    assert cut.size == (count * (layout.width + GAP_PX) - GAP_PX, 2 * layout.height + GAP_PX)
    pixels = np.asarray(cut)
    assert (pixels[..., 3] == 0).sum() == cut.width * cut.height - 2 * count * layout.width * layout.height
    zoom = layout.width // shape[2]
    for row, images in enumerate((x, x.flip(0))):
        for column, image in enumerate(images):
            top, left = row * (layout.height + GAP_PX), column * (layout.width + GAP_PX)
            drawn = pixels[top : top + layout.height : zoom, left : left + layout.width : zoom, : len(image)]
            assert np.allclose(drawn / 255, image.permute(1, 2, 0), atol=0.003)


def test_a_grid_of_samples_has_no_titles():
    assert cut_images(sample_grid(torch.rand(64, 1, 8, 8), "samples"), 8, 8).size == (8 * 59 - 3, 8 * 59 - 3)


def test_what_was_drawn_otherwise_is_not_cut():
    labeled = draw_grid([torch.rand(4, 1, 8, 8)] * 2, ["", ""], "", [["a", "b", "c", "d"]] * 2)
    assert cut_images(labeled, 8, 8) is None
    assert cut_images(reconstruction_grid(torch.rand(4, 1, 8, 8), torch.rand(4, 1, 8, 8)), 8, 8) is None
