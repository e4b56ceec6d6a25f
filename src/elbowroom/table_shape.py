"""Shape of a table's row that knows the sizes of its columns, and the likelihood spelled from it."""

from __future__ import annotations

from collections.abc import Iterable

TABLE_LIKELIHOOD = "columns"


class TableShape(tuple[int]):
    """Shape (D,) of a row whose D columns are numbers or categories; equal to the plain tuple.

    Args:
        sizes: for each column 1 if it holds numbers, or the number of its categories. Networks and likelihoods are
            built from this attribute.

    >>> shape = TableShape((1, 3, 2))
    >>> shape, shape.likelihood
    ((3,), 'columns:1,3,2')
    """

    sizes: tuple[int, ...]

    def __new__(cls, sizes: Iterable[int]) -> TableShape:
        sizes = tuple(sizes)
        if not sizes or min(sizes) < 1:
            raise ValueError(
                f"columns of {sizes}: expected one at least, each 1 for numbers or the number of its categories"
            )
        shape = super().__new__(cls, (len(sizes),))
        shape.sizes = sizes
        return shape

    def __getnewargs__(self) -> tuple[tuple[int, ...]]:
        return (self.sizes,)

    @property
    def likelihood(self) -> str:
        """The name of the likelihood of such rows, such as ``columns:1,3,2``."""
        return f"{TABLE_LIKELIHOOD}:{','.join(map(str, self.sizes))}"


def resolve_table_shape(likelihood: str, shape: tuple[int, ...]) -> TableShape:
    """Return the table shape that a likelihood spells out, or that ``shape`` is.

    Raises:
        ValueError: the columns are neither spelled out nor known from the shape, or are more or fewer.

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
    spelled = TableShape(map(int, sizes.split(",")))
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
