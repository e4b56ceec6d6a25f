"""Rows of a table with some cells given, by importance resampling of latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elbowroom import errors
from elbowroom.data.readers.table_encoding import Column, RawColumn, RawTable, encode_column, parse_columns
from elbowroom.distributions.autoregressive import Autoregressive
from elbowroom.models.base import GenerativeModel

#: Latents that rows with given cells are chosen from.
PROPOSALS = 20_000


def encode_given(given: Mapping[str, str], columns: Any) -> Tensor:
    """Return a row (D,) that has these cells, and NaN in all others.

    Raises:
        ValueError: a column that there is not, or a cell that is none of its values.

    >>> columns = [Column("age", "number", mean=40, sd=10), Column("sex", "category", ("f", "m"))]
    >>> encode_given({"sex": "m"}, columns)
    tensor([nan, 1.])
    """
    parsed: Sequence[Column] = parse_columns(columns) or ()
    names = [column.name for column in parsed]
    row = torch.full((len(names),), torch.nan)
    for name, text in given.items():
        if name not in names:
            raise errors.unknown_name("column of the run's table", name, names)
        column = parsed[names.index(name)]
        raw = RawColumn(name, np.array([0]), [text])
        encoded = encode_column(raw, column, RawTable({name: raw}, 1, lambda row: "what is given"))
        if isinstance(encoded, str):
            raise ValueError(encoded)
        if column.n_categories and encoded[0] >= column.n_categories:
            raise errors.unknown_name(f"category of '{name}'", text, column.categories)
        row[names.index(name)] = float(encoded[0])
    return row


@torch.no_grad()
def sample_given(model: GenerativeModel, row: Tensor, n: int = 1, proposals: int = PROPOSALS) -> tuple[Tensor, float]:
    r"""Draw rows with given cells, (n, D), and tell how many latents they rest on.

    .. math:: z_k \sim p(z), \quad w_k \propto p(x_{\mathrm{given}} \mid z_k), \quad
        x \sim p(x \mid z_j), \; j \sim w

    with the given cells put in: draws from the model's :math:`p(x \mid x_{\mathrm{given}})` as the proposals become
    many, whatever the training (sampling importance resampling, Rubin 1988).
    Where a column depends on those before it, the missing ones are drawn in turn around the given cells, and
    :math:`w_k` is the product of the probabilities of the given cells alone.

    Args:
        model: with a likelihood of a table's columns.
        row: the given cells, NaN in all others, (D,).
        n: how many rows.
        proposals: latents that are drawn.

    Returns:
        The rows, and the effective sample size :math:`1 / \sum_k w_k^2` of the latents, from 1 to ``proposals``: rows
        repeat each other's latents where it is far below n.

    Raises:
        ValueError: a model whose likelihood takes no missing values, or a conditional one.
    """
    if not model.decoder.family.missing or model.is_conditional:
        raise ValueError(
            "cells can be given to a model of a table alone, without a condition: train vae or tvae on a .csv"
        )
    z = model.draw_latents(proposals)
    p, given = model.decode(z), row.to(z.device)
    rows, scores = p.complete(given) if isinstance(p, Autoregressive) else (None, p.log_prob(given))
    weights = scores.double().softmax(0)
    chosen = torch.multinomial(weights, n, replacement=True)
    drawn = model.sample(z=z[chosen], draw=True).as_subclass(Tensor) if rows is None else rows[chosen]
    return given.where(~given.isnan(), drawn), float(1 / weights.square().sum())
