"""Registry of the scores of disentanglement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elbowroom.registry import Registry


@dataclass(frozen=True)
class DisentanglementScore:
    """A score of latents by the factors of their examples.

    Attributes:
        function: from latents (N, D), factors (N, F) and ``seed=`` to the score, or a named tuple of scores.
        name: of the score.
        how: how it is computed, in words.
        metrics: the names of its metrics in an evaluation.
        needs_interventions: whether examples must be drawn with all other factors independent of one that is held
            fixed, as from a grid of factors.
    """

    function: Callable[..., Any]
    name: str
    how: str
    metrics: tuple[str, ...]
    needs_interventions: bool = False


#: The scores by name, in the order in which they are shown.
DISENTANGLEMENT_SCORES: Registry[DisentanglementScore] = Registry(
    "score of disentanglement",
    (
        *(f"elbowroom.evaluation.disentanglement.{module}" for module in ("mig", "dci", "sap", "modularity")),
        "elbowroom.evaluation.disentanglement.*",
    ),
)
score = DISENTANGLEMENT_SCORES.decorator(DisentanglementScore)
