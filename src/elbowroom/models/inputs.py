"""Inputs as people hold them (bytes, arrays, lists, tables, names of classes) to the tensors that a network takes.

Training gives float tensors, which pass by a look at their type; everything else is call_with_examples here.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.families.base import Family
from elbowroom.families.views import Views
from elbowroom.table_shape import TableShape
from elbowroom.view_shape import ViewShape

if TYPE_CHECKING:
    from elbowroom.models.base import GenerativeModel

P = ParamSpec("P")
R = TypeVar("R")
ModelT = TypeVar("ModelT", bound="GenerativeModel")
Method = Callable[Concatenate[ModelT, Any, P], R]


def takes_examples(method: Method[ModelT, P, R]) -> Method[ModelT, P, R]:
    """Let a method (x, c, ...) of a model take examples and labels as people hold them."""

    @wraps(method)
    def call_with_examples(model: ModelT, x: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        if not (isinstance(x, Tensor) and x.is_floating_point()):
            x = as_examples(model, x)
        args, kwargs = _convert_labels(model, args, kwargs, x)
        return method(model, x, *args, **kwargs)

    return cast("Method[ModelT, P, R]", call_with_examples)


def takes_latents(method: Method[ModelT, P, R]) -> Method[ModelT, P, R]:
    """Let a method (z, c, ...) of a model take latents and labels as people hold them."""

    @wraps(method)
    def call_with_latents(model: ModelT, z: Any, *args: P.args, **kwargs: P.kwargs) -> R:
        z = as_latents(model, z)
        args, kwargs = _convert_labels(model, args, kwargs, z if z.dim() > len(model.latent_shape) else z[None])
        return method(model, z, *args, **kwargs)

    return cast("Method[ModelT, P, R]", call_with_latents)


def _convert_labels(model: GenerativeModel, args: Any, kwargs: Any, batch: Tensor) -> tuple[Any, Any]:
    """Return the arguments after the first, with labels c as a tensor; nothing is asked of a batch without need."""
    c = args[0] if args else kwargs.get("c")
    if c is None or isinstance(c, Tensor):
        return args, kwargs
    labels = as_labels(model, c, len(batch))
    return ((labels, *args[1:]), kwargs) if args else (args, kwargs | {"c": labels})


def as_examples(model: GenerativeModel, x: Any) -> Tensor:
    """Return examples as the float tensor that the model's networks take, on its device.

    A float tensor holds what the model sees. All else is coded as the data that the model was trained on; without
    such, bytes are pixels, truth values bits, and floats are as they are.

    Of a model of several views they may be a dictionary of some of them by name; the others are missing.

    Raises:
        ValueError: whole numbers, or a table, for a model that was trained on no data; an unknown view.
    """
    if isinstance(x, Mapping) and model.views is not None:
        x = model.views.join({name: _code_view(value, name, model.views) for name, value in x.items()})
    if not (isinstance(x, Tensor) and x.is_floating_point()):
        x = _code_plainly(x) if model.code_examples is None else model.code_examples(x)
    parameter = next(model.parameters())
    example: Tensor = x.to(parameter.device, parameter.dtype)
    return example


def _code_view(value: Any, name: str, views: ViewShape) -> Tensor:
    """Return a view of examples as floats: bytes are pixels where the view has several numbers, else classes.

    Raises:
        ValueError: no numbers; a class that the view has not.
    """
    values = value if isinstance(value, Tensor) else _as_tensor(value, f"view '{name}'")
    shape = next((view.shape for view in views.views if view.name == name), ())
    values = values[..., None] if shape == (1,) and values.dim() == 1 else values
    is_image_without_channel = len(shape) == 3 and shape[0] == 1 and tuple(values.shape[-2:]) == shape[1:]
    values = values.unsqueeze(-3) if is_image_without_channel and values.dim() == 3 else values
    if isinstance(shape, TableShape):
        return _code_categories(values.float(), shape, name)
    return values.float() / 255 if values.dtype == torch.uint8 and shape != (1,) else values.float()


def _code_categories(values: Tensor, shape: TableShape, name: str) -> Tensor:
    """Return columns of a view (..., D) whose categories are checked, NaN where one is missing, -1."""
    sizes = torch.tensor(shape.sizes, device=values.device)
    if values.shape[-1:] != sizes.shape:
        return values  # Joining the views names the shape that is wrong.
    values = values.masked_fill((sizes > 1) & (values == -1), torch.nan)
    known = values.isnan() | (sizes == 1) | ((values >= 0) & (values < sizes) & (values == values.floor()))
    if known.all():
        return values
    column = int((~known).flatten(0, -2).any(0).nonzero()[0])
    value = float(values[..., column][~known[..., column]][0])
    raise ValueError(
        f"view '{name}' has the class {value:g}: expected 0 to {shape.sizes[column] - 1}, in the order of the "
        "classes in training, or -1 where it is missing"
    )


def _code_plainly(x: Any) -> Tensor:
    values = x if isinstance(x, Tensor) else _as_tensor(x, "examples")
    if values.dtype == torch.uint8:
        return values.float() / 255
    if values.dtype == torch.bool or values.is_floating_point():
        return values.float()
    raise ValueError(
        f"examples of {values.dtype}: what whole numbers stand for is known to a model of a run (er.load) alone; give "
        "bytes (uint8) for pixels, or floats as the model sees them"
    )


def check_examples(model: GenerativeModel, x: Tensor) -> Tensor:
    """Return examples that have the model's shape, and values that p(x|z) covers.

    Raises:
        ValueError: they have not.
    """
    if tuple(x.shape[1:]) != model.shape:
        have, want = (_format_shape(shape) for shape in (x.shape, model.shape))
        raise ValueError(f"x has shape {have}; this model's examples are {want}: give (N, {want.replace('x', ', ')})")
    family = model.decoder.family
    if isinstance(family, Views) and family.views is not None:
        for part, (name, values) in zip(family.parts, family.views.split(x).items(), strict=True):
            _check_range(values, part, f" of view '{name}'", takes_gaps=True)
    else:
        _check_range(x, family, "", takes_gaps=family.missing)
    return x


def _check_range(x: Tensor, family: Family, where: str, takes_gaps: bool) -> None:
    low, high = family.support
    valid = (x >= low) & (x <= high) & x.isfinite()
    if takes_gaps:
        valid |= x.isnan()
    if not valid.all():
        row = int((~valid).flatten(1).any(1).nonzero()[0])
        value = float(x[row][~valid[row]][0])
        raise ValueError(
            f"value {value:g} in example {row}{where} is outside [{low:g}, {high:g}], the range of "
            f"{type(family).__name__}: give the bytes or the array itself, which are coded as in training, or "
            "load_like(..., run.record['data'])"
        )


def as_latents(model: GenerativeModel, z: Any) -> Tensor:
    """Return latents, as a tensor, an array or lists of numbers, as a float tensor (..., *latent_shape) of the device.

    Raises:
        ValueError: they are no numbers, or of another shape than the model's latents.
    """
    latents = z if isinstance(z, Tensor) else _as_tensor(z, "z")
    depth = len(model.latent_shape)
    if latents.dim() < depth or tuple(latents.shape[latents.dim() - depth :]) != model.latent_shape:
        want, have = _format_shape(model.latent_shape), _format_shape(latents.shape[1:] or latents.shape)
        raise ValueError(f"z has latents of {have} numbers; this model's latents have {want}: give {want} each")
    return latents if latents.is_floating_point() else latents.to(_device(model), torch.get_default_dtype())


def as_labels(model: GenerativeModel, c: Any, n: int) -> Tensor | None:
    """Return labels as a tensor: numbers, names of classes (of a model that was trained on them), one for all or each.

    Raises:
        ValueError: a name that is no class; a condition, which is no tensor of a batch, for a model that takes none.
    """
    if c is None or isinstance(c, Tensor):
        return c
    model.refuse_condition(c)
    names = tuple((model.data_record or {}).get("classes") or ())
    is_one = isinstance(c, str | int)
    values = np.asarray([c] if is_one else c)
    if values.dtype.kind in "USO":
        values = np.array([_class_index(name, names) for name in values.tolist()])
    labels = torch.from_numpy(values).to(_device(model))
    labels = labels.to(torch.get_default_dtype()) if labels.is_floating_point() else labels.long()
    return labels.expand(n) if is_one else labels


def check_count(n: Any) -> int:
    """Return a number of samples.

    Raises:
        ValueError: it is none, as latents given in its place.
    """
    with suppress(TypeError):
        if operator.index(n) >= 0:
            return operator.index(n)
    what = f"got {n}" if isinstance(n, int | float | str) else f"got {type(n).__name__}"
    raise ValueError(f"n is how many to draw, a whole number of at least 0, {what}: latents are given as z=")


def _class_index(name: Any, names: tuple[str, ...]) -> int:
    if str(name) not in names:
        raise errors.unknown_name("class", str(name), names)
    return names.index(str(name))


def _as_tensor(values: Any, name: str) -> Tensor:
    try:
        array = np.asarray(values)
    except ValueError:
        array = np.empty(0, object)
    if array.dtype.kind not in "buif":
        kind = type(values).__name__
        raise ValueError(f"{name} holds no numbers of one shape, got {kind}: give an array or a tensor")
    tensor = torch.from_numpy(array)
    return tensor.float() if tensor.dtype == torch.float64 else tensor


def _device(model: GenerativeModel) -> torch.device:
    return next(model.parameters()).device


def _format_shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
