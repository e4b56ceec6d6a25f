"""What a model is worth, on a whole split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from elbowroom import __version__, devices
from elbowroom.data import Data, Split, load_data, still
from elbowroom.evaluation import latent, likelihood
from elbowroom.evaluation.metric import Evaluation, Metric, mean
from elbowroom.evaluation.suits import check_suits
from elbowroom.families import Bernoulli
from elbowroom.model import Generative
from elbowroom.run import Run


def evaluate(
    run: Run | str | Path | Generative,
    data: Data | Any = None,
    *,
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
        samples: K, posterior samples per example, for the ELBO's expectation and the importance bound.
        split: train, validation or test.
        batch_size: examples at a time; the figures do not depend on it.
        seed: of the noise.
        device: where to compute: where a model is, or the fastest there is for a run, if not given.

    Returns:
        ``elbo``, ``reconstruction``, ``kl``, ``importance_bound``, ``effective_sample_size``, ``bits_per_dim``,
        ``kl_per_dimension``, ``active_units`` (or ``codes_in_use``), ``mse``; each a :class:`Metric`.

    Raises:
        ValueError: no such split, fewer than one sample, or data that the model was not made for.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> figures = er.evaluate(model, data, samples=10)
    >>> figures["elbo"].value < figures["importance_bound"].value
    True
    """
    if samples < 1:
        raise ValueError(f"samples, the posterior samples per example, must be at least 1, got {samples}")
    if batch_size < 1:
        raise ValueError(f"batch size must be at least 1, got {batch_size}")
    model, data, name = _subject(run, data)
    place = next(model.parameters()).device if device is None and model is run else devices.pick(device)
    part = still(_split(data, split), seed).to(place)
    was_training = model.training
    model.to(place).eval()
    try:
        figures = likelihood.figures(model, part, samples, batch_size, seed, is_probability(model, data))
        figures |= latent.figures(model, part, batch_size, seed)
        figures["mse"] = _mse(model, part, batch_size)
    finally:
        model.train(was_training)
    protocol = {
        "model": name,
        "recipe": model.origin.recipe if model.origin else None,
        "arguments": model.origin.arguments if model.origin else None,
        "parameters": sum(p.numel() for p in model.parameters()),
        "data": data.protocol,
        "split": split,
        "samples": samples,
        "seed": seed,
        "batch_size": batch_size,
        "likelihood": _what_it_is(model, data),
        "versions": {"elbowroom": __version__, "torch": torch.__version__},
    }
    return Evaluation({key: _with(m, split) for key, m in figures.items()}, protocol)


def _subject(run: Run | str | Path | Generative, data: Any) -> tuple[Generative, Data, str]:
    if isinstance(run, Generative):
        if data is None:
            raise ValueError("a model was given without data to judge it on: pass data=, a name, path, array or Data")
        model, data, name = run, load_data(data), type(run).__name__
    else:
        run = run if isinstance(run, Run) else Run(run)
        model, data, name = run.model(), run.data() if data is None else load_data(data), str(run.path)
    check_suits(model, data)
    return model, data, name


def _split(data: Data, name: str) -> Split:
    there = [s for s in ("train", "validation", "test") if getattr(data, s) is not None]
    if name not in there:
        raise ValueError(f"{data.name} has no '{name}' split: choose one of {', '.join(there)}")
    return getattr(data, name)


def is_probability(model: Generative, data: Data) -> bool:
    """Whether p(x|z) is a probability on just the values that the data takes, so that bits mean something."""
    levels = model.decoder.family.levels
    return data.binary if levels == 2 else data.discrete and levels is not None


def _what_it_is(model: Generative, data: Data) -> str:
    family = model.decoder.family
    name = type(family).__name__
    if isinstance(family, Bernoulli) and not data.binary:
        return f"{name} on grey values: a cross-entropy, not a likelihood; compare with the same protocol only"
    return f"{name}, {'log-density' if family.levels is None else 'log-probability'}"


def _mse(model: Generative, split: Split, batch_size: int) -> Metric:
    errors = [
        (model.reconstruct(batch.x, batch.y) - batch.x).square().flatten(1).mean(1)
        for batch in split.batches(batch_size)
    ]
    return mean(torch.cat(errors), "squared", "per dimension, at the posterior mean")


def _with(metric: Metric, split: str) -> Metric:
    from dataclasses import replace

    return replace(metric, split=split)
