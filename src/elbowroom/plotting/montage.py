"""Examples of several views as images: the views side by side, classes as cells of which one is lit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.data.image import is_image
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import View, ViewShape

#: Pixels between two views.
VIEW_GAP_PX = 1
#: What is shown of a missing value.
MISSING_GRAY = 0.5


def can_show(shape: Sequence[int]) -> bool:
    """Return whether examples of this shape can be shown as images: images, or several views with one among them.

    >>> can_show((1, 8, 8)), can_show((9,)), can_show(ViewShape([View("a", (1, 8, 8), "bernoulli")]))
    (True, False, True)
    """
    views = shape.views if isinstance(shape, ViewShape) else ()
    return is_image(shape) or any(is_image(view.shape) for view in views)


def to_images(x: Tensor, shape: Sequence[int] | None) -> Tensor:
    """Return examples as images: unchanged, or of views (..., D) as (..., C, H, W), each view beside the last.

    Args:
        x: examples.
        shape: their views, if they have several.

    >>> shape = ViewShape([View("image", (1, 4, 4), "bernoulli"), View("digit", TableShape((2,)), "columns:2")])
    >>> to_images(torch.tensor([[0.0] * 16 + [1.0]]), shape)[0, 0]
    tensor([[0.0000, 0.0000, 0.0000, 0.0000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.5000, 1.0000, 1.0000],
            [0.0000, 0.0000, 0.0000, 0.0000, 0.5000, 1.0000, 1.0000]])
    """
    if not isinstance(shape, ViewShape):
        return x
    height = max(view.shape[1] for view in shape.views if is_image(view.shape))
    n_channels = max(view.shape[0] for view in shape.views if is_image(view.shape))
    pieces: list[Tensor] = []
    for view, part in zip(shape.views, shape.split(x).values(), strict=True):
        piece = _draw_view(part, view, height).nan_to_num(MISSING_GRAY)
        piece = piece.expand(*piece.shape[:-3], n_channels, *piece.shape[-2:])
        pieces += [piece.new_full((*piece.shape[:-1], VIEW_GAP_PX), MISSING_GRAY), piece]
    return torch.cat(pieces[1:], -1)


def _draw_view(part: Tensor, view: View, height: int) -> Tensor:
    """Return a view as an image (..., C, height, W): a class or a vector as cells, in turn down one column or more."""
    if is_image(view.shape):
        missing = height - view.shape[1]
        return F.pad(part, (0, 0, missing // 2, missing - missing // 2), value=MISSING_GRAY)
    cells = part
    if isinstance(view.shape, TableShape) and len(view.shape.sizes) == 1 and view.shape.sizes[0] > 1:
        cells = (part == torch.arange(view.shape.sizes[0], device=part.device)).float()
        cells = torch.where(part.isnan(), part, cells)
    else:
        cells = part.flatten(part.dim() - len(view.shape)).sigmoid()
    return _stack_cells(cells, height)


def _stack_cells(cells: Tensor, height: int) -> Tensor:
    """Return cells (..., n) as an image (..., 1, height, W): each has a row at least, so many may need columns."""
    n_columns = math.ceil(cells.shape[-1] / height)
    n_rows = math.ceil(cells.shape[-1] / n_columns)
    cells = F.pad(cells, (0, n_columns * n_rows - cells.shape[-1]), value=MISSING_GRAY)
    columns = cells.reshape(*cells.shape[:-1], n_columns, n_rows).movedim(-2, -1)
    rows = torch.arange(height, device=cells.device) * n_rows // height
    width = max(1, max(2, height // 5) // n_columns)
    return columns.index_select(-2, rows).repeat_interleave(width, -1).unsqueeze(-3)
