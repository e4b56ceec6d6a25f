"""Checks that data has the shape and the values that a model was made for."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from elbowroom.data import Data, Split
from elbowroom.data.splits.labeled import LabeledSplit
from elbowroom.families import Columns, Family, Views
from elbowroom.models.base import GenerativeModel, data_record_of
from elbowroom.models.inputs import as_labels

MAX_VALUE_SIZE = 30.0
"""Largest absolute value of numbers that a network takes as they are."""
MIN_VALUE_SIZE = 0.03
"""Smallest largest absolute value of such numbers."""
VIEW_EXAMPLES = 1000
"""Examples whose views are looked at for values between 0 and 1."""


def check_compatible(model: GenerativeModel, data: Data) -> None:
    """Check that examples have the model's shape and values within the support of its likelihood.

    Raises:
        ValueError: another shape, or a value outside the support.
    """
    if model.shape != data.shape:
        have, want = ("x".join(map(str, shape)) for shape in (data.shape, model.shape))
        raise ValueError(f"the data's examples are {have}, but the model was made for {want}: make it with data.shape")
    check_range(model, data)


def check_range(model: GenerativeModel, data: Data) -> None:
    """Check that all values are within the support of the model's likelihood."""
    family = model.decoder.family
    low, high = family.support
    outside = data.find_out_of_range(low, high, integer=family.is_count, missing=family.missing)
    if outside is None:
        check_columns(family, data)
    else:
        split, row, value = outside
        if not math.isfinite(value):
            empty = ", or use --likelihood columns, which leaves out what is missing" if data.columns else ""
            raise ValueError(
                f"row {row} of the source ({split} split) holds {value}: expected finite numbers; remove or fill "
                f"it{empty}"
            )
        if family.is_count:
            raise ValueError(
                f"value {value:g} in row {row} of the source ({split} split) is no count: {type(family).__name__} is "
                f"for whole numbers from 0; {_advise_counts(data)}"
            )
        raise ValueError(
            f"value {value:g} in row {row} of the source ({split} split) is outside [{low:g}, {high:g}], the range of "
            f"{type(family).__name__}: {advise_scaling(model, data, low, high)}"
        )


def with_condition(model: GenerativeModel, split: Split, c: Any) -> Split:
    """Return a split with one condition for all its examples, where one is given: those may have no labels.

    Args:
        model: a conditional one, if a condition is given.
        split: the examples.
        c: the name or number of a class, or a tensor of one condition, () or (A,).

    Raises:
        ValueError: a class that is none, or a condition for a model that takes none.
    """
    model.refuse_condition(c)
    if c is None:
        return split
    label = c if isinstance(c, Tensor) else as_labels(model, c, 1)
    return split if label is None else LabeledSplit(split, label if isinstance(c, Tensor) else label[0])


def _advise_counts(data: Data) -> str:
    """Return what a likelihood of counts needs in place of this data."""
    if data.columns:
        return "columns of a table are standardized: give the counts as an array or a sparse matrix, or leave it out"
    return "use another, such as --likelihood gaussian, or give the counts themselves, neither scaled nor pixels"


def advise_scaling(model: GenerativeModel, data: Data, low: float, high: float) -> str:
    """Return what brings data into the range of a likelihood, or the likelihood that suits it.

    A model that was trained has its likelihood, and data is read for it as that of its training was.
    """
    if data_record_of(model) is not None:
        return "bring the values to the scale of the training data, by whose record they are read"
    if data.columns:
        return "scale the data into it, or use --likelihood columns"
    if (low, high) != (0, 1):
        return "scale the data into it, or use --likelihood gaussian for numbers of any sign"
    if data.protocol.get("series"):
        return "use --likelihood gaussian for numbers of any sign; --scaling minmax brings training series into [0, 1]"
    smallest, largest = round_limits(*data.value_limits(), len(data.shape) == 3)
    scaling = (
        f"load it with value_range=({smallest:g}, {largest:g}), on the command line "
        f"--value-range={smallest:g},{largest:g}, which brings it to [0, 1]"
    )
    if len(data.shape) == 3:
        return scaling
    return f"{scaling}; or standardise it, and use --likelihood gaussian"


