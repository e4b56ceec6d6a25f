"""Families for columns of numbers that no normal fits: histograms, and mixtures of learned modes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Self

import torch
import torch.distributions as td
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from elbowroom import distributions
from elbowroom.column_bins import ColumnBins
from elbowroom.distributions.histogram import Histogram
from elbowroom.families.base import Family, Shape
from elbowroom.families.location_scale import Gaussian
from elbowroom.families.registry import register_likelihood
from elbowroom.families.tabular import Classes, Columns
from elbowroom.table_shape import TableShape, resolve_table_shape

#: Modes of a column, at most, as Xu et al. 2019 have it.
MOST_MODES = 10


class Bins(Family):
    """One column of numbers in bins: :class:`elbowroom.distributions.histogram.Histogram`.

    Args:
        bins: of the column.
        rows: the number of rows that were trained on, which leaves 1 / (rows + 1) for numbers beyond the bins; 0 for
            nothing.

    >>> import torch
    >>> Bins(ColumnBins.parse("0!;1!;2"))(torch.tensor([[0.0, 0.0]])).log_prob(torch.tensor([[0.5]])).exp()
    tensor([0.5000])
    """

    edges: Tensor
    atoms: Tensor

    def __init__(self, bins: ColumnBins, rows: int = 0) -> None:
        super().__init__(1, per_element=len(bins))
        self.unseen_mass = 1 / (rows + 1) if rows else 0.0
        self.register_buffer("edges", torch.tensor(bins.edges), persistent=False)
        self.register_buffer("atoms", torch.tensor(bins.atoms), persistent=False)

    def forward(self, phi: Tensor) -> td.Distribution:
        logits = self.split_parameters(phi).movedim(0, -1)
        return distributions.to_event(Histogram(logits, self.edges, self.atoms, self.unseen_mass), 1)

    @property
    def stack_key(self) -> Hashable:
        """All columns of histograms: those of fewer bins are padded to the most."""
        return (type(self), self.unseen_mass)

    def stack(self, columns: Sequence[Self], phi: Tensor) -> td.Distribution:
        edges = pad_sequence([column.edges for column in columns], True, torch.inf)[:, None]
        atoms = pad_sequence([column.atoms for column in columns], True)[:, None]
        logits = phi[..., None, :].masked_fill(edges[..., 1:].isinf(), -torch.inf)
        return distributions.to_event(Histogram(logits, edges, atoms, self.unseen_mass), 1)


class Modes(Family):
    r"""One column of numbers as a mixture of normals around learned modes, which the network weighs and shifts.

    .. math:: p(x \mid z) = \sum_k \mathrm{softmax}(w)_k \,
        \mathcal N\big(x; \mu_k + 4 \sigma_k \tanh a, (4 \sigma_k \delta)^2\big)

    with w and a from the network, and :math:`\mu, \sigma, \delta` learned. Mode-specific normalization of Xu et al.
    2019, arXiv 1907.00503. There the modes are fitted beforehand, and a value belongs to one of them that is drawn;
    here they start at the column's bins, are learned with the network, and all modes count for a value.

    Args:
        bins: of the column, that the modes are spread over.

    >>> import torch
    >>> family = Modes(ColumnBins.parse("0!;1!;2"))
    >>> family.size, family(torch.zeros(4, 3)).mean.shape
    (3, torch.Size([4, 1]))
    """

    def __init__(self, bins: ColumnBins) -> None:
        edges = torch.tensor(bins.edges)
        groups = torch.arange(len(bins)).tensor_split(min(len(bins), MOST_MODES))
        low = edges[torch.stack([group[0] for group in groups])]
        high = edges[torch.stack([group[-1] for group in groups]) + 1]
        super().__init__(1, per_element=len(groups) + 1)
        self.centers = nn.Parameter((low + high) / 2)
        self.log_widths = nn.Parameter(((high - low) / 4).log())
        self.log_spread = nn.Parameter(torch.full((), -2.0))

    def forward(self, phi: Tensor) -> td.Distribution:
        return distributions.to_event(_mixture(*self._shifted_modes([self], phi[..., None, :])), 1)

    @property
    def stack_key(self) -> Hashable:
        """All columns of modes: those of fewer modes are padded to the most."""
        return type(self)

    def stack(self, columns: Sequence[Self], phi: Tensor) -> td.Distribution:
        parameters = (one.unsqueeze(-2) for one in self._shifted_modes(columns, phi))
        return distributions.to_event(_mixture(*parameters), 1)

    @staticmethod
    def _shifted_modes(columns: Sequence[Modes], phi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, means and scales of D columns, (..., D, modes), from their parameters (..., D, 1 + modes)."""
        centers = pad_sequence([column.centers for column in columns], True)
        widths = 4 * pad_sequence([column.log_widths for column in columns], True).exp()
        spreads = torch.stack([column.log_spread for column in columns]).exp()[:, None]
        means = centers + widths * phi[..., :1].tanh()
        # In the column's own unit, a standard deviation: no mode may shrink to a single value without end.
        scales = (widths * spreads).clamp_min(1e-3).expand(means.shape)
        n_modes = torch.tensor([[len(column.centers)] for column in columns], device=phi.device)
        padding = torch.arange(centers.shape[-1], device=phi.device) >= n_modes
        return phi[..., 1:].masked_fill(padding, -torch.inf), means, scales


def _mixture(logits: Tensor, means: Tensor, scales: Tensor) -> td.Distribution:
    weights = td.Categorical(logits=logits, validate_args=False)
    return td.MixtureSameFamily(weights, td.Normal(means, scales, validate_args=False), validate_args=False)


@register_likelihood("bins", "a table: a histogram for each column of numbers, a categorical for categories", "SIZES")
def bin_columns(shape: Shape, sizes: str = "") -> Columns:
    """Return the likelihood of rows whose numbers no normal fits: zero-inflated, counts, bounded, heavy tails.

    The bins are those that the shape of a loaded table has, chosen by :func:`elbowroom.data.table_bins.choose_bins`, or
    are spelled out, as ``1[0!;1;9],3/450``.
    """
    return Columns(*_make_columns("bins", shape, sizes))


@register_likelihood("modes", "a table: a mixture of modes for each column of numbers, as TVAE has it", "SIZES")
def mode_columns(shape: Shape, sizes: str = "") -> Columns:
    """Return the likelihood of a table's rows of :class:`Modes`, spelled as ``bins`` is."""
    return Columns(*_make_columns("modes", shape, sizes))


@register_likelihood(
    "binned-columns", "a table: as columns, for networks that are shown in which bin a number is", "SIZES"
)
def columns_with_bins(shape: Shape, sizes: str = "") -> Columns:
    """Return the likelihood of a table's rows of normals, spelled as ``bins`` is, so that networks know the bins."""
    return Columns(*_make_columns("binned-columns", shape, sizes))


def _make_columns(name: str, shape: Shape, sizes: str) -> list[Family]:
    plain = shape if isinstance(shape, TableShape) else (shape,) if isinstance(shape, int) else tuple(shape)
    table = resolve_table_shape(f"{name}:{sizes}" if sizes else name, plain)
    bins = table.bins or (None,) * len(table.sizes)
    return [_make_column(name, size, own, table.rows) for size, own in zip(table.sizes, bins, strict=True)]


def _make_column(name: str, size: int, bins: ColumnBins | None, rows: int) -> Family:
    if size > 1:
        return Classes(size, rows)
    if bins is None or name == "binned-columns":
        return Gaussian(1)
    return Bins(bins, rows) if name == "bins" else Modes(bins)
