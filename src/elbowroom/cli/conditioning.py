"""Conditions from the command line: parse ``--label`` for a conditional model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elbowroom import errors

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.data import Data
    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run


def parse_condition(run: Run, model: GenerativeModel, text: str | None, n: int) -> tuple[Tensor | None, str]:
    """The condition of ``n`` samples and its description: as given, or that of the first training examples.

    Raises:
        ValueError: the model is not conditional, or there is no such class or attribute.
    """
    if not model.is_conditional:
        if text is not None:
            raise ValueError(f"--label {text}: this model is not conditional; train cvae, or leave it out")
        return None, ""
    if text is None and not model.requires_labels:
        return None, "classes in turn"
    data = run.data()
    if text is None:
        return _first_labels(data, n), "labels of the first training examples"
    return (_parse_attributes(data, text, n) if "=" in text else _parse_classes(data, text, n)), f"label {text}"


def _first_labels(data: Data, n: int) -> Tensor:
    import torch

    y = data.train.first(n).y
    if y is None:
        raise ValueError(f"this model is conditional and {data.name} has no labels: give --label")
    return y.repeat(-(-n // len(y)), *[1] * (y.dim() - 1))[:n].to(torch.get_default_dtype() if y.dim() > 1 else y.dtype)


def _parse_classes(data: Data, text: str, n: int) -> Tensor:
    import torch

    names = data.classes or ()
    indices = []
    for name in (part.strip() for part in text.split(",")):
        if name not in names and not (name.isdigit() and int(name) < max(len(names), 1)):
            raise errors.unknown_name("class", name, names)
        indices.append(names.index(name) if name in names else int(name))
    return torch.tensor(indices).repeat(-(-n // len(indices)))[:n]


def _parse_attributes(data: Data, text: str, n: int) -> Tensor:
    names = data.attributes or ()
    rows = _first_labels(data, n).clone()
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            raise errors.unknown_name("attribute", name, names)
        try:
            rows[:, names.index(name)] = float(value)
        except ValueError:
            raise ValueError(f"--label {part.strip()}: expected a number after '=', as {name}=1") from None
    return rows
