"""Convert items of data sets and batches of loaders to batches: keys, shapes, stacking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elbowroom.data.image import image_to_array
from elbowroom.data.splits.memory import Batch, scale_pixels
from elbowroom.data.value_coding import ValueSummary

X_KEYS = ("x", "image", "images", "img", "pixel_values", "input", "inputs", "data", "features")
Y_KEYS = ("y", "label", "labels", "target", "targets", "attributes")


def unpack_item(item: Any, where: str) -> tuple[Any, Any]:
    """Return the x and the y (or None) of an item or a batch, which is x, (x, y) or a dict."""
    if isinstance(item, Mapping):
        x_key = next((key for key in X_KEYS if key in item), None)
        if x_key is None:
            raise ValueError(
                f"{where} is a dict with the keys {', '.join(map(repr, item))}: expected one of {', '.join(X_KEYS)} "
                f"and, for labels, one of {', '.join(Y_KEYS)}; rename them"
            )
        return item[x_key], next((item[key] for key in Y_KEYS if key in item), None)
    if isinstance(item, tuple | list):
        if len(item) not in (1, 2):
            raise ValueError(f"{where} is a {type(item).__name__} of {len(item)}: expected x, (x, y) or a dict")
        return item[0], item[1] if len(item) == 2 else None
    return item, None


def item_to_array(x: Any) -> np.ndarray:
    """Return one example as an array; of a PIL image its pixels."""
    if hasattr(x, "getbands"):
        return image_to_array(x)
    return tensor_to_numpy(x) if isinstance(x, Tensor) else np.asarray(x)


def stack_items(items: Sequence[Any], index: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the x (B, ...) and y (B,) of the items at the positions ``index`` of a data set, as they are.

    Raises:
        ValueError: an item without x, or items of different shapes.
    """
    pairs = [unpack_item(item, "an item") for item in items]
    xs = [item_to_array(x) for x, _ in pairs]
    for position, x in zip(index, xs, strict=True):
        if x.shape != xs[0].shape:
            raise ValueError(
                f"item {position} of the data set has shape {x.shape} and item {int(index[0])} has {xs[0].shape}: "
                "expected the same shape for all; resize them in the data set"
            )
    return np.stack(xs), None if pairs[0][1] is None else np.stack([np.asarray(y) for _, y in pairs])


def make_batch(x: Tensor, y: Any, index: Tensor, device: torch.device | str | None) -> Batch:
    """Return a batch on the device from coded x (B, ...) and y (B,) as it was given; pixels are scaled."""
    values = scale_pixels(x)
    target = None if y is None else as_tensor(y, "y")
    if target is not None:
        target = target.float() if target.is_floating_point() else target.long()
        if len(target) != len(values):
            raise ValueError(f"{len(target)} labels for a batch of {len(values)} examples: expected one label for each")
    if device is None:
        return Batch(values, target, index)
    return Batch(values.to(device), None if target is None else target.to(device), index.to(device))


def as_tensor(values: Any, where: str) -> Tensor:
    """Return the numbers of a batch as a tensor."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError) as error:
        kind = getattr(values, "dtype", type(values).__name__)
        raise ValueError(f"the {where} of a batch is {kind}: expected numbers; convert it in the data set") from error


def require_finite(found: ValueSummary) -> None:
    """Refuse a stream whose first examples hold NaN or infinite values."""
    if not found.is_finite:
        raise ValueError("the first batch has NaN or infinite values: expected finite numbers; remove or fill them")


def tensor_to_numpy(x: Tensor) -> np.ndarray:
    """Return a tensor of any kind, on any device, as an array."""
    # numpy knows no bfloat16
    array: np.ndarray = (x.detach().float() if x.dtype == torch.bfloat16 else x.detach()).cpu().numpy()
    return array


def preserve_rng() -> AbstractContextManager[None]:
    """Return a block that leaves torch's global generator as it was: a look at the data must not change a training."""
    return torch.random.fork_rng(devices=[])
