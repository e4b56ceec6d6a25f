"""The shape of a table's row, which knows its columns."""

from __future__ import annotations

from collections.abc import Iterable

TABLE_LIKELIHOOD = "columns"


class TableShape(tuple[int]):
    """The shape (D,) of a row whose columns are numbers or categories.

    Equal to the plain tuple; what makes networks and likelihoods from it finds ``sizes``: 1 for a column of numbers,
    the number of its values for one of categories.

    >>> row = TableShape((1, 3, 2))
    >>> row, row.likelihood
    ((3,), 'columns:1,3,2')
    """

    sizes: tuple[int, ...]

    def __new__(cls, sizes: Iterable[int]) -> TableShape:
        sizes = tuple(sizes)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"columns of {sizes}: expected one at least, each 1 for numbers or the number of its categories"
            )
        row = super().__new__(cls, (len(sizes),))
        row.sizes = sizes
        return row

    def __getnewargs__(self) -> tuple[tuple[int, ...]]:
        return (self.sizes,)

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such rows."""
        return f"{TABLE_LIKELIHOOD}:{','.join(map(str, self.sizes))}"


def resolve_table_shape(likelihood: str, shape: tuple[int, ...]) -> TableShape:
    """The row that a likelihood spells out, or that the shape is.

    Raises:
        ValueError: the columns are neither spelt out nor known from the shape, or are more or fewer.

    >>> resolve_table_shape("columns:1,3,2", (3,)).sizes
    (1, 3, 2)
    """
    _, _, sizes = likelihood.partition(":")
    if not sizes:
        if isinstance(shape, TableShape):
            return shape
        raise ValueError(
            f"likelihood '{likelihood}' is for tables, and examples of {'x'.join(map(str, shape))} are none: give the "
            "shape of a table that was loaded, or spell the columns out, as columns:1,3 for a number and 3 categories"
        )
    if not all(size.strip().isdecimal() for size in sizes.split(",")):
        raise ValueError(f"likelihood '{likelihood}': write columns:1,3 for a number and a category of 3 values")
    row = TableShape(map(int, sizes.split(",")))
    if row != tuple(shape):
        raise ValueError(
            f"likelihood '{likelihood}' has {len(row.sizes)} columns, and the examples are "
            f"{'x'.join(map(str, shape))}: spell out as many as there are"
        )
    return row


def resolve_table_likelihood(shape: tuple[int, ...], likelihood: str | None) -> tuple[tuple[int, ...], str | None]:
    """The shape and the likelihood that a recipe takes: those of a row agree, and all else is plain.

    A row has the likelihood of its columns where no other is asked for.

    >>> resolve_table_likelihood(TableShape((1, 3)), None), resolve_table_likelihood(TableShape((1, 3)), "gaussian")
    (((2,), 'columns:1,3'), ((2,), 'gaussian'))
    """
    if likelihood is None and isinstance(shape, TableShape):
        likelihood = TABLE_LIKELIHOOD
    if likelihood is None or likelihood.partition(":")[0] != TABLE_LIKELIHOOD:
        return tuple(shape), likelihood
    row = resolve_table_shape(likelihood, shape)
    return row, row.likelihood
