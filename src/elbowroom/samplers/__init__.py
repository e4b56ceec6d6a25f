"""Samplers: densities fitted to latents after training, which take the place of the prior when a run is sampled."""

from elbowroom.samplers.base import PRIOR, SAMPLERS, LatentDensity, Sampler, describe_sampler, full_name, parse
from elbowroom.samplers.default import (
    NO_SAMPLER,
    current_samplers,
    declared_sampler,
    default_sampler,
    load,
    sampling_model,
)
from elbowroom.samplers.storage import (
    fit_sampler,
    fitted_samplers,
    load_sampler,
    load_with_sampler,
    sampler_path,
    save_sampler,
)
from elbowroom.samplers.training_latents import fit_to_model, limit_steps, require_fittable

__all__ = [
    "NO_SAMPLER",
    "PRIOR",
    "SAMPLERS",
    "LatentDensity",
    "Sampler",
    "current_samplers",
    "declared_sampler",
    "default_sampler",
    "describe_sampler",
    "fit_sampler",
    "fit_to_model",
    "fitted_samplers",
    "full_name",
    "limit_steps",
    "load",
    "load_sampler",
    "load_with_sampler",
    "parse",
    "require_fittable",
    "sampler_path",
    "sampling_model",
    "save_sampler",
]
