"""Estimators on disk: a run directory with a file of parameters and fitted attributes, without pickle."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elbowroom import __version__, errors, serialization
from elbowroom.data.options import to_json
from elbowroom.runs.run import Run, WeightsName
from elbowroom.samplers import default

if TYPE_CHECKING:
    from elbowroom.sklearn.estimator import Estimator

#: The file that makes a run directory a saved estimator.
ESTIMATOR_FILE = "estimator.json"
#: The file of the arrays that it needs beside the model, as ``ATTRIBUTE.NAME``.
ARRAYS_FILE = "estimator.safetensors"


def save(estimator: Estimator, path: str | Path, overwrite: bool = False) -> None:
    """Save a fitted estimator as a run directory.

    Raises:
        ValueError: there is a run, and it is not to be replaced.
    """
    run = Run(path)
    if run.exists and not overwrite:
        raise ValueError(f"{path} already holds a run: give another path, or overwrite=True to replace it")
    if run.exists:
        run.remove()
    estimator.trained_.write(run.path)
    fitted = {name: getattr(estimator, name) for name in _saved_names(estimator)}
    record = {
        "estimator": type(estimator).__name__,
        "elbowroom": __version__,
        "parameters": {name: _parameter(value) for name, value in estimator.get_params(deep=False).items()},
        "fitted": {name: _attribute(value) for name, value in fitted.items() if not isinstance(value, dict)},
        "input": estimator.input_format_.record,
    }
    arrays = {name: value for name, value in fitted.items() if isinstance(value, dict)}
    tensors = {f"{name}.{key}": torch.from_numpy(one) for name, value in arrays.items() for key, one in value.items()}
    serialization.save(run.path / ARRAYS_FILE, tensors, {"attributes": json.dumps(list(arrays))})
    with serialization.atomic_path(run.path / ESTIMATOR_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: str | os.PathLike[str], weights: WeightsName | None = None, sampler: str | None = None) -> Any:
    """Load what a directory holds: the estimator that was saved in it, or else the trained model of the run.

    The model is in evaluation mode, on the CPU; weights or a sampler that are asked for are those of a model.

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
    is_model = weights is not None or sampler is not None or not (run.path / ESTIMATOR_FILE).is_file()
    return default.load(run, weights, sampler) if is_model else _load_estimator(run.path)


def _load_estimator(path: Path) -> Estimator:
    from elbowroom.sklearn import VAE, Clusterer, Imputer, OutlierDetector
    from elbowroom.sklearn.input_format import InputFormat
    from elbowroom.sklearn.trained_model import TrainedModel

    record = json.loads((path / ESTIMATOR_FILE).read_text(encoding="utf-8"))
    known = {one.__name__: one for one in (VAE, OutlierDetector, Imputer, Clusterer)}
    if record["estimator"] not in known:
        raise errors.unknown_name(f"estimator in {path / ESTIMATOR_FILE}", record["estimator"], known)
    cls = known[record["estimator"]]
    names = {field.name for field in fields(cls)}
    estimator = cls(**{name: _read_parameter(value) for name, value in record["parameters"].items() if name in names})
    for name, value in record["fitted"].items():
        setattr(estimator, name, _read_attribute(value))
    tensors, about = serialization.read(path / ARRAYS_FILE)
    for name in json.loads(about["attributes"]):
        prefix = f"{name}."
        own = {key.removeprefix(prefix): one.numpy() for key, one in tensors.items() if key.startswith(prefix)}
        setattr(estimator, name, own)
    estimator.input_format_ = InputFormat.from_record(record["input"])
    estimator.run_directory_ = None
    estimator.trained_ = TrainedModel.read(path)
    return estimator


def _saved_names(estimator: Estimator) -> list[str]:
    """Return the names of the fitted attributes that are saved; scikit-learn's are there for named columns alone."""
    return [name for name in ("feature_names_in_", *estimator._saved_attributes) if hasattr(estimator, name)]


def _parameter(value: Any) -> Any:
    """Return a parameter as JSON; a generator of random numbers has none, and is left out."""
    return (
        None if isinstance(value, np.random.RandomState) else to_json(str(value) if isinstance(value, Path) else value)
    )


def _read_parameter(value: Any) -> Any:
    """Return a parameter as it was given: JSON has lists for tuples."""
    if isinstance(value, dict):
        return {name: _read_parameter(one) for name, one in value.items()}
    return tuple(map(_read_parameter, value)) if isinstance(value, list) else value


def _attribute(value: Any) -> Any:
    """Return a fitted attribute as JSON: a number, words, or an array with its type."""
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.name, "values": value.tolist()}
    return value.item() if isinstance(value, np.generic) else value


def _read_attribute(value: Any) -> Any:
    """Return what :func:`_attribute` wrote."""
    return np.array(value["values"], dtype=value["dtype"]) if isinstance(value, dict) else value
