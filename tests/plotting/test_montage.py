"""Views side by side: every cell of a class or a vector is seen, however low the image beside it is."""

import pytest
import torch

from elbowroom.plotting.montage import MISSING_GRAY, VIEW_GAP_PX, to_images
from elbowroom.view_shape import resolve_view_shape


@pytest.mark.parametrize(("side", "classes"), [(8, 3), (8, 8), (8, 9), (8, 10), (28, 10), (8, 100), (4, 26)])
def test_each_class_lights_a_cell_of_its_own(side, classes):
    shape = resolve_view_shape(f"views:image=bernoulli@1x{side}x{side}+digit=columns:{classes}@1", (side * side + 1,))
    x = shape.join({"image": torch.zeros(classes, 1, side, side), "digit": torch.arange(float(classes))[:, None]})
    cells = to_images(x, shape)[..., side + VIEW_GAP_PX :]
    assert cells.shape[-2] == side
    lit = (cells == 1).flatten(1)
    assert lit.any(1).all()
    assert lit.sum(0).max() == 1
    missing = to_images(shape.keep(x, ["image"]), shape)[..., side + VIEW_GAP_PX :]
    assert (missing == MISSING_GRAY).all()


def test_each_number_of_a_vector_is_seen():
    shape = resolve_view_shape("views:image=bernoulli@1x4x4+size=gaussian@7", (23,))
    x = shape.join({"image": torch.zeros(7, 1, 4, 4), "size": 9 * torch.eye(7)})
    cells = to_images(x, shape)[..., 4 + VIEW_GAP_PX :]
    assert (cells > 0.9).flatten(1).any(1).all()
