"""Samplers: densities fitted to latents after training, which take the place of the prior when a run is sampled."""

from elbowroom.samplers.base import Sampler

__all__ = ["Sampler"]
