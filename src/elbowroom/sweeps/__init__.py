"""Sweeps: a training for each point of a parameter grid, resumable."""

from elbowroom.sweeps.grid import parameter_grid
from elbowroom.sweeps.sweep import SweepPoint, plan, sweep

__all__ = ["SweepPoint", "parameter_grid", "plan", "sweep"]