def round_limits(low: float, high: float, is_image: bool = True) -> tuple[float, float]:
    """Return the limits that values within these are likely to have: [-1, 1], bytes of images, or their own, rounded.

    >>> round_limits(-0.97, 0.99), round_limits(3.0, 251.5), round_limits(-7.123, 1200.1)
    ((-1.0, 1.0), (0.0, 255.0), (-10.0, 1210.0))
    >>> round_limits(0.0, 39.0, is_image=False)
    (0.0, 39.0)
    """
    if low < 0 and max(-low, high) <= 1:
        return -1.0, 1.0
    if is_image and low >= 0 and 1 < high <= 255:
        return 0.0, 255.0
    step = 10.0 ** (math.floor(math.log10(max(abs(low), abs(high)))) - 2)
    return min(0.0, math.floor(low / step) * step), math.ceil(high / step) * step


def warn_of_scale(model: GenerativeModel, data: Data) -> None:
    """Warn of numbers to train on that are far larger or smaller than 1; a network and a fixed learning rate suit them
    badly.
    """
    family = model.decoder.family
    if data.columns or family.missing or not all(map(math.isinf, family.support)):
        return
    low, high = data.value_limits(sample=True)
    size = max(-low, high)
    if MIN_VALUE_SIZE <= size <= MAX_VALUE_SIZE or size == 0:
        return
    smallest, largest = round_limits(low, high, len(data.shape) == 3)
    by_column = "standardise each column" if len(data.shape) < 3 else "divide them"
    warnings.warn(
        f"the values of {data.name} are from {low:.3g} to {high:.3g}, far from a scale of 1, and training may learn no "
        f"more than their mean: {by_column}, or give value_range=({smallest:.4g}, {largest:.4g}), on the command line "
        f"--value-range={smallest:.4g},{largest:.4g}",
        stacklevel=4,
    )


def check_columns(family: Family, data: Data) -> None:
    """Check that each column of a table takes values that its likelihood has."""
    if not isinstance(family, Columns):
        return
    for i, column in enumerate(family.columns.children()):
        assert isinstance(column, Family)
        low, high = column.support
        outside = data.find_out_of_range(low, high, integer=column.levels is not None, missing=True, column=i)
        if outside is not None:
            split, row, value = outside
            name = data.columns[i].name if data.columns else i + 1
            raise ValueError(
                f"value {value:g} in column {name}, row {row} of the source ({split} split), is none of the "
                f"{type(column).__name__} of {low:g} to {high:g} that the model has there: encode the table as the "
                "training data was"
            )


def is_probability(model: GenerativeModel, data: Data) -> bool:
    """Return whether p(x|z) is a probability of exactly the values in the data, so that bits are meaningful."""
    levels = model.decoder.family.levels
    return data.binary if levels == 2 else data.discrete and levels is not None


def describe_likelihood(model: GenerativeModel, data: Data) -> str:
    """Return what log p(x|z) is for this data, in words: a cross-entropy, log-density or log-probability."""
    family = model.decoder.family
    if isinstance(family, Views):
        return _describe_views(family, data)
    name = type(family).__name__
    if family.levels == 2 and not data.binary:
        return f"{name} on grey values: a cross-entropy, not a likelihood; compare with the same protocol only"
    return f"{name}, {'log-probability' if family.is_count or family.levels is not None else 'log-density'}"


def _describe_views(family: Views, data: Data) -> str:
    """Return what log p(x|z) is for views, with the likelihood of each; bits are looked for in the first examples."""
    shape = family.views
    assert shape is not None
    name = f"Views ({', '.join(f'{view.name} {view.likelihood}' for view in shape.views)})"
    values = shape.split(data.train.first(VIEW_EXAMPLES).x)
    of_bits = [view.name for view, part in zip(shape.views, family.parts, strict=True) if part.levels == 2]
    grey = [name for name in of_bits if not torch.isin(values[name].nan_to_num(0), torch.tensor([0.0, 1.0])).all()]
    if grey:
        what = "a cross-entropy, not a likelihood; compare with the same protocol only"
        return f"{name}, {', '.join(grey)} in grey: {what}"
    return f"{name}, {'log-probability' if family.is_mass else 'log-density'}"
