"""Shape of a table's row that knows the sizes of its columns, and the likelihood spelled from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from elbowroom.column_bins import ColumnBins

TABLE_LIKELIHOOD = "columns"
#: The likelihoods of tables whose columns of numbers are binned, see :mod:`elbowroom.column_bins`.
BINNED_LIKELIHOODS = ("bins", "modes", "binned-columns")
TABLE_LIKELIHOODS = (TABLE_LIKELIHOOD, *BINNED_LIKELIHOODS)


class TableShape(tuple[int]):
    """Shape (D,) of a row whose D columns are numbers or categories; equal to the plain tuple.

    Args:
        sizes: for each column 1 if it holds numbers, or the number of its categories. Networks and likelihoods are
            built from this attribute.
        rows: the number of rows that are trained on, which says how probable a category is that none of them has; 0
            where it is not known.
        bins: for each column the bins of its numbers, or None; empty where no likelihood asks for them.

    >>> shape = TableShape((1, 3, 2))
    >>> shape, shape.likelihood, TableShape((1, 3), rows=450).likelihood
    ((3,), 'columns:1,3,2', 'columns:1,3/450')
    """

    sizes: tuple[int, ...]
    rows: int
    bins: tuple[ColumnBins | None, ...]

    def __new__(cls, sizes: Iterable[int], rows: int = 0, bins: Sequence[ColumnBins | None] = ()) -> TableShape:
        sizes = tuple(sizes)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"columns of {sizes}: expected one at least, each 1 for numbers or the number of its categories"
            )
        shape = super().__new__(cls, (len(sizes),))
        shape.sizes, shape.rows, shape.bins = sizes, rows, tuple(bins)
        return shape

    def __getnewargs__(self) -> tuple[tuple[int, ...], int, tuple[ColumnBins | None, ...]]:
        return (self.sizes, self.rows, self.bins)

    @property
    def binned_columns(self) -> list[tuple[int, ColumnBins]]:
        """The columns that have bins, by their position."""
        return [(position, bins) for position, bins in enumerate(self.bins) if bins is not None]

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such rows, such as ``columns:1,3,2``; rows count where there are categories."""
        return f"{TABLE_LIKELIHOOD}:{self._spell(())}"

    def binned_likelihood(self, name: str) -> str:
        """The name of a likelihood of binned columns with its setting, such as ``bins:1[0!;1!;2],3/450``."""
        return f"{name}:{self._spell(self.bins)}"

    def _spell(self, bins: Sequence[ColumnBins | None]) -> str:
        rows = f"/{self.rows}" if self.rows and (bins or max(self.sizes) > 1) else ""
        words = [f"[{own.spelling}]" if own else "" for own in bins] or [""] * len(self.sizes)
        return ",".join(f"{size}{word}" for size, word in zip(self.sizes, words, strict=True)) + rows


def resolve_table_shape(likelihood: str, shape: tuple[int, ...]) -> TableShape:
    """Return the table shape that a likelihood spells out, or that ``shape`` is.

    Raises:
        ValueError: the columns are neither spelled out nor known from the shape, or are more or fewer.

    >>> resolve_table_shape("columns:1,3,2", (3,)).sizes, resolve_table_shape("columns:1,3/450", (2,)).rows
    ((1, 3, 2), 450)
    >>> resolve_table_shape("bins:1[0!;1;9],3", (2,)).bins
    (ColumnBins(edges=(0.0, 1.0, 9.0), atoms=(True, False)), None)
    """
    name, _, setting = likelihood.partition(":")
    is_binned = name in BINNED_LIKELIHOODS
    if setting:
        spelled = _parse_table_shape(likelihood, setting, is_binned)
    elif isinstance(shape, TableShape):
        spelled = TableShape(shape.sizes, shape.rows, shape.bins if is_binned else ())
    else:
        raise ValueError(
            f"likelihood '{likelihood}' is for tables, and examples of {'x'.join(map(str, shape))} are none: give the "
            "shape of a table that was loaded, or spell the columns out, as columns:1,3 for a number and 3 categories"
        )
    if spelled != tuple(shape):
        raise ValueError(
            f"likelihood '{likelihood}' has {len(spelled.sizes)} columns, and the examples are "
            f"{'x'.join(map(str, shape))}: spell out as many as there are"
        )
    return spelled


def _parse_table_shape(likelihood: str, setting: str, is_binned: bool) -> TableShape:
    columns, slash, rows = setting.partition("/")
    words = [word.strip().removesuffix("]").partition("[") for word in columns.split(",")]
    is_plain = is_binned or not any(bracket for _, bracket, _ in words)
    if not is_plain or not all(size.isdecimal() for size in [*(w[0] for w in words), *([rows] if slash else [])]):
        raise ValueError(f"likelihood '{likelihood}': write columns:1,3 for a number and a category of 3 values")
    bins = [ColumnBins.parse(edges) if bracket else None for _, bracket, edges in words] if is_binned else []
    return TableShape((int(size) for size, _, _ in words), int(rows or 0), bins)


def resolve_table_likelihood(shape: tuple[int, ...], likelihood: str | None) -> tuple[tuple[int, ...], str | None]:
    """Return the shape and likelihood for a recipe: of a table they agree, any other shape becomes a plain tuple.

    A table has the likelihood of its columns where no other is given.

    >>> resolve_table_likelihood(TableShape((1, 3)), None), resolve_table_likelihood(TableShape((1, 3)), "gaussian")
    (((2,), 'columns:1,3'), ((2,), 'gaussian'))
    """
    if likelihood is None and isinstance(shape, TableShape):
        likelihood = TABLE_LIKELIHOOD
    name = (likelihood or "").partition(":")[0]
    if likelihood is None or name not in TABLE_LIKELIHOODS:
        return tuple(shape), likelihood
    table_shape = resolve_table_shape(likelihood, shape)
    if name in BINNED_LIKELIHOODS:
        return table_shape, table_shape.binned_likelihood(name)
    return table_shape, table_shape.likelihood
