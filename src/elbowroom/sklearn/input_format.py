"""The form in which examples are given to an estimator, arrays or data frames, and in which it gives them back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import narwhals as nw
import numpy as np
from torch import Tensor

from elbowroom.data import load_data, load_undivided, table_columns
from elbowroom.data.load import Data
from elbowroom.data.readers.data_frame import is_frame, list_values
from elbowroom.data.readers.table_encoding import Cell, parse_columns
from elbowroom.data.splits.memory import InMemorySplit
from elbowroom.table_shape import TABLE_LIKELIHOOD

#: What an array is called beside the libraries of data frames.
ARRAY = "numpy"
#: The types of a data frame's columns that cells are given back in, by the name that narwhals has for them.
DTYPES: dict[str, Any] = {
    dtype.__name__: dtype
    for dtype in (
        *(nw.Int8, nw.Int16, nw.Int32, nw.Int64, nw.UInt8, nw.UInt16, nw.UInt32, nw.UInt64),
        *(nw.Float32, nw.Float64, nw.Boolean, nw.Categorical, nw.Date, nw.Datetime),
    )
}
#: What is made of a text for a column of a type, its size left out.
_PARSERS: dict[str, Callable[[str], Any]] = {
    "Boolean": lambda text: text.lower() == "true",
    "Date": datetime.fromisoformat,
    "Datetime": datetime.fromisoformat,
    "Float": float,
    "Int": lambda text: int(float(text)),
    "UInt": lambda text: int(float(text)),
}


@dataclass(frozen=True)
class InputFormat:
    """The form of the examples that an estimator was fitted to.

    Attributes:
        library: of the data frame, as "pandas"; "numpy" for an array.
        names: of the columns of a table; none of other examples.
        dtypes: of the columns of a data frame, by the names of narwhals.
        shape: of one example, as it was given.

    >>> format = InputFormat.from_examples(np.zeros((4, 2)), likelihood=None)
    >>> format.names, format.is_table
    (('x0', 'x1'), True)
    >>> format.load(np.array([[0.0, 5.0], [4.0, 1.0]])).train.x
    tensor([[-1.,  1.],
            [ 1., -1.]])
    """

    library: str
    names: tuple[str, ...]
    dtypes: tuple[str, ...]
    shape: tuple[int, ...]

    @classmethod
    def from_examples(cls, X: Any, likelihood: str | None) -> InputFormat:
        """Return the form of examples: a data frame, or an array whose second axis is the columns of a table.

        An array is no table where it has further axes, or a likelihood that is not one of columns is asked for.
        """
        if is_frame(X):
            frame = nw.from_native(X, eager_only=True)
            dtypes = tuple(str(dtype).partition("(")[0] for dtype in frame.schema.values())
            names = tuple(str(name) for name in frame.columns)
            return cls(frame.implementation.value, names, dtypes, (len(names),))
        is_table = X.ndim == 2 and (likelihood or TABLE_LIKELIHOOD).partition(":")[0] == TABLE_LIKELIHOOD
        return cls(ARRAY, tuple(f"x{i}" for i in range(X.shape[1])) if is_table else (), (), X.shape[1:])

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> InputFormat:
        """Return the form that :attr:`record` is of."""
        return cls(record["library"], *(tuple(record[name]) for name in ("names", "dtypes", "shape")))

    @property
    def record(self) -> dict[str, Any]:
        """The form as JSON."""
        return asdict(self)

    @property
    def is_table(self) -> bool:
        """Whether examples are the rows of a table."""
        return bool(self.names)

    def load(self, X: Any, columns: Any = None, validation: float = 0.0, seed: int = 0) -> Data:
        """Load examples to train on, all of them features: an array's columns are numbers, a frame's are inferred.

        Args:
            X: the examples.
            columns: the kinds of a frame's columns that are not to be inferred.
            validation: the share of them that is set aside.
            seed: of what is set aside.

        Raises:
            ValueError: as for :func:`~elbowroom.load_data`.
        """
        options: dict[str, Any] = {"validation": validation, "test": 0, "seed": seed}
        if self.is_table:
            kinds = dict.fromkeys(self.names, "number") if self.library == ARRAY else columns
            options |= {"label": "", "columns": kinds}
        return load_data(self._as_source(X), **options)

    def load_like(self, X: Any, record: Mapping[str, Any]) -> Data:
        """Load further examples, coded as those of the record, all of them train."""
        return load_undivided(self._as_source(X), record)

    def encode(self, X: Any, record: Mapping[str, Any]) -> Tensor:
        """Return examples as the model sees them, (N, *shape), by the record of the data that it was trained on."""
        split = self.load_like(X, record).train
        assert isinstance(split, InMemorySplit)
        return split.first(len(split)).x

    def decode(self, x: Tensor, record: Mapping[str, Any]) -> Any:
        """Return what the model made, (N, *shape), in the form of the examples that it was trained on."""
        if not self.is_table:
            return self._decode_values(x, record)
        if self.library == ARRAY:
            return self._decode_numbers(x, record)
        cells = table_columns(x.float(), record)
        series = [self._typed_series(name, cells[name]) for name in self.names if name in cells]
        return nw.concat([one.to_frame() for one in series], how="horizontal").to_native()

    def complete(self, X: Any, x: Tensor, record: Mapping[str, Any]) -> Any:
        """Return rows of a table with their missing cells taken from encoded rows (N, D); all others stay as they are.

        A column of which no cell was known in training stays as it is. Rows in a data frame become an array where the
        estimator was fitted to one.
        """
        if is_frame(X) and self.library == ARRAY:
            X = nw.from_native(X, eager_only=True).to_numpy()
        if not is_frame(X):
            return self._complete_array(X, x, record)
        frame, made = nw.from_native(X, eager_only=True).clone(), table_columns(x.float(), record)
        for column in frame.columns:
            cells, name = list_values(frame[column]), str(column)
            if name in made and None in cells:
                filled = [b if a is None else a for a, b in zip(cells, made[name], strict=True)]
                frame = frame.with_columns(self._typed_series(name, filled, frame.implementation.value).alias(column))
        return frame.to_native()

    def _columns(self, X: Any) -> dict[str, Any]:
        values = nw.from_native(X, eager_only=True).iter_columns() if is_frame(X) else X.T
        return dict(zip(self.names, values, strict=True))

    def _as_source(self, X: Any) -> Any:
        """Return examples as :func:`load_data` takes them: a table with the names of the columns it was fitted to."""
        if not self.is_table:
            return X
        if self.library != ARRAY and is_frame(X):
            return X
        return {name: np.asarray(values) for name, values in self._columns(X).items()}

    def _decode_values(self, x: Tensor, record: Mapping[str, Any]) -> Any:
        """Return values on the scale, and with the axes, of the array that they are like."""
        arguments = record.get("arguments") or {}
        values = x.detach().cpu().double().numpy()
        if (scale := arguments.get("value_range")) not in (None, "as-is"):
            low, high = scale
            values = values * (high - low) + low
        if arguments.get("layout") == "channels-last":
            values = np.moveaxis(values, 1, -1)
        return values.reshape(len(values), *self.shape)

    def _complete_array(self, X: Any, x: Tensor, record: Mapping[str, Any]) -> Any:
        """Return an array with its missing cells taken from encoded rows: one of objects where a cell is no number."""
        if X.dtype != object:
            return np.where(np.isnan(X), self._decode_numbers(x, record), X)
        completed, made = X.copy(), table_columns(x.float(), record)
        for i, name in enumerate(self.names):
            is_empty = np.array([cell is None for cell in list_values(X[:, i])])
            completed[is_empty, i] = np.array(made.get(name, [None] * len(x)), dtype=object)[is_empty]
        return completed

    def _decode_numbers(self, x: Tensor, record: Mapping[str, Any]) -> Any:
        """Return encoded rows as the numbers that they stand for, in all columns of the array; (N, D), float64."""
        constants = (record.get("table") or {}).get("constants") or {}
        values = np.full((len(x), len(self.names)), np.nan)
        for name, constant in constants.items():
            values[:, self.names.index(name)] = np.nan if constant is None else constant
        for i, column in enumerate(parse_columns(record["columns"]) or ()):
            if column.part:
                continue  # of a date, which has a column of its own
            values[:, self.names.index(column.name)] = x[:, i].double().numpy() * column.sd + column.mean
        return values

    def _typed_series(self, name: str, cells: Sequence[Cell], library: str | None = None) -> nw.Series[Any]:
        """Return the cells of a column, None for missing ones, as a series of the type that it had.

        It is one of the library that the estimator was fitted to, or of another.
        """
        dtype = self.dtypes[self.names.index(name)] if self.dtypes else "Float64"
        values: list[Any] = list(cells)
        parse = _PARSERS.get(dtype.rstrip("0123456789"))
        if parse is not None:  # numbers of two values are categories, whose names are texts
            values = [parse(cell) if isinstance(cell, str) else cell for cell in cells]
        series = nw.new_series(name, values, backend=library or self.library)  # type: ignore[arg-type]
        has_gaps, is_whole = None in values, dtype.startswith(("Int", "UInt"))
        return series if dtype not in DTYPES or (has_gaps and is_whole) else series.cast(DTYPES[dtype])


def convert_frame(X: Any, library: str) -> Any:
    """Return a data frame as one of another library; one of this library, and an array, as they are.

    >>> import polars
    >>> convert_frame(polars.DataFrame({"a": [1, 2]}), "pandas").shape
    (2, 1)
    """
    if not is_frame(X):
        return X
    frame = nw.from_native(X, eager_only=True)
    if frame.implementation.value == library:
        return X
    return nw.from_dict(frame.to_dict(as_series=False), backend=library).to_native()  # type: ignore[arg-type]
