"""The view of a run that is exported, with the density that its samples are drawn from."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Any

from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.samplers import PRIOR, default_sampler, full_name, sampling_model

#: The largest number of examples whose latents are shown.
MAX_LATENTS = 2000


class ExportedRun(RunView):
    """The view of a run with the density that its samples are drawn from: its prior, or a sampler fitted to latents.

    Args:
        run: the run, or its directory.
        data: what it was trained on, if that was given as a Python object.
        model: the trained model, if no recipe made it.
        sampler: the name of that density, as "mixture:10" or "prior"; by default what the run samples from.
    """

    def __init__(
        self, run: Run | str | os.PathLike[str], data: Any = None, model: Any = None, sampler: str | None = None
    ) -> None:
        super().__init__(run, data, model, examples=MAX_LATENTS)
        self._asked_sampler = sampler

    @cached_property
    def sampler(self) -> str:
        """The full name of the density, "prior" for the model's own."""
        asked = self._asked_sampler
        return default_sampler(self.run, self.model) if asked is None else full_name(asked)

    @cached_property
    def sampling_model(self) -> GenerativeModel:
        """The model, sharing its weights, that draws its latents from that density.

        Raises:
            ValueError: no such sampler was fitted to these weights.
        """
        return sampling_model(self.run, self.model, self.sampler)

    @property
    def sampler_words(self) -> str:
        """The density in words."""
        return "the prior" if self.sampler == PRIOR else self.sampler
