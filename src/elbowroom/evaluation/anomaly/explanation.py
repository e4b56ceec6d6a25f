"""Explanation of a strange row of a table: what each column adds to its score, and what the model expected there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from elbowroom import noise
from elbowroom.data import Batch, Split
from elbowroom.data.table_rows import read_columns, table_columns
from elbowroom.distributions import IndependentColumns, StackedColumns
from elbowroom.distributions.autoregressive import Autoregressive
from elbowroom.distributions.elements import elementwise_log_prob
from elbowroom.formatting import format_number
from elbowroom.models.base import GenerativeModel

#: What a category is called that training never saw, and for which the record has no name.
UNSEEN = "a category never seen"


@dataclass(frozen=True)
class Explanation:
    r"""Why rows are strange, column by column, at the posterior mean :math:`\bar z`.

    The surprise of a value is how much less probable it is than the value that the model expected there,

    .. math:: s_d = \log p(\hat x_d \mid \bar z) - \log p(x_d \mid \bar z), \quad \hat x_d = E[x_d \mid \bar z]

    for a category the most probable one. Surprises have no unit of measurement in them, as log-densities have, so that
    those of numbers and categories compare.

    Attributes:
        columns: names, D.
        x: the rows as the model sees them, (N, D).
        nll: what each value adds to −log p(x|z), (N, D), nats; NaN for a missing one.
        surprise: of each value, (N, D), nats, at least 0; NaN for a missing one.
        expected: the values that the model expected, as it sees them, (N, D).
        record: of the data, which decodes them; ``None`` where they are not coded.
    """

    columns: tuple[str, ...]
    x: Tensor
    nll: Tensor
    surprise: Tensor
    expected: Tensor
    record: Mapping[str, Any] | None = None

    @property
    def shares(self) -> Tensor:
        """The share of each value in the surprise of its row, (N, D); 0 for a missing one."""
        surprise = self.surprise.nan_to_num(0.0, posinf=torch.finfo(self.surprise.dtype).max / (2 * len(self.columns)))
        total = surprise.sum(1, keepdim=True)
        return torch.where(total > 0, surprise / total, 0.0)

    @property
    def cells(self) -> tuple[dict[str, list[Any]], dict[str, list[Any]]]:
        """The rows and the values expected as cells by column: in the units of the table, categories by their names."""
        if self.record is None or "columns" not in self.record:
            return self._by_column(self.x), self._by_column(self.expected)
        return read_columns(self.x.float(), self.record), table_columns(self.expected.float(), self.record)

    def _by_column(self, values: Tensor) -> dict[str, list[Any]]:
        return {name: values[:, i].tolist() for i, name in enumerate(self.columns)}

    def reasons(self, count: int = 3, least: float = 0.05) -> list[str]:
        """Return for each row, in words, the values that surprise most, and what was expected.

        Args:
            count: values per row, at most.
            least: the share of the surprise that a value has at least; where none has it, the largest stand behind the
                words "spread over N columns, most by".

        >>> one = torch.tensor([[3.0, 0.5]])
        >>> Explanation(("age", "size"), one, one, torch.tensor([[6.0, 2.0]]), torch.zeros(1, 2)).reasons()
        ['age = 3 (expected 0, 75 %), size = 0.5 (expected 0, 25 %)']
        """
        have, want = self.cells
        known = [i for i, name in enumerate(self.columns) if name in have]
        lines = []
        for row, shares in enumerate(self.shares.tolist()):
            top = [i for i in sorted(known, key=lambda i: -shares[i])[:count] if shares[i] > 0]
            words = [
                f"{name} = {_format_cell(have[name][row], UNSEEN)} "
                f"(expected {_format_cell(want[name][row])}, {100 * shares[i]:.0f} %)"
                for i, name in ((i, self.columns[i]) for i in top)
            ]
            large = [word for i, word in zip(top, words, strict=True) if shares[i] >= least]
            spread = f"spread over {len(known)} columns, most by " if words else "every value is as expected"
            lines.append(", ".join(large) or spread + ", ".join(words))
        return lines


@dataclass(frozen=True)
class StrangeRows:
    """The rows of a set with the highest scores, explained.

    Attributes:
        index: of the rows in their set, the strangest first, (N,).
        scores: (N,).
        explanation: by their columns.
    """

    index: Tensor
    scores: Tensor
    explanation: Explanation


def require_rows(shape: tuple[int, ...]) -> None:
    """Raise a ValueError for examples of a shape that is not that of rows."""
    if len(shape) != 1:
        words = "x".join(map(str, shape))
        raise ValueError(
            f"the examples are {words}, not rows of a table: --heat-map is for images, score-steps for series"
        )


@torch.no_grad()
def explain_rows(model: GenerativeModel, split: Split, record: Mapping[str, Any] | None = None) -> Explanation:
    """Explain rows of a table, or vectors, by their columns.

    Args:
        model: in evaluation mode.
        split: the rows, coded as the model's.
        record: of the data, with its ``columns``.

    Raises:
        ValueError: examples that are no rows.

    >>> import elbowroom as er
    >>> from elbowroom.data import load_data
    >>> data = load_data({"a": [0.0, 1.0, 2.0, 3.0], "b": ["x", "y", "x", "y"]}, validation=0, test=0)
    >>> model, _ = er.recipes.vae(data.shape, latent=1)
    >>> explanation = explain_rows(model.eval(), data.train, data.protocol)
    >>> explanation.columns, explanation.surprise.shape
    (('a', 'b'), torch.Size([4, 2]))
    """
    require_rows(model.shape)
    device = next(model.parameters()).device
    parts = [_explain_batch(model, batch) for batch in split.to(device).batches(1_000)]
    x, nll, surprise, expected = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    return Explanation(_column_names(record, x.shape[1]), x, nll, surprise, expected, record)


def _explain_batch(model: GenerativeModel, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return x, −log p(x|z) of each value, its surprise and the values expected, (B, D) each."""
    with noise.zero_noise():
        p = model.draw(batch.x, batch.y).p
    if isinstance(p, Autoregressive):
        # A value is expected given the values before it.
        p = p.conditionals(batch.x)
    expected = p.mean[0]
    missing = batch.x.isnan()
    nll = -_element_log_probs(p, torch.where(missing, expected, batch.x))
    surprise = (_element_log_probs(p, expected) + nll).clamp_min(0)
    nll, surprise = (values.masked_fill(missing, torch.nan) for values in (nll, surprise))
    return batch.x, nll, surprise, expected


def _element_log_probs(p: Distribution, x: Tensor) -> Tensor:
    """Return the log-probability of each value under p(x|z) of one sample, (B, D)."""
    if isinstance(p, IndependentColumns | StackedColumns):
        return p.element_log_probs(x)[0]
    return elementwise_log_prob(p, x)[0]


def _column_names(record: Mapping[str, Any] | None, count: int) -> tuple[str, ...]:
    """Return the names of the columns that the model sees, or their numbers."""
    columns = (record or {}).get("columns")
    if columns is None:
        return tuple(map(str, range(count)))
    return tuple(column["name"] if isinstance(column, Mapping) else column.name for column in columns)


def _format_cell(cell: Any, absent: str = "nothing") -> str:
    """Return a cell for reading: a number with few digits, a text as it is, and a word for one that has no value."""
    if cell is None:
        return absent
    return format_number(cell) if isinstance(cell, float) else str(cell)
