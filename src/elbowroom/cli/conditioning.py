"""Conditions from the command line: parse ``--label`` for a conditional model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elbowroom import errors

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.data import Data
    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run
    from elbowroom.runs.run_view import RunView


def parse_condition(run: Run, model: GenerativeModel, text: str | None, n: int) -> tuple[Tensor | None, str]:
    """The condition of ``n`` samples and its description: as given, or that of the first training examples.

    Raises:
        ValueError: the model is not conditional, or there is no such class or attribute.
    """
    from elbowroom.runs.run_view import RunView

    if not model.is_conditional:
        if text is not None:
            raise ValueError(f"--label {text}: this model is not conditional; train cvae, or leave it out")
        return None, ""
    if text is None and not model.requires_labels:
        return None, "classes in turn"
    view = RunView(run)
    if text is None:
        return _default_labels(view, model, n)
    if "=" in text:
        return _parse_attributes(view, text, n)
    return _parse_classes(view, model, text, n), f"label {text}"


def _default_labels(view: RunView, model: GenerativeModel, n: int) -> tuple[Tensor, str]:
    """Labels of the first training examples; where the data is not available, the classes in turn."""
    import torch

    if view.missing_data_reason and view.classes and not view.attributes:
        return torch.arange(n) % model.condition_size, "classes in turn"
    return _first_labels(view.data, n), "labels of the first training examples"


def sample_labels(run: Run, model: GenerativeModel, n: int) -> tuple[Tensor | None, str]:
    """Return labels for sampled rows of a table, drawn by their shares among its training rows, and their description.

    ``None`` for what is no table, for a model without labels, and where the record has no shares.
    """
    from elbowroom.data import draw_labels

    record = run.record["data"]
    if not model.is_conditional or "columns" not in record:
        return None, ""
    labels = draw_labels(n, record)
    return labels, "" if labels is None else "labels drawn by their shares in training"


def _first_labels(data: Data, n: int) -> Tensor:
    import torch

    y = data.train.first(n).y
    if y is None:
        raise ValueError(f"this model is conditional and {data.name} has no labels: give --label")
    return y.repeat(-(-n // len(y)), *[1] * (y.dim() - 1))[:n].to(torch.get_default_dtype() if y.dim() > 1 else y.dtype)


def _parse_classes(view: RunView, model: GenerativeModel, text: str, n: int) -> Tensor:
    import torch

    names = view.classes or tuple(map(str, range(model.condition_size)))
    indices = []
    for name in (part.strip() for part in text.split(",")):
        if name not in names and not (name.isdigit() and int(name) < len(names)):
            raise errors.unknown_name("class", name, names)
        indices.append(names.index(name) if name in names else int(name))
    return torch.tensor(indices).repeat(-(-n // len(indices)))[:n]


def _parse_attributes(view: RunView, text: str, n: int) -> tuple[Tensor, str]:
    """The attributes of ``n`` samples, and in words what was given and where the others are from."""
    values = dict(_parse_attribute(part, view.attributes) for part in text.split(","))
    rows = _attribute_rows(view, values, n)
    for index, value in values.items():
        rows[:, index] = value
    others = ", other attributes of training examples" if len(values) < len(view.attributes) else ""
    return rows, f"label {text}{others}"


def _parse_attribute(text: str, names: tuple[str, ...]) -> tuple[int, float]:
    """The index and the value of an attribute, of ``NAME=VALUE``."""
    name, _, value = (piece.strip() for piece in text.partition("="))
    if name not in names:
        raise errors.unknown_name("attribute", name, names)
    try:
        return names.index(name), float(value)
    except ValueError:
        raise ValueError(f"--label {text.strip()}: expected a number after '=', as {name}=1") from None


def _attribute_rows(view: RunView, values: dict[int, float], n: int) -> Tensor:
    """Attributes of ``n`` samples before those that are given are set: of training examples, if not all are given."""
    import torch

    from elbowroom.data.readers.table_encoding import format_names

    missing = [name for index, name in enumerate(view.attributes) if index not in values]
    if missing and (reason := view.missing_data_reason):
        raise ValueError(
            f"--label leaves out {format_names(missing)}, which are taken from training examples, and {reason}; or "
            "give all attributes"
        )
    return _first_labels(view.data, n).clone() if missing else torch.zeros(n, len(view.attributes))
