"""Shape of a table's row that knows the sizes of its columns, and the likelihood spelled from it."""

from __future__ import annotations

from collections.abc import Iterable

TABLE_LIKELIHOOD = "columns"


class TableShape(tuple[int]):
    """Shape (D,) of a row whose D columns are numbers or categories; equal to the plain tuple.

    Args:
        sizes: for each column 1 if it holds numbers, or the number of its categories. Networks and likelihoods are
            built from this attribute.
        rows: the number of rows that are trained on, which says how probable a category is that none of them has; 0
            where it is not known.

    >>> shape = TableShape((1, 3, 2))
    >>> shape, shape.likelihood, TableShape((1, 3), rows=450).likelihood
    ((3,), 'columns:1,3,2', 'columns:1,3/450')
    """

    sizes: tuple[int, ...]
    rows: int

    def __new__(cls, sizes: Iterable[int], rows: int = 0) -> TableShape:
        sizes = tuple(sizes)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"columns of {sizes}: expected one at least, each 1 for numbers or the number of its categories"
            )
        shape = super().__new__(cls, (len(sizes),))
        shape.sizes, shape.rows = sizes, rows
        return shape

    def __getnewargs__(self) -> tuple[tuple[int, ...], int]:
        return (self.sizes, self.rows)

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such rows, such as ``columns:1,3,2``; rows count where there are categories."""
        rows = f"/{self.rows}" if self.rows and max(self.sizes) > 1 else ""
        return f"{TABLE_LIKELIHOOD}:{','.join(map(str, self.sizes))}{rows}"


def resolve_table_shape(likelihood: str, shape: tuple[int, ...]) -> TableShape:
    """Return the table shape that a likelihood spells out, or that ``shape`` is.

    Raises:
        ValueError: the columns are neither spelled out nor known from the shape, or are more or fewer.

    >>> resolve_table_shape("columns:1,3,2", (3,)).sizes, resolve_table_shape("columns:1,3/450", (2,)).rows
    ((1, 3, 2), 450)
    """
    sizes, slash, rows = likelihood.partition(":")[2].partition("/")
    if not sizes:
        if isinstance(shape, TableShape):
            return shape
        raise ValueError(
            f"likelihood '{likelihood}' is for tables, and examples of {'x'.join(map(str, shape))} are none: give the "
            "shape of a table that was loaded, or spell the columns out, as columns:1,3 for a number and 3 categories"
        )
    if not all(size.strip().isdecimal() for size in [*sizes.split(","), *([rows] if slash else [])]):
        raise ValueError(f"likelihood '{likelihood}': write columns:1,3 for a number and a category of 3 values")
    spelled = TableShape(map(int, sizes.split(",")), int(rows or 0))
    if spelled != tuple(shape):
        raise ValueError(
            f"likelihood '{likelihood}' has {len(spelled.sizes)} columns, and the examples are "
            f"{'x'.join(map(str, shape))}: spell out as many as there are"
        )
    return spelled


def resolve_table_likelihood(shape: tuple[int, ...], likelihood: str | None) -> tuple[tuple[int, ...], str | None]:
    """Return the shape and likelihood for a recipe: of a table they agree, any other shape becomes a plain tuple.

    A table has the likelihood of its columns where no other is given.

    >>> resolve_table_likelihood(TableShape((1, 3)), None), resolve_table_likelihood(TableShape((1, 3)), "gaussian")
    (((2,), 'columns:1,3'), ((2,), 'gaussian'))
    """
    if likelihood is None and isinstance(shape, TableShape):
        likelihood = TABLE_LIKELIHOOD
    if likelihood is None or likelihood.partition(":")[0] != TABLE_LIKELIHOOD:
        return tuple(shape), likelihood
    table_shape = resolve_table_shape(likelihood, shape)
    return table_shape, table_shape.likelihood
