"""What is judged, and with what: all that a suite of figures gets to see."""

from __future__ import annotations

from dataclasses import dataclass

from elbowroom.data import Data, Split
from elbowroom.models.base import GenerativeModel


@dataclass(frozen=True)
class EvalContext:
    """A model in evaluation mode, the examples it is judged on, and the settings of the evaluation.

    Attributes:
        model: in evaluation mode, on the device of ``part``.
        data: all of its splits, for figures that are fitted on another than the one judged.
        split_name: the name of the one judged.
        eval_split: that split, on the device, its examples the same at every pass.
        samples: posterior samples per example.
        batch_size: examples at a time; no figure depends on it.
        seed: of whatever is random.
    """

    model: GenerativeModel
    data: Data
    split_name: str
    eval_split: Split
    samples: int
    batch_size: int
    seed: int
