"""Examples that a command is given: other data for a run, coded by its record, with the condition it is taken under."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from elbowroom.data import Data, Split
    from elbowroom.models.base import GenerativeModel
    from elbowroom.runs.run import Run


class SelectedExamples(NamedTuple):
    """A split of data for a run.

    Attributes:
        data: the data.
        name: of the split.
        split: with the condition that was given for all of it, if one was.
        description: what they are, in words: "test examples of digits".
    """

    data: Data
    name: str
    split: Split
    description: str


def read_examples(
    run: Run,
    model: GenerativeModel,
    source: str | None,
    split: str | None,
    resize: Any = None,
    label: str | None = None,
) -> SelectedExamples:
    """Return a split of a run's data, or of another source in its own order.

    Raises:
        ValueError: there is no such split, or the examples are not of the model's shape and range.
    """
    from elbowroom.data import default_split, load_undivided
    from elbowroom.evaluation import check_range
    from elbowroom.evaluation.compatibility import with_condition

    record = run.record["data"]
    data = run.data() if source is None else load_undivided(source, record, **_resize_argument(resize))
    name = split or default_split(data, record)
    examples = data.get_split(name)
    check_shape(data, source, model.shape)
    check_range(model, data)
    words = f"{name} examples" if name in data.splits else "examples"
    condition = parse_one_condition(run, model, label)
    return SelectedExamples(data, name, with_condition(model, examples, condition), f"{words} of {data.name}")


def load_other(run: Run, source: str | None, resize: Any = None) -> Data | None:
    """Return another source to measure a run on; None for its own data.

    Raises:
        ValueError: the source cannot be read, or its examples are not of the run's shape.
    """
    if source is None:
        return None
    data = run.measured_data(source, **_resize_argument(resize))
    check_shape(data, source, tuple(run.record["shape"]))
    return data


def parse_one_condition(run: Run, model: GenerativeModel, label: str | None) -> Tensor | None:
    """Return the condition of all examples, () or (A,), from the command line; None where none is given."""
    from elbowroom.cli.conditioning import parse_condition

    if label is None:
        return None
    condition, _ = parse_condition(run, model, label, 1)
    return None if condition is None else condition[0]


def check_shape(data: Data, source: str | None, shape: tuple[int, ...]) -> None:
    """Raise a ValueError with advice for examples of another shape than the model's."""
    if tuple(data.shape) != shape:
        have, want = ("x".join(map(str, s)) for s in (data.shape, shape))
        raise ValueError(f"{source} holds examples of {have}, the model takes {want}: {_shape_hint(source, shape)}")


def _resize_argument(resize: Any) -> dict[str, Any]:
    return {} if resize is None else {"resize": resize}


def _shape_hint(source: str | None, shape: tuple[int, ...]) -> str:
    """Return advice on examples of another shape than the model's."""
    from elbowroom.data.readers.registry import is_image_source

    if source is not None and len(shape) == 3 and is_image_source(Path(source)):
        return f"bring them to it with --resize {shape[1]},{shape[2]}"
    return f"give examples of {'x'.join(map(str, shape))}"
