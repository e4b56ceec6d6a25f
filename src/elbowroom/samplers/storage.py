"""Samplers of a run: fitted to its training split, saved in its directory and loaded again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elbowroom import serialization
from elbowroom.data import Data
from elbowroom.models.base import GenerativeModel
from elbowroom.runs.run import Run
from elbowroom.samplers.base import PRIOR, SAMPLERS, Sampler, full_name
from elbowroom.samplers.projection import PrincipalProjection
from elbowroom.samplers.training_latents import (
    MAX_EXAMPLES,
    check_latents,
    fit_to_model,
    parse_fitted,
    unfitted_sampler,
)


def fit_sampler(run: Run | str | Path, name: str, data: Data | Any = None, max_examples: int = MAX_EXAMPLES) -> Path:
    """Fit a sampler to the latents of a run's training split, drawn from their posteriors, and save it with the run.

    Args:
        run: the run, or its directory.
        name: of the sampler, as "gaussian" or "mixture:10".
        data: the training data, if it was given as a Python object.
        max_examples: how many of the training examples, drawn at random, if there are more.

    Returns:
        the file.

    Raises:
        ValueError: there is no such sampler, there are too few examples, or it is for latents of another kind.

    >>> import tempfile, elbowroom as er
    >>> digits = er.load_data("digits")
    >>> run = er.fit(*er.recipes.autoencoder(digits.shape, latent=2), digits, steps=5, out=tempfile.mkdtemp() + "/run")
    >>> fit_sampler(run, "mixture:3").name
    'sampler-mixture-3.safetensors'
    >>> load_with_sampler(run, "mixture:3").sample(3).shape
    torch.Size([3, 1, 8, 8])
    """
    parse_fitted(name)
    run = Run(run)
    model = run.model()
    check_latents(model, name)
    return save_sampler(run, name, fit_to_model(model, run.measured_data(data).train, name, max_examples))


def save_sampler(run: Run, name: str, sampler: Sampler) -> Path:
    """Save a sampler that was fitted to the weights of a run, in place of one of the same name; return the file."""
    about = {
        "name": full_name(name),
        "size": str(sampler.size),
        "shape": json.dumps(sampler.shape),
        "settings": json.dumps(sampler.settings),
        "weights": run.weights_name,
        "step": str(run.weights_step),
        "latents": str(sampler.n_latents),
        "seconds": str(sampler.seconds),
        "held_out_log_density": str(sampler.held_out_log_density),
    }
    path = sampler_path(run, name)
    serialization.save(path, serialization.named_tensors(sampler), about)
    return path


def sampler_path(run: Run | str | Path, name: str) -> Path:
    """Return the file of a sampler of a run, which need not be there."""
    name, folder = full_name(name), Run(run).path
    path = folder / f"sampler-{name.replace(':', '-')}.safetensors"
    kind = name.partition(":")[0]
    # A run from before this sampler had an option has a file without it.
    older = folder / f"sampler-{kind}.safetensors"
    return older if full_name(kind) == name and older.is_file() and not path.is_file() else path


def fitted_samplers(run: Run | str | Path) -> list[str]:
    """Return the full names of the samplers that are saved with a run, in the order of the registry.

    >>> fitted_samplers("runs/none-here")
    []
    """
    order = list(SAMPLERS)
    names = [_stored_name(path) for path in sorted(Run(run).path.glob("sampler-*.safetensors"))]
    known = dict.fromkeys(full_name(name) for name in names if name.partition(":")[0] in order)
    return sorted(known, key=lambda name: order.index(name.partition(":")[0]))


def _stored_name(path: Path) -> str:
    """Return the name of a stored sampler; of files from before names had options, that of the file."""
    return serialization.read_metadata(path).get("name", path.stem.removeprefix("sampler-"))


def load_sampler(run: Run | str | Path, name: str, model: GenerativeModel | None = None) -> Sampler:
    """Load a sampler that was fitted to a run; its density is ``load_sampler(run, name)()``, given a condition ``(c)``.

    Args:
        run: the run, or its directory.
        name: of the sampler.
        model: of the run, where it is loaded already.

    Raises:
        ValueError: there is no such sampler, or it was not fitted to these weights of this run.
    """
    sampler, options = parse_fitted(name)
    run, name = Run(run), full_name(name)
    path = sampler_path(run, name)
    if not sampler.requires_fit:
        return unfitted_sampler(sampler, (model or run.model()).latent_shape, **options)
    if not path.is_file():
        raise ValueError(
            f"{run.path} has no sampler '{name}' yet: fit it with 'elbowroom fit-sampler {run.path} {name}'"
        )
    tensors, about = serialization.read(path)
    _check_weights(run, name, path, about)
    loaded = _make_sampler(sampler, tensors, about)
    serialization.load_into(loaded, tensors, path)
    if sampler.is_discrete:
        loaded.attach((model or run.model()).quantizer)
    loaded.n_latents, loaded.seconds = int(about.get("latents", 0)), float(about.get("seconds", 0))
    loaded.held_out_log_density = float(about.get("held_out_log_density", "nan"))
    return loaded.eval()


def _make_sampler(kind: type[Sampler], tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> Sampler:
    """Make a sampler of the shapes of stored tensors and settings."""
    size = int(about.get("size", len(tensors.get("loc", ()))))
    shape = tuple(json.loads(about.get("shape", f"[{size}]")))
    made = kind.for_latents(shape)(size, **json.loads(about.get("settings", "{}")))
    made.shape = shape
    if (basis := tensors.get("projection.basis")) is not None:
        made.projection = PrincipalProjection(*basis.shape)
    names = ("condition_mean", "condition_weight", "condition_scale")
    if condition := [torch.zeros_like(tensors[key]) for key in names if key in tensors]:
        made.set_condition(*condition)
    return made


def _check_weights(run: Run, name: str, path: Path, about: dict[str, str]) -> None:
    command = f"'elbowroom fit-sampler {run.path} {name} --weights {run.weights_name}'"
    if (fitted_to := about.get("weights", "final")) != run.weights_name:
        raise ValueError(
            f"{path} was fitted to the {fitted_to} weights: fit it to the {run.weights_name} ones with {command}"
        )
    if (step := about.get("step")) not in (None, str(run.weights_step)):
        raise ValueError(
            f"{path} was fitted to the weights of step {step}, and now they are of step {run.weights_step}: "
            f"fit it again with {command}"
        )


def load_with_sampler(run: Run | str | Path, name: str) -> GenerativeModel:
    """Load the model of a run with a sampler that was fitted to it, of which it draws latents in place of its prior.

    Args:
        run: the run, or its directory.
        name: of the sampler; "prior" for the model's own prior.

    Raises:
        ValueError: there is no such sampler, or it was not fitted to these weights of this run.
    """
    run = Run(run)
    return run.model() if name == PRIOR else attach_sampler(run, run.model(), name)


def attach_sampler(run: Run, model: GenerativeModel, name: str) -> GenerativeModel:
    """Return the model of a run, sharing its weights, with a sampler that was fitted to it, on the model's device."""
    check_latents(model, name)
    sampler = load_sampler(run, name, model)
    if sampler.shape != model.latent_shape:
        fitted, own = ("x".join(map(str, shape)) for shape in (sampler.shape, model.latent_shape))
        raise ValueError(
            f"{sampler_path(run, name)} is for latents of {fitted} numbers, and those of {run.path} have {own}: "
            "it belongs to another run"
        )
    return model.with_sampler(sampler.to(next(model.parameters()).device))
