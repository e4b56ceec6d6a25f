"""Evaluation of a model on a whole split."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from elbowroom import __version__, devices
from elbowroom.data import Data, default_split, freeze, load_measured
from elbowroom.evaluation.compatibility import check_compatible, describe_likelihood, with_condition
from elbowroom.evaluation.metric import Evaluation, Metric
from elbowroom.evaluation.registry import SUITES, EvalContext, Suite, select_suites
from elbowroom.models.adapter import adapt
from elbowroom.models.base import GenerativeModel, data_record_of
from elbowroom.runs.evaluations import keep_evaluation
from elbowroom.runs.run import Run
from elbowroom.runs.run_view import RunView
from elbowroom.samplers import PRIOR, Sampler, fitted_samplers, full_name, load_sampler


def evaluate(
    run: Run | str | Path | nn.Module,
    data: Data | Any = None,
    *,
    model: nn.Module | None = None,
    metrics: str | Iterable[str | Suite] = "default",
    sampler: str | Iterable[str] | None = None,
    samples: int = 100,
    split: str | None = None,
    batch_size: int = 100,
    seed: int = 0,
    device: str | None = None,
    save: bool = True,
    c: Any = None,
) -> Evaluation:
    """Measure metrics of a model on every example of a split, in evaluation mode.

    The noise of an example depends only on the seed, its index in the split and the number of the sample, so the
    metrics do not depend on the batch size; memory is bounded for any number of samples.

    Args:
        run: a run, its directory, or a model (then ``data`` is needed), which may be a VAE module of your own.
        data: what to evaluate on, coded as the data the run was trained on; that itself if not given. What is not a
            :class:`Data` is loaded by the run's record, with the splits that it comes with; one that is coded otherwise
            is refused.
        model: of a run, as it was built, if no recipe built it; the run's weights are loaded into it.
        metrics: suites of metrics, as ``("likelihood", "images")`` or ``"likelihood,images"``; ``"default"`` is
            likelihood, latent and reconstruction, ``"all"`` is every suite.
        sampler: names of samplers that the suites ``samplers`` and ``images`` compare with the prior of a run, as
            ``"gaussian,mixture:10"``; by default all that were fitted to its weights, and ``"prior"`` for none. Named,
            they are measured by ``samplers`` even if no such suite is asked for.
        samples: K, posterior samples per example, for the ELBO's expectation and the importance bound.
        split: train, validation, test, or ``"all"`` for all of them, one after the other. If not given, test; of
            another source that has no test split validation, and without any splits all of it.
        batch_size: examples at a time; the metrics do not depend on it.
        seed: of the noise.
        device: where to compute; if not given, where the model is, or for a run the fastest device there is.
        save: whether to keep the metrics of a run in its ``evaluation.json``, in place of those that were measured
            before by the same protocol; comparisons, reports, lists and the studio show them.
        c: of a conditional model, the class (by name or number) or the attributes of all examples, where they have no
            labels.

    Returns:
        ``elbo``, ``reconstruction``, ``kl``, ``importance_bound``, ``effective_sample_size``, ``bits_per_dim``,
        ``kl_per_dimension``, ``active_units`` (or ``codes_in_use``), ``mse``, and those of the other suites selected;
        each a :class:`Metric`, with the value ``None`` where the model does not define it.

    Raises:
        ValueError: an unknown suite or split, fewer than one sample, data of another kind than the model's, or a
            sampler that was not fitted to these weights.

    >>> import elbowroom as er
    >>> data = er.load_data("digits")
    >>> model, _ = er.recipes.vae(data.shape, latent=2)
    >>> metrics = er.evaluate(model, data, samples=10)
    >>> metrics["elbo"].value < metrics["importance_bound"].value
    True
    """
    suites = select_suites(metrics)
    names = None if sampler is None else _parse_sampler_names(sampler)
    if names and not any(suite.compares_samplers for suite in suites):
        suites.append(SUITES.find("samplers"))
    if samples < 1:
        raise ValueError(f"samples, the posterior samples per example, must be at least 1, got {samples}")
    if batch_size < 1:
        raise ValueError(f"batch size must be at least 1, got {batch_size}")
    trained, data, name = _load_model_and_data(run, data, model)
    split = split or default_split(data, data_record_of(trained))
    is_model = isinstance(run, nn.Module)
    target = next(trained.parameters()).device if device is None and is_model else devices.resolve(device)
    eval_split = freeze(with_condition(trained, data.get_split(split), c), seed).to(target)
    was_training = trained.training
    trained.to(target).eval()
    samplers = _load_samplers(run, trained, names) if any(suite.compares_samplers for suite in suites) else {}
    samplers = {name: sampler.to(target) for name, sampler in samplers.items()}
    context = EvalContext(trained, data, split, eval_split, samples, batch_size, seed, samplers)
    results: dict[str, Metric] = {}
    try:
        for suite in suites:
            # What a suite draws from torch's global generator depends neither on the suites before it nor outlasts it.
            with torch.random.fork_rng([target] if target.type == "cuda" else []):
                torch.manual_seed(seed)
                measured = suite.function(context)
            for key, metric in measured.items():
                results.setdefault(key, replace(metric, split=metric.split or split, suite=suite.name))
    finally:
        trained.train(was_training)
    protocol = {
        "model": name,
        "recipe": trained.recipe_call.recipe if trained.recipe_call else None,
        "arguments": trained.recipe_call.arguments if trained.recipe_call else None,
        "parameters": sum(p.numel() for p in trained.parameters()),
        "data": data.protocol,
        "split": split,
        "samples": samples,
        "seed": seed,
        "batch_size": batch_size,
        "metrics": [suite.name for suite in suites],
        "likelihood": describe_likelihood(trained, data),
        "versions": {"elbowroom": __version__, "torch": torch.__version__},
    }
    if samplers:
        protocol["samplers"] = list(samplers)
    if not isinstance(run, nn.Module) and (weights := Run(run).weights_name) != "final":
        protocol["weights"] = weights
    if c is not None:
        protocol["condition"] = c.tolist() if isinstance(c, torch.Tensor) else c
    evaluation = Evaluation(results, protocol)
    if save and not isinstance(run, nn.Module):
        _keep(Run(run), evaluation)
    return evaluation


def _parse_sampler_names(sampler: str | Iterable[str]) -> list[str]:
    """Return the full names of samplers, each once, without that of the prior."""
    items = sampler.split(",") if isinstance(sampler, str) else sampler
    names = dict.fromkeys(full_name(item.strip()) for item in items if item.strip())
    return [name for name in names if name != PRIOR]


def _load_samplers(
    run: Run | str | Path | nn.Module, model: GenerativeModel, names: list[str] | None
) -> dict[str, Sampler]:
    """Load the samplers of these names; without names all of the run, but those that were fitted to other weights."""
    if isinstance(run, nn.Module):
        if names:
            raise ValueError(
                f"sampler {', '.join(names)}: a model was given, and samplers are kept with a run: give the run, or a "
                "model that load_with_sampler has loaded, without sampler="
            )
        return {} if model.sampler is None else {"sampler": cast("Sampler", model.sampler)}
    if names is not None:
        return {name: load_sampler(run, name) for name in names}
    samplers = {}
    for name in fitted_samplers(run):
        try:
            samplers[name] = load_sampler(run, name)
        except ValueError as error:
            warnings.warn(f"the sampler {name} is left out: {error}", stacklevel=3)
    return samplers


def _keep(run: Run, evaluation: Evaluation) -> None:
    """Write an evaluation into its run; a warning if that fails, for what has been measured must not be lost."""
    try:
        keep_evaluation(run, evaluation.metric_fields(), evaluation.protocol)
    except (OSError, ValueError) as error:
        warnings.warn(f"the evaluation is not kept in the run: {error}", stacklevel=3)


def _load_model_and_data(
    run: Run | str | Path | nn.Module, data: Any, module: nn.Module | None
) -> tuple[GenerativeModel, Data, str]:
    if isinstance(run, nn.Module):
        if data is None:
            raise ValueError(
                "a model was given without data to evaluate it on: pass data=, a name, path, array or Data"
            )
        data, name = load_measured(data, data_record_of(run)), type(run).__name__
        model = adapt(run, data.shape)
    else:
        view = RunView(run, data, None if module is None else Run(run).model(module))
        model, data, name = view.model, view.data, str(view.run)
    check_compatible(model, data)
    return model, data, name
