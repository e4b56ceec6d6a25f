"""Preview of examples in a notebook: images as a grid, rows as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from elbowroom.data import Data, decode_rows, load_data
from elbowroom.data.image import is_image
from elbowroom.data.raw import AnySplit
from elbowroom.plotting.examples import label_names
from elbowroom.plotting.image_grid import draw_grid, sample_grid
from elbowroom.web.render import environment, write_html

if TYPE_CHECKING:
    from PIL import Image

#: Images, and rows of a table, that are shown at most.
MAX_IMAGES = 64
MAX_ROWS = 20
#: Numbers of a row that are shown at most.
MAX_ROW_VALUES = 64


@dataclass(frozen=True)
class ImagePreview:
    """A grid of images, which a notebook shows.

    Attributes:
        image: the grid.
    """

    image: Image.Image

    def __repr__(self) -> str:
        return f"ImagePreview({self.image.width}x{self.image.height} pixels: save(path) writes them)"

    def _repr_png_(self) -> bytes:
        return self.to_png()

    def to_png(self) -> bytes:
        """Return the grid as a PNG file."""
        buffer = BytesIO()
        self.image.save(buffer, "PNG")
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the grid as an image and return the file."""
        self.image.save(path)
        return Path(path)


@dataclass(frozen=True)
class TablePreview:
    """The first rows of a table, which a notebook shows.

    Attributes:
        names: of the columns.
        rows: the cells as text.
        caption: above them.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return the rows as a table in HTML."""
        template = environment().get_template("preview.html")
        return template.render(names=self.names, rows=self.rows, caption=self.caption)

    def __repr__(self) -> str:
        return "\n".join("  ".join(cells) for cells in (self.names, *self.rows))

    def save(self, path: str | Path) -> Path:
        """Write the rows as HTML and return the file."""
        write_html(Path(path), self._repr_html_())
        return Path(path)


def show(x: Any, caption: str = "", labels: Sequence[str] | None = None) -> ImagePreview | TablePreview:
    r"""Show examples: images as a grid, and rows as a table.

    The last expression of a notebook's cell is drawn; elsewhere ``show(x).save("x.png")`` writes it.

    Args:
        x: images (N, C, H, W) or (N, H, W), or one (C, H, W), as bytes or as numbers that are clipped to [0, 1]; rows
            of images (R, N, C, H, W), drawn one below another; rows (N, D); a list of any of these; a split; or
            anything else that :func:`~elbowroom.load_data` takes, whose first training examples are shown, rows of a
            table with the names and values of its columns.
        caption: text beside them.
        labels: one under each image, or beside each row of images; of data the names of its classes.

    Raises:
        ValueError: values that are neither images nor rows.

    >>> import elbowroom as er
    >>> digits = er.load_data("digits")
    >>> show(digits.train.first(4).x)
    ImagePreview(143x143 pixels: save(path) writes them)
    >>> show([[1.0, 2.0], [3.0, 4.5]])
    1  2
    1  2
    3  4.5
    """
    if isinstance(x, AnySplit):
        x = x.first(MAX_IMAGES).x
    if not isinstance(x, Tensor | np.ndarray | list):
        return _show_data(load_data(x, validation=0, test=0), caption, labels)
    x = _stack(x)
    if x.dim() == 2 and x.shape[1] <= MAX_ROW_VALUES:
        names = [str(i) for i in range(1, x.shape[1] + 1)]
        return TablePreview(names, _format_rows(x[:MAX_ROWS].tolist()), caption)
    if x.dim() == 5:
        rows = [_as_images(row) for row in x]
        return ImagePreview(draw_grid(rows, labels or [""] * len(rows), caption))
    images = _as_images(x)[:MAX_IMAGES]
    return ImagePreview(sample_grid(images, caption, None if labels is None else list(labels)[: len(images)]))


def _show_data(data: Data, caption: str, labels: Sequence[str] | None) -> ImagePreview | TablePreview:
    """Show the first training examples of data, with their labels."""
    is_table = data.columns is not None or not is_image(data.shape)
    batch = data.train.first(MAX_ROWS if is_table else MAX_IMAGES)
    caption = caption or f"training examples of {data.name}"
    own_labels = label_names(data, batch.y)
    if data.columns is None:
        return show(batch.x, caption, labels or own_labels)
    names, rows = [column.name for column in data.columns], decode_rows(batch.x, data.columns)
    if own_labels is not None:
        names, rows = [*names, "label"], [[*row, name] for row, name in zip(rows, own_labels, strict=True)]
    return TablePreview(names, _format_rows(rows), caption)


def _stack(x: Any) -> Tensor:
    """Return examples as one tensor."""
    if isinstance(x, list):
        shapes = {np.shape(one) for one in x}
        if len(shapes) != 1:
            raise ValueError(f"the {len(x)} examples to show have {len(shapes)} shapes: give them in one size")
        x = torch.stack([one if isinstance(one, Tensor) else torch.as_tensor(np.array(one)) for one in x])
        x = x[:, None] if x.dim() == 3 and not is_image(x.shape[1:]) else x
    return torch.as_tensor(x).detach().cpu()


def _as_images(x: Tensor) -> Tensor:
    """Return images (N, C, H, W) in [0, 1], from bytes or numbers, several or one, with or without channels."""
    if x.dim() == 4 and x.shape[1] not in (1, 3) and x.shape[-1] in (1, 3):
        x = x.movedim(-1, 1)
    if x.dim() == 2 or (x.dim() == 3 and is_image(x.shape)):
        x = x[None]
    if x.dim() == 3:
        x = x[:, None]
    if x.dim() != 4 or not is_image(x.shape[1:]):
        size = "x".join(map(str, x.shape))
        raise ValueError(
            f"{size} values are neither images nor rows: give (N, C, H, W) with 1 or 3 channels, or (N, D)"
        )
    return x / 255 if x.dtype == torch.uint8 else x.float()


def _format_rows(rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    """Return cells as text: numbers with six digits, missing ones empty."""
    return [[_format_cell(cell) for cell in row] for row in rows]


def _format_cell(cell: Any) -> str:
    if cell is None or cell != cell:
        return ""
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
