"""Many runs: a grid of trainings, and what they come to side by side."""

from elbowroom.comparing.comparison import Comparison, compare
from elbowroom.sweeps.grid import grid
from elbowroom.comparing.group import Group
from elbowroom.comparing.pca import pca
from elbowroom.sweeps.sweep import Point, plan, sweep

__all__ = ["Comparison", "Group", "Point", "compare", "grid", "pca", "plan", "sweep"]
