"""Families for the rows of a table."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Self, cast

import torch
import torch.distributions as td
from torch import Tensor, nn

from elbowroom import distributions
from elbowroom.families.base import Family, Shape
from elbowroom.families.location_scale import Gaussian, LocationScale
from elbowroom.families.registry import register_likelihood
from elbowroom.table_shape import TABLE_LIKELIHOOD, TableShape, resolve_table_shape


class Classes(Family):
    """One column of class indices from 0: :class:`elbowroom.distributions.ColumnCategorical`.

    Args:
        classes: the number of classes.
        rows: the number of rows that were trained on, which leaves 1 / (rows + 1) for a class that none of them has,
            with the index ``classes`` (Laplace's estimate of what is new); 0 for nothing.

    >>> import torch
    >>> Classes(3)(torch.tensor([[0.0, 0.0, 5.0]])).mean
    tensor([[2.]])
    """

    def __init__(self, classes: int, rows: int = 0) -> None:
        if classes < 2:
            raise ValueError(f"a column of classes needs at least 2 of them, got {classes}")
        super().__init__(1, per_element=classes)
        self.unseen_mass = 1 / (rows + 1) if rows else 0.0
        self.support, self.levels = (0.0, classes - 1.0 + bool(rows)), classes

    def forward(self, phi: Tensor) -> td.Distribution:
        logits = self.split_parameters(phi).movedim(0, -1)
        return distributions.to_event(distributions.ColumnCategorical(logits, self.unseen_mass), 1)

    @property
    def stack_key(self) -> Hashable:
        """Columns of up to the same power of two classes: the shorter ones are padded to the longest."""
        return (type(self), self.unseen_mass, self.size.bit_length())

    def stack(self, columns: Sequence[Self], phi: Tensor) -> td.Distribution:
        n_classes = torch.tensor([[column.size] for column in columns], device=phi.device)
        padding = torch.arange(phi.shape[-1], device=phi.device) >= n_classes
        logits = phi.masked_fill(padding, -torch.inf)[..., None, :]
        return distributions.to_event(distributions.ColumnCategorical(logits, self.unseen_mass, n_classes), 1)


class Columns(Family):
    r"""Columns of different kinds side by side, independent given z; a missing value is NaN and adds nothing.

    .. math:: \log p(x \mid z) = \sum_{d:\, x_d \text{ observed}} \log p_d(x_d \mid z)

    The treatment of missing values is that of Nazábal et al. 2020, arXiv 1807.03653.

    Args:
        *columns: a family of shape (1,) for each: ``Gaussian(1)``, ``Laplace(1)``, ``Bernoulli(1)``, ``Classes(3)``.

    Raises:
        ValueError: a family of more than one value, or one whose scale is fitted to a batch, which may lack values.

    >>> import torch
    >>> from elbowroom.families import Bernoulli, Gaussian
    >>> family = Columns(Gaussian(1), Bernoulli(1), Classes(3))
    >>> p = family(torch.zeros(2, family.size))
    >>> p.log_prob(torch.tensor([[0.0, 1.0, 2.0], [0.0, torch.nan, torch.nan]])).detach()
    tensor([-2.7107, -0.9189])
    """

    missing = True

    def __init__(self, *columns: Family) -> None:
        super().__init__(len(columns))
        for number, column in enumerate(columns, 1):
            if column.shape != (1,):
                size = "x".join(map(str, column.shape))
                raise ValueError(f"column {number} is a {type(column).__name__} of {size} values: expected one of 1")
            if isinstance(column, LocationScale) and column.scale == "optimal":
                raise ValueError(
                    f"column {number} takes its scale from a batch, in which values may be missing: "
                    "give it a number, or 'learned'"
                )
        self.columns = nn.ModuleList(columns)
        self.sizes = [column.size for column in columns]
        self.size = sum(self.sizes)
        self.unseen_mass = max(column.unseen_mass for column in columns)
        self.stacks = _group_columns(columns)
        for number, stack in enumerate(self.stacks):
            self.register_buffer(f"positions_{number}", torch.tensor(stack), persistent=False)
            self.register_buffer(f"parameters_{number}", self._locate_parameters(stack), persistent=False)

    @property
    def is_mass(self) -> bool:
        return all(cast(Family, column).is_mass for column in self.columns)

    @property
    def column_levels(self) -> tuple[int | None, ...]:
        return tuple(cast(Family, column).levels for column in self.columns)

    def _locate_parameters(self, stack: Sequence[int]) -> Tensor:
        """Return where in the network's output the parameters of these columns are, (D, the most of a column).

        Those of a column with fewer parameters are followed by some other.
        """
        first = [sum(self.sizes[:position]) for position in stack]
        offsets = torch.arange(max(self.sizes[position] for position in stack))
        return (torch.tensor(first)[:, None] + offsets).clamp_max(self.size - 1)

    def build_columns(self, phi: Tensor) -> list[td.Distribution]:
        """Return the distribution of each column, with event shape (1,)."""
        parts = torch.split(phi, self.sizes, -1)
        return [column(part) for column, part in zip(self.columns, parts, strict=True)]

    def _build_stack(self, number: int, phi: Tensor) -> td.Distribution:
        columns = [cast(Family, self.columns[position]) for position in self.stacks[number]]
        index = self.get_buffer(f"parameters_{number}")
        parameters = phi.index_select(-1, index.flatten()).reshape(*phi.shape[:-1], *index.shape)
        return columns[0].stack(columns, parameters)

    def forward(self, phi: Tensor) -> td.Distribution:
        numbers = range(len(self.stacks))
        return distributions.StackedColumns(
            phi.shape[:-1],
            lambda: [self._build_stack(number, phi) for number in numbers],
            [self.get_buffer(f"positions_{number}") for number in numbers],
            lambda: self.build_columns(phi),
        )


def _group_columns(columns: Sequence[Family]) -> list[list[int]]:
    """Return the positions of the columns that are scored together, by their first."""
    groups: dict[Hashable, list[int]] = {}
    for position, column in enumerate(columns):
        groups.setdefault(column.stack_key, []).append(position)
    return list(groups.values())


@register_likelihood(
    TABLE_LIKELIHOOD, "a gaussian for each column of numbers, a categorical for each of categories", "SIZES"
)
def table_columns(shape: Shape, sizes: str = "") -> Columns:
    """Return the likelihood of a table's rows, whose columns the shape knows or ``sizes`` spells out, as ``1,3``.

    The number of training rows may follow, as in ``1,3/450``: see :class:`Classes`.
    """
    plain = shape if isinstance(shape, TableShape) else (shape,) if isinstance(shape, int) else tuple(shape)
    table = resolve_table_shape(f"{TABLE_LIKELIHOOD}:{sizes}" if sizes else TABLE_LIKELIHOOD, plain)
    return Columns(*(Gaussian(1) if size == 1 else Classes(size, table.rows) for size in table.sizes))
