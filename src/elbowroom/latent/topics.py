"""Topics of a topic model: the items, such as words, with the largest weights in each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom.models.base import GenerativeModel
from elbowroom.models.topics import top_items

if TYPE_CHECKING:
    from elbowroom.runs.run import Run


def topics(run: Run | str | Path | GenerativeModel, n: int = 10) -> list[list[str]]:
    """Return the n items of each topic with the largest weights, by name, or by position where they have none.

    Args:
        run: a run, its folder, or a model.
        n: how many of each topic.

    Raises:
        ValueError: the model has no topics.

    >>> import elbowroom as er
    >>> [len(words) for words in topics(er.recipes.prod_lda((30,), latent=4)[0], n=5)]
    [5, 5, 5, 5]
    """
    from elbowroom.samplers.default import load

    model: Any = run if isinstance(run, GenerativeModel) else load(run)
    names = (model.data_record or {}).get("items")
    return [[names[i] if names else str(i) for i in row] for row in top_items(model, n).tolist()]
