"""Shapes by factors: the grid of dSprites, drawn when it is read, and a grid of shapes in colour."""

from __future__ import annotations

import colorsys
import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view

from elbowroom import errors
from elbowroom.data.catalog.registry import dataset
from elbowroom.data.factors import FactorGrid
from elbowroom.data.options import ReadOptions
from elbowroom.data.raw import RawDataset, RawSplit, split_from_arrays
from elbowroom.data.splits.buffered import BufferedSplit

if TYPE_CHECKING:
    from elbowroom.data.load import Data

SIDE_PX = 64
"""Default side of an image."""
N_TRAIN = 20_000
"""Default number of training examples."""
N_HELD_OUT = {"validation": 1000, "test": 10_000}
"""Combinations that are held out, never trained on, whatever the number of training examples."""
MAX_IN_MEMORY = 50_000
"""Training examples that are drawn once and kept; more are drawn whenever they are read."""
MIN_SIDE_PX = 8
CHUNK_IMAGES = 2048
"""Images that are drawn at once."""
SHAPES = ("square", "ellipse", "heart")
ELLIPSE_RATIO = 0.6
"""Shorter axis of the ellipse, over the longer one."""
HEART_RADIUS = 1.425
"""Radius of the circle that holds the curve (x² + y² - 1)³ = x² y³."""
REACH = 31 / 64
"""Distance between the outermost positions of a center, in sides: none of the shapes touches the border."""
SCALES = tuple(np.linspace(0.5, 1, 6).round(1).tolist())
SHAPES_LICENSE = "drawn by this library: no terms"


def degrees(n: int) -> tuple[float, ...]:
    """Return n orientations, evenly spaced from 0 to below 360°."""
    return tuple(np.linspace(0, 360, n, endpoint=False).tolist())


def positions(n: int) -> tuple[float, ...]:
    """Return n positions, evenly spaced from 0 to 1."""
    return tuple((np.arange(n) / (n - 1)).tolist())


