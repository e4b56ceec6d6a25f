"""What a model is worth, on a whole split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from elbowroom import __version__, devices
from elbowroom.data import Data, Split, freeze, load_data
from elbowroom.evaluation.compatibility import check_compatible, describe_likelihood
from elbowroom.evaluation.metric import Evaluation, Metric
from elbowroom.evaluation.registry import EvalContext, Suite, select_suites
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run


def evaluate(
    run: Run | str | Path | GenerativeModel,
    data: Data | Any = None,
    *,
    metrics: str | Iterable[str | Suite] = "default",
    samples: int = 100,
    split: str = "test",
    batch_size: int = 100,
    seed: int = 0,
    device: str | None = None,
) -> Evaluation:
    """Judge a model on every example of a split, once, in evaluation mode.

    The noise of an example depends on the seed, its place in the split and the number of the sample alone, so the
    figures are the same in any batch size; memory is bounded whatever the number of samples.

    Args:
        run: a run, its directory, or a model (then ``data`` is needed).
        data: what to judge on, if not what the run was trained on.
        metrics: suites of figures, as ``("likelihood", "images")`` or ``"likelihood,images"``; ``"default"`` is
            likelihood, latent and error, ``"all"`` is everything.
        samples: K, posterior samples per example, for the ELBO's expectation and the importance bound.
        split: train, validation or test.
        batch_size: examples at a time; the figures do not depend on it.
        seed: of the noise.
        device: where to compute: where a model is, or the fastest there is for a run, if not given.

    Returns:
        ``elbo``, ``reconstruction``, ``kl``, ``importance_bound``, ``effective_sample_size``, ``bits_per_dim``,
        ``kl_per_dimension``, ``active_units`` (or ``codes_in_use``), ``mse``, and those of the other suites asked for;
        each a :class:`Metric`, without a value where the model does not define it.

    Raises:
        ValueError: no such suite or split, fewer than one sample, or data that the model was not made for.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> figures = er.evaluate(model, data, samples=10)
    >>> figures["elbo"].value < figures["importance_bound"].value
    True
    """
    suites = select_suites(metrics)
    if samples < 1:
        raise ValueError(f"samples, the posterior samples per example, must be at least 1, got {samples}")
    if batch_size < 1:
        raise ValueError(f"batch size must be at least 1, got {batch_size}")
    model, data, name = _load_model_and_data(run, data)
    place = next(model.parameters()).device if device is None and model is run else devices.resolve(device)
    part = freeze(_get_split(data, split), seed).to(place)
    was_training = model.training
    model.to(place).eval()
    subject = EvalContext(model, data, split, part, samples, batch_size, seed)
    figures: dict[str, Metric] = {}
    try:
        for suite in suites:
            # A suite's own draws, on whatever torch's generator, are the same in any company and leave no trace.
            with torch.random.fork_rng([place] if place.type == "cuda" else []):
                torch.manual_seed(seed)
                found = suite.function(subject)
            for figure, metric in found.items():
                figures.setdefault(figure, replace(metric, split=metric.split or split, suite=suite.name))
    finally:
        model.train(was_training)
    protocol = {
        "model": name,
        "recipe": model.recipe_call.recipe if model.recipe_call else None,
        "arguments": model.recipe_call.arguments if model.recipe_call else None,
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": data.protocol,
        "split": split,
        "samples": samples,
        "seed": seed,
        "batch_size": batch_size,
        "metrics": [suite.name for suite in suites],
        "likelihood": describe_likelihood(model, data),
        "versions": {"elbowroom": __version__, "torch": torch.__version__},
    }
    return Evaluation(figures, protocol)


def _load_model_and_data(run: Run | str | Path | GenerativeModel, data: Any) -> tuple[GenerativeModel, Data, str]:
    if isinstance(run, GenerativeModel):
        if data is None:
            raise ValueError("a model was given without data to judge it on: pass data=, a name, path, array or Data")
        model, data, name = run, load_data(data), type(run).__name__
    else:
        run = run if isinstance(run, Run) else Run(run)
        model, data, name = run.model(), run.data() if data is None else load_data(data), str(run.path)
    check_compatible(model, data)
    return model, data, name


def _get_split(data: Data, name: str) -> Split:
    there = [s for s in ("train", "validation", "test") if getattr(data, s) is not None]
    if name not in there:
        raise ValueError(f"{data.name} has no '{name}' split: choose one of {', '.join(there)}")
    return getattr(data, name)
