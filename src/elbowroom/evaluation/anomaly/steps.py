"""Anomaly scores of the steps of series, and of windows put together to the series that they were cut from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.data import Split
from elbowroom.distributions.elements import elementwise_log_prob
from elbowroom.models.base import GenerativeModel

#: What stands between the name of a series and the first step of a window of it.
WINDOW_MARK = "@"


@torch.no_grad()
def score_steps(model: GenerativeModel, split: Split, batch_size: int = 100) -> Tensor:
    r"""Return the score of each step of series, higher where it is stranger: :math:`-\log p(x_t \mid z)` at the mean.

    Args:
        model: in evaluation mode.
        split: of series (C, T).
        batch_size: series at a time; the scores do not depend on it.

    Returns:
        (N, T), nats, summed over the channels that are observed; NaN for a step without a value.

    Raises:
        ValueError: examples are no series; p(x|z) is not a product over steps.

    >>> import elbowroom as er
    >>> from elbowroom.data import InMemorySplit
    >>> model, _ = er.recipes.time_vae((2, 9), latent=2, size="s")
    >>> score_steps(model.eval(), InMemorySplit(torch.randn(3, 2, 9))).shape
    torch.Size([3, 9])
    """
    if len(split.shape) != 2:
        size = "x".join(map(str, split.shape))
        raise ValueError(f"the examples are {size}, not series (C, T): there are no scores of steps")
    device = next(model.parameters()).device
    scores = []
    for batch in split.to(device).batches(batch_size):
        with noise.zero_noise():
            p = model.draw(batch.x, batch.y if model.is_conditional else None).p
        step_scores = -elementwise_log_prob(p, batch.x)[0].sum(-2)
        scores.append(step_scores.masked_fill(batch.x.isnan().all(-2), math.nan).cpu())
    return torch.cat(scores)


def join_windows(scores: Tensor, names: Sequence[str] | None) -> dict[str, list[Any]]:
    """Return the scores of steps as columns: series, step and score, where windows share a step their mean.

    Args:
        scores: of the steps of windows or whole series, (N, T); NaN is left out.
        names: of each, ``NAME@START`` of a window that begins at a step of its series.

    >>> scores = torch.tensor([[1.0, 2.0], [4.0, torch.nan]])
    >>> join_windows(scores, ["a@0", "a@1"])
    {'series': ['a', 'a'], 'step': [0, 1], 'score': [1.0, 3.0]}
    """
    found: dict[tuple[str, int], list[float]] = {}
    for row, values in enumerate(scores.tolist()):
        series, start = _split_name(str(row) if names is None else names[row])
        for step, value in enumerate(values, start):
            if not math.isnan(value):
                found.setdefault((series, step), []).append(value)
    return {
        "series": [series for series, _ in found],
        "step": [step for _, step in found],
        "score": [sum(values) / len(values) for values in found.values()],
    }


def _split_name(name: str) -> tuple[str, int]:
    """Return the name of a series and the first step of a window of it, 0 where it is whole."""
    series, mark, start = name.rpartition(WINDOW_MARK)
    return (series, int(start)) if mark and start.isdecimal() else (name, 0)
