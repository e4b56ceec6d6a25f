"""Variants of elbowroom: recipes with settings of ``er.fit``, sampled from prior and fitted sampler."""

from __future__ import annotations

import math
import tempfile
import time
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from variants import Trained, Variant, count_parameters, sample_blocks

import elbowroom as er

#: Steps that the seconds of one are measured with, after as many to warm up.
TIMED_STEPS = 30


class RecipeRow(NamedTuple):
    """A recipe of elbowroom: its arguments, the settings of ``er.fit``, and its sampler."""

    recipe: str
    arguments: dict[str, Any]
    settings: dict[str, Any]
    sampler: str = "mixture:10"
    ema: float | None = 0.995


SMALL = {"latent": 128, "size": "s", "network": "conv", "likelihood": "gaussian"}
ONE_CYCLE = {"batch_size": 32, "lr": 2e-3, "schedule": "one-cycle"}
RECIPES = {
    "faces": RecipeRow("conv_vae", SMALL, ONE_CYCLE),
    "conv_vae defaults": RecipeRow("conv_vae", {}, {}, ema=None),
    "rae_l2": RecipeRow("rae_l2", SMALL, ONE_CYCLE),
    "wae_mmd": RecipeRow("wae_mmd", SMALL, ONE_CYCLE),
    "two_stage_vae": RecipeRow("two_stage_vae", SMALL, ONE_CYCLE, "two-stage"),
}

#: What ``faces`` was chosen from: its settings with one or two of them changed.
CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "latent 32": ({"latent": 32}, {"batch_size": 64}),
    "latent 64": ({"latent": 64}, {"batch_size": 64}),
    "latent 64, batch 32": ({"latent": 64}, {}),
    "latent 64, beta 0.25": ({"latent": 64, "beta": 0.25}, {"batch_size": 64}),
    "latent 64, beta 4": ({"latent": 64, "beta": 4.0}, {"batch_size": 64}),
    "latent 64, gaussian:optimal": ({"latent": 64, "likelihood": "gaussian:optimal"}, {"batch_size": 64}),
    "latent 64, size m": ({"latent": 64, "size": "m"}, {"batch_size": 64}),
    "latent 64, residual": ({"latent": 64, "network": "residual"}, {"batch_size": 64}),
    "batch 64": ({}, {"batch_size": 64}),
    "batch 64, lr 0.004": ({}, {"batch_size": 64, "lr": 4e-3}),
    "size m, batch 64": ({"size": "m"}, {"batch_size": 64}),
    "residual, batch 64": ({"network": "residual"}, {"batch_size": 64}),
    "latent 256, batch 64": ({"latent": 256}, {"batch_size": 64}),
    "latent 256": ({"latent": 256}, {}),
}
RECIPES |= {
    f"sweep: {name}": RecipeRow("conv_vae", SMALL | arguments, ONE_CYCLE | settings)
    for name, (arguments, settings) in CHANGES.items()
}

#: What the defaults of ``conv_vae`` were chosen from, with the settings that ``er.fit`` has by default.
DEFAULTS = {"size s": {"size": "s"}, "latent 128, size s": {"latent": 128, "size": "s"}, "latent 128": {"latent": 128}}
RECIPES |= {
    f"sweep: conv_vae, {name}": RecipeRow("conv_vae", arguments, {}, ema=None) for name, arguments in DEFAULTS.items()
}


def train_recipe(row: RecipeRow, data: er.Data, cpu_s: float, seed: int) -> Trained:
    """Train a recipe for as many steps as fit into the CPU seconds, by the seconds that some steps take."""
    from elbowroom.samplers.training_latents import fit_to_model

    marks: list[float] = []
    fit_recipe(row, data, 2 * TIMED_STEPS, seed, er.on.step(lambda state: marks.append(time.process_time())))
    per_step = (marks[-1] - marks[TIMED_STEPS - 1]) / TIMED_STEPS
    steps, started = max(1, math.floor(cpu_s / per_step)), time.process_time()
    model = fit_recipe(row, data, steps, seed)
    trained_s = time.process_time() - started
    draws = {"prior": partial(sample_blocks, model.sample)} if model.has_prior else {}
    draws[row.sampler] = partial(sample_fitted, model, fit_to_model(model, data.train, row.sampler))
    return Trained(draws, count_parameters(model), steps, trained_s)


def fit_recipe(row: RecipeRow, data: er.Data, steps: int, seed: int, *callbacks: er.Callback) -> er.GenerativeModel:
    """Train a recipe for some steps, without validation, monitoring and report, and return the model."""
    torch.manual_seed(seed)
    settings = dict(row.settings)
    if schedule := settings.pop("schedule", None):
        callbacks = (er.LRSchedule(schedule), *callbacks)
    if row.ema is not None:
        callbacks = (er.EMA(row.ema), *callbacks)
    quiet: dict[str, Any] = {"watch": (), "report": False, "progress": False, "device": "cpu", "sampler": "none"}
    model, objective = er.recipes.find(row.recipe)(data.shape, **row.arguments)
    with tempfile.TemporaryDirectory() as folder:
        run = er.fit(
            model,
            objective,
            data,
            out=f"{folder}/run",
            steps=steps,
            seed=seed,
            callbacks=callbacks,
            **quiet,
            **settings,
        )
        return run.model()


def sample_fitted(model: er.GenerativeModel, sampler: Any, n: int) -> Tensor:
    """Draw images with latents from a fitted sampler."""
    before, model.sampler = model.sampler, sampler
    images = sample_blocks(model.sample, n)
    model.sampler = before
    return images


OUR_VARIANTS: dict[str, Variant] = {name: partial(train_recipe, row) for name, row in RECIPES.items()}
