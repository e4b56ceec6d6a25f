"""The weights that did best on the validation split."""

from __future__ import annotations

import math

from elbowroom import serialization
from elbowroom.training.callback import Callback
from elbowroom.training.state import METRICS, MODEL, RUN, STEP, State


class BestWeights(Callback):
    """Keep the weights with the lowest validation loss in ``checkpoints/best.safetensors``."""

    is_on_every_rank = False

    def __init__(self) -> None:
        self._best = math.inf

    def validation(self, state: State) -> None:  # noqa: D102
        loss = state[METRICS].get("validation", {}).get("loss", math.inf)
        if loss < self._best:
            self._best = loss
            serialization.save(
                state[RUN].best_weights,
                serialization.named_tensors(state[MODEL]),
                {"step": str(state[STEP]), "loss": str(loss)},
            )

    def state_dict(self) -> dict[str, float]:  # noqa: D102
        return {"best": self._best} if math.isfinite(self._best) else {}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:  # noqa: D102
        self._best = state_dict.get("best", math.inf)
