"""Sweeps: a grid of trainings."""

from elbowroom.sweeps.grid import grid
from elbowroom.sweeps.sweep import Point, plan, sweep

__all__ = ["Point", "grid", "plan", "sweep"]