def is_inside(shape: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which points are in a shape that touches the unit circle; x to the right, y up."""
    inside: np.ndarray
    if SHAPES[shape] == "square":
        inside = np.maximum(abs(x), abs(y)) <= np.sqrt(0.5)
    elif SHAPES[shape] == "ellipse":
        inside = x * x + y * y / ELLIPSE_RATIO**2 <= 1
    else:
        x2, y = (HEART_RADIUS * x) ** 2, HEART_RADIUS * y
        outside = x2 + y * y - 1
        inside = outside * outside * outside <= x2 * y * y * y  # numpy's power takes 6 times as long
    return inside


def draw_masks(shape: np.ndarray, scale: np.ndarray, angle: np.ndarray, center: np.ndarray, side: int) -> np.ndarray:
    """Draw one shape an image, without anti-aliasing: (N, side, side) of bits.

    Args:
        shape: index in SHAPES, (N,).
        scale: from 0.5 to 1; at 1 the shape touches a circle of a quarter of the side, (N,).
        angle: by which it is turned to the left, radians, (N,).
        center: position of its center from 0 to 1 in x (to the right) and y (down), (N, 2).
        side: of the image, pixels.

    >>> ones = np.ones(3)
    >>> draw_masks(np.arange(3), ones, 0 * ones, np.full((3, 2), 0.5), 64).sum((1, 2)).tolist()
    [484, 480, 466]
    """
    margin = side // 4 + 2
    center = side / 2 + (center - 0.5) * REACH * side
    corner = np.floor(center).astype(int) - margin
    # Neighbours a whole pixel apart are the same mask elsewhere: each is drawn once.
    looks = np.column_stack([shape, scale, angle, (center - corner).round(6)])
    distinct, which = np.unique(looks.view(f"V{looks.itemsize * looks.shape[1]}").ravel(), return_inverse=True)
    masks = _draw_windows(distinct.view(looks.dtype).reshape(len(distinct), -1), margin, side)
    canvas = np.zeros((len(shape), side + 2 * margin, side + 2 * margin), dtype=bool)
    windows = sliding_window_view(canvas, (2 * margin, 2 * margin), axis=(1, 2), writeable=True)
    windows[np.arange(len(shape)), corner[:, 1] + margin, corner[:, 0] + margin] = masks[which]
    return canvas[:, margin:-margin, margin:-margin]


def _draw_windows(looks: np.ndarray, margin: int, side: int) -> np.ndarray:
    """Draw shapes in a window of twice the margin from shape, scale, angle and place of the center in it, (N, 5)."""
    pixels = np.arange(2 * margin, dtype=np.float32) + 0.5
    masks = np.empty((len(looks), 2 * margin, 2 * margin), dtype=bool)
    for i, (shape, scale, angle, x0, y0) in enumerate(looks.astype(np.float32).tolist()):
        x, y = (pixels - x0)[None, :] / (scale * side / 4), (y0 - pixels)[:, None] / (scale * side / 4)
        cos, sin = math.cos(angle), math.sin(angle)
        masks[i] = is_inside(int(shape), cos * x + sin * y, cos * y - sin * x)
    return masks


def draw_shapes(indices: np.ndarray, side: int) -> np.ndarray:
    """Draw white shapes on black from indices of shape, scale, orientation, x and y, (N, 5): (N, side, side) bits."""
    return _draw_by_values(indices, side, SHAPES_VALUES)


def draw_color_shapes(indices: np.ndarray, side: int) -> np.ndarray:
    """Draw shapes in colour from indices of the two colours and those of a white shape, (N, 7): (N, 3, side, side)."""
    mask = _draw_by_values(indices[:, 2:], side, COLOR_VALUES)[:, None]
    colors = [palette[indices[:, i]][:, :, None, None] for i, palette in enumerate((OBJECT_COLORS, BACKGROUND_COLORS))]
    images: np.ndarray = np.where(mask, *colors)
    return images


def _draw_by_values(indices: np.ndarray, side: int, values: dict[str, tuple[str | float, ...]]) -> np.ndarray:
    scales, degrees, x, y = (np.array(values[name], dtype=float) for name in ("scale", "orientation", "x", "y"))
    masks = np.empty((len(indices), side, side), dtype=bool)
    for start in range(0, len(indices), CHUNK_IMAGES):
        shape, *i = indices[start : start + CHUNK_IMAGES].T
        center = np.stack([x[i[2]], y[i[3]]], -1)
        masks[start : start + CHUNK_IMAGES] = draw_masks(shape, scales[i[0]], np.radians(degrees[i[1]]), center, side)
    return masks


def palette(saturation: float, value: float) -> np.ndarray:
    """Return colors of ten hues, (10, 3) uint8."""
    rgb = [colorsys.hsv_to_rgb(hue / 10, saturation, value) for hue in range(10)]
    return np.round(255 * np.array(rgb)).astype(np.uint8)


HUES = ("red", "orange", "yellow", "green", "mint", "cyan", "azure", "blue", "violet", "rose")
OBJECT_COLORS, BACKGROUND_COLORS = palette(0.95, 0.75), palette(0.3, 1.0)
SHAPES_VALUES: dict[str, tuple[str | float, ...]] = {
    "shape": SHAPES,
    "scale": SCALES,
    "orientation": degrees(40),
    "x": positions(32),
    "y": positions(32),
}
COLOR_VALUES: dict[str, tuple[str | float, ...]] = {
    "object_color": HUES,
    "background_color": HUES,
    "shape": SHAPES,
    "scale": SCALES,
    "orientation": degrees(10),
    "x": positions(8),
    "y": positions(8),
}
GRIDS = {"shapes": (SHAPES_VALUES, draw_shapes), "color-shapes": (COLOR_VALUES, draw_color_shapes)}
"""The values of the factors and the function that draws them, by the name of the data set."""


def make_grid(name: str, side: int = SIDE_PX) -> FactorGrid:
    """Return the grid of a data set that is drawn.

    >>> len(make_grid("shapes")), len(make_grid("color-shapes"))
    (737280, 1152000)
    """
    values, draw = GRIDS[name]
    return FactorGrid(name, values, draw, side)


def factor_grid(data: Data) -> FactorGrid | None:
    """Return the grid that the examples of a data set are drawn from; None of any other data."""
    is_drawn = data.protocol.get("source") in GRIDS and data.protocol["source"] == data.name
    return make_grid(data.name, data.shape[-1]) if is_drawn else None


OPTIONS = ("resize", "buffer", "label", "examples")


@dataset(
    "shapes",
    summary="squares, ellipses and hearts in the grid of dSprites, drawn here; 5 factors: shape, scale, orientation, "
    "x, y; --examples N trains on N of the 726,280 combinations that are not held out",
    source="drawn by this library, after L. Matthey, I. Higgins, D. Hassabis and A. Lerchner, dSprites, 2017",
    license=SHAPES_LICENSE,
    shape=(1, SIDE_PX, SIDE_PX),
    sizes={"train": N_TRAIN, **N_HELD_OUT},
    options=OPTIONS,
)
def shapes(options: ReadOptions) -> RawDataset:
    """Return 737,280 binary images: 3 shapes, 6 scales, 40 orientations, 32 by 32 positions; the labels are these.

    Without anti-aliasing, so that every value is 0 or 1. Beside dSprites: the 40 orientations do not have 0° twice, a
    step of position is one pixel, and outlines and sizes are ours. A square looks the same after 90°, and an ellipse
    after 180°.
    """
    return _read_grid("shapes", options)


@dataset(
    "color-shapes",
    summary="the same shapes in ten colours before ten others; 7 factors, as in 3D Shapes",
    source="drawn by this library, after C. Burgess and H. Kim, 3D Shapes, 2018",
    license=SHAPES_LICENSE,
    shape=(3, SIDE_PX, SIDE_PX),
    sizes={"train": N_TRAIN, **N_HELD_OUT},
    options=OPTIONS,
)
def color_shapes(options: ReadOptions) -> RawDataset:
    """Return 1,152,000 images: 10 colours by 10 of the background, 3 shapes, 6 scales, 10 orientations, 8 by 8 places.

    Colours are saturated and backgrounds pale, so that a shape is seen before its own hue.
    """
    return _read_grid("color-shapes", options)


def _read_grid(name: str, options: ReadOptions) -> RawDataset:
    """Return splits of a grid: random combinations, the same each time, none of them in two splits."""
    grid = make_grid(name, _resolve_side(name, options))
    n_train = options.examples or N_TRAIN
    if n_train > (most := len(grid) - sum(N_HELD_OUT.values())):
        raise ValueError(
            f"examples={n_train:,}: {name} has {most:,} combinations that are not held out: give at most {most}"
        )
    order = np.random.default_rng(0).permutation(len(grid))
    ends = np.cumsum([*N_HELD_OUT.values(), n_train])
    rows = dict(zip((*N_HELD_OUT, "train"), np.split(order, ends)[:-1], strict=True))
    selected = _selected_factors(name, options.label, grid)
    is_drawn_on_demand = n_train > MAX_IN_MEMORY or options.buffer is not None
    splits = {split: _make_split(grid, index, selected, is_drawn_on_demand, options) for split, index in rows.items()}
    return RawDataset(
        splits["train"],
        splits["validation"],
        splits["test"],
        classes=tuple(map(str, grid.values[selected[0]])) if len(selected) == 1 else None,
        attributes=None if len(selected) == 1 else selected,
        layout="image" if grid.name == "color-shapes" else "auto",
        content_hash=f"{name}, {grid.side} pixels, {n_train} examples" if is_drawn_on_demand else None,
    )


def _resolve_side(name: str, options: ReadOptions) -> int:
    size = options.resize or SIDE_PX
    height, width = size if isinstance(size, tuple) else (size, size)
    if height != width or height < MIN_SIDE_PX:
        raise ValueError(f"resize={height},{width}: the images of {name} are square: give one of {MIN_SIDE_PX} or more")
    return height


def _selected_factors(name: str, label: str | None, grid: FactorGrid) -> tuple[str, ...]:
    selected = tuple(part.strip() for part in label.split(",")) if label else tuple(grid.values)
    if unknown := [factor for factor in selected if factor not in grid.values]:
        raise errors.unknown_name(f"factor of {name}", unknown[0], grid.values)
    return selected


def _make_split(
    grid: FactorGrid, rows: np.ndarray, selected: tuple[str, ...], is_drawn_on_demand: bool, options: ReadOptions
) -> RawSplit:
    """Return images at rows of the grid with their labels: attributes from 0 to 1, or of one factor its classes."""
    columns = [list(grid.values).index(factor) for factor in selected]
    labeled = np.arange(len(grid)) if is_drawn_on_demand else rows
    y = grid.labels(labeled)[:, columns] if len(columns) > 1 else grid.indices(labeled)[:, columns[0]]
    if is_drawn_on_demand:
        return BufferedSplit(grid, torch.from_numpy(y), buffer=options.buffer).subset(torch.from_numpy(rows))
    split = split_from_arrays(grid.read_rows(rows), y, where=grid.name)
    split.source_rows = torch.from_numpy(rows)
    return split
