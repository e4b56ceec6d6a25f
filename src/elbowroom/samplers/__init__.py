"""Samplers: densities fitted to latents after training, which take the place of the prior when a run is sampled."""

from elbowroom.samplers.base import SAMPLERS, Sampler, fit_sampler, load_with_sampler

__all__ = ["SAMPLERS", "Sampler", "fit_sampler", "load_with_sampler"]
