"""The sampler that is fitted at the end of a training."""

from __future__ import annotations

import math
import warnings

import torch
from torch import nn

from elbowroom import distributed
from elbowroom.data import Data
from elbowroom.models.adapter import adapt
from elbowroom.models.base import GenerativeModel
from elbowroom.samplers import (
    NO_SAMPLER,
    PRIOR,
    declared_sampler,
    default_sampler,
    fit_to_model,
    full_name,
    limit_steps,
    require_fittable,
    sampling_model,
    save_sampler,
)
from elbowroom.samplers.projection import MAX_COMPONENTS
from elbowroom.samplers.training_latents import parse_fitted
from elbowroom.training.budget import BUDGET
from elbowroom.training.state import DATA, MODEL, RUN, STEP, STOP, State
from elbowroom.workbench.monitoring.sample_images import save_final_samples

#: The sampler where neither the training nor its recipe names one; and the one for few examples.
DEFAULT_SAMPLER = "mixture:10"
SAMPLER_OF_FEW = "gaussian"
#: The samplers of quantized latents: of maps of codes, and of codes in a row.
DEFAULT_OF_MAPS = "pixelcnn"
DEFAULT_OF_SEQUENCES = "transformer"
#: The share of a training's time that a fit which nobody asked for may take.
TIME_SHARE = 0.1
#: Examples for each dimension that the default needs: below these its components have fewer than there are dimensions.
MIN_EXAMPLES_PER_DIMENSION = 10
#: Training examples that are encoded, at most; and as many as may be although the training saw fewer.
MAX_EXAMPLES = 10_000
MIN_EXAMPLES = 1_000


def check_sampler(name: str | None, model: nn.Module, data: Data) -> None:
    """Raise a ValueError for a sampler that cannot be fitted to a model, before a training begins.

    What a module of your own returns is not looked at before it is trained: of its samplers the name alone is checked.
    """
    if name is None or name == NO_SAMPLER:
        return
    parse_fitted(name)
    if isinstance(model, GenerativeModel):
        require_fittable(model, name, _count_encoded_examples(data))


def _count_encoded_examples(data: Data) -> int | None:
    """Return how many training examples a sampler is fitted to at most; None where it is not known."""
    size: int | None = data.protocol.get("sizes", {}).get("train")
    return None if size is None else min(MAX_EXAMPLES, size)


def fit_final_sampler(state: State) -> None:
    """Fit a sampler to the weights that a training ends with, and save it with the run, unless it will be resumed.

    It is the one of the settings, or the recipe's own, or else a mixture of ten normals (of few examples one normal);
    of a quantized model an autoregressive density of its codes. It encodes no more examples than the training has seen,
    and one that nobody asked for takes no more steps than a tenth of the training's time allows. Any error is only a
    warning: the training is complete and saved.
    """
    run, asked = state[RUN], state[RUN].record["training"].get("sampler")
    is_off = asked == NO_SAMPLER or state[STOP] in ("interrupted", "terminated")
    if is_off or not distributed.is_main_process():
        return
    model = _fitted_model(state)
    if model is None:
        return
    n = min(MAX_EXAMPLES, max(MIN_EXAMPLES, state[STEP] * run.record["training"]["batch_size"]))
    name = asked or declared_sampler(run.record) or _default_sampler(state, model)
    try:
        # A fit must not change the caller's random state.
        with torch.random.fork_rng():
            if asked is None:
                name = limit_steps(model, state[DATA].train, name, TIME_SHARE * state[BUDGET].elapsed_s)
            save_sampler(run, name, fit_to_model(model, state[DATA].train, name, n))
            _save_samples(state, model)
    except (Exception, KeyboardInterrupt) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        again = f"'elbowroom fit-sampler {run.path} {full_name(name)}'"
        warnings.warn(f"no sampler was fitted ({reason}): {again} tries again", stacklevel=2)


def _fitted_model(state: State) -> GenerativeModel | None:
    """Return the trained model; a module of your own adapted, where its outputs allow it."""
    try:
        model = adapt(state[MODEL], state[DATA].shape)
    except ValueError:
        return None
    return model if model.can_decode else None


def _default_sampler(state: State, model: GenerativeModel) -> str:
    """Return the default sampler: of codes an autoregressive one; of few examples one normal."""
    if model.quantizer is not None:
        return DEFAULT_OF_SEQUENCES if model.quantizer.space is None else DEFAULT_OF_MAPS
    size = _count_encoded_examples(state[DATA])
    least = MIN_EXAMPLES_PER_DIMENSION * min(math.prod(model.latent_shape), MAX_COMPONENTS)
    return SAMPLER_OF_FEW if size is not None and size < least else DEFAULT_SAMPLER


def _save_samples(state: State, model: GenerativeModel) -> None:
    """Save samples from the density that the run samples from by default; the prior's are there already."""
    from elbowroom.plotting import captions

    run = state[RUN]
    name = default_sampler(run, model)
    if name != PRIOR:
        save_final_samples(state, sampling_model(run, model, name), captions.sampler_words(name))
