"""Which density a run samples from: its own choice where nobody names one, and its model with that density."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elbowroom import serialization
from elbowroom.models.base import GenerativeModel
from elbowroom.recipes.registry import find
from elbowroom.runs.run import Run, WeightsName
from elbowroom.samplers.base import PRIOR, full_name
from elbowroom.samplers.storage import attach_sampler, fitted_samplers, sampler_path

#: The name that leaves out the sampler at the end of a training.
NO_SAMPLER = "none"


def load(
    path: str | os.PathLike[str], weights: WeightsName | None = None, sampler: str | None = None
) -> GenerativeModel:
    """Load the trained model of a run, or of its directory, in evaluation mode, on the CPU.

    Args:
        path: the run, or its directory.
        weights: ``"final"``, those that the training ended with; ``"best"``, those with the lowest validation loss;
            or ``"checkpoint"``, those of the last checkpoint.
        sampler: the density that it samples latents from: "prior", or the name of a sampler fitted to the run, as
            "mixture:10". By default the recipe's own sampler, if it has one, else the prior; without a prior the
            sampler fitted at the end of the training. ELBO and KL are the prior's.

    Raises:
        ValueError: there is no run, or its weights are damaged, another model's or not there; the sampler is not there.
    """
    run = Run(path, weights)
    return sampling_model(run, run.model(), sampler)


def sampling_model(run: Run | str | Path, model: GenerativeModel, name: str | None = None) -> GenerativeModel:
    """Return the model of a run, sharing its weights, so that it draws latents from a density fitted to them.

    Args:
        run: the run, or its directory.
        model: with the run's weights.
        name: of the sampler, "prior" for the model's own prior; by default that of :func:`default_sampler`.

    Raises:
        ValueError: there is no such sampler, or it was not fitted to these weights of this run.
    """
    run = Run(run)
    name = default_sampler(run, model) if name is None else name
    return model if name == PRIOR else attach_sampler(run, model, name)


def default_sampler(run: Run | str | Path, model: GenerativeModel) -> str:
    """Return the name of the density that a run samples from where nobody names one.

    It is the prior, unless the recipe declares a sampler of its own or the model has no prior. Then it is the sampler
    that the training was asked for, that of the recipe, or another one that was fitted to these weights; the prior if
    there is none. Of a quantized model, whose prior takes the positions as independent, it is the sampler that gives
    held-out codes the highest probability.

    >>> import elbowroom as er
    >>> default_sampler("runs/none-here", er.recipes.vae((1, 8, 8))[0])
    'prior'
    """
    run = Run(run)
    fitted = current_samplers(run)
    if not fitted:
        return PRIOR
    declared = declared_sampler(run.record)
    if model.is_quantized:
        return max(fitted, key=lambda name: _held_out_log_density(run, name))
    if model.has_prior and declared is None:
        return PRIOR
    asked = run.record["training"].get("sampler")
    preferred = [full_name(name) for name in (asked, declared) if name not in (None, NO_SAMPLER)]
    return next((name for name in preferred if name in fitted), fitted[-1])


def declared_sampler(record: Mapping[str, Any]) -> str | None:
    """Return the sampler that the recipe of a record declares; ``None`` if it has none, or is not known here."""
    with contextlib.suppress(ValueError):
        return None if record["recipe"] is None else find(record["recipe"]).sampler
    return None


def _held_out_log_density(run: Run, name: str) -> float:
    return float(serialization.read_metadata(sampler_path(run, name)).get("held_out_log_density", "-inf"))


def current_samplers(run: Run) -> list[str]:
    """Return the full names of the samplers that are fitted to the selected weights of a run."""
    return [name for name in fitted_samplers(run) if is_current(run, name)]


def is_current(run: Run, name: str) -> bool:
    """Whether a fitted sampler is of the weights that are selected of a run, and of their step."""
    about = serialization.read_metadata(sampler_path(run, name))
    is_same_step = about.get("step") in (None, str(run.weights_step))
    return about.get("weights", "final") == run.weights_name and is_same_step
