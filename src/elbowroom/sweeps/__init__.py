"""Sweeps: a grid of trainings."""

from elbowroom.sweeps.grid import parameter_grid
from elbowroom.sweeps.sweep import SweepPoint, plan, sweep

__all__ = ["SweepPoint", "parameter_grid", "plan", "sweep"]
