"""Checks that data has the shape and the values that a model was made for."""

from __future__ import annotations

import math

from elbowroom.data import Data
from elbowroom.families import Bernoulli, Columns, Family
from elbowroom.models.base import GenerativeModel


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
    outside = data.find_out_of_range(low, high, missing=family.missing)
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
        raise ValueError(
            f"value {value:g} in row {row} of the source ({split} split) is outside [{low:g}, {high:g}], the range of "
            f"{type(family).__name__}: scale the data into it, or use --likelihood "
            f"{'columns' if data.columns else 'gaussian'}"
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
    name = type(family).__name__
    if isinstance(family, Bernoulli) and not data.binary:
        return f"{name} on grey values: a cross-entropy, not a likelihood; compare with the same protocol only"
    return f"{name}, {'log-density' if family.levels is None else 'log-probability'}"
