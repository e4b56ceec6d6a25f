"""Runs side by side: what a grid of trainings comes to."""

from elbowroom.comparing.comparison import Comparison, Group, compare
from elbowroom.comparing.pca import pca

__all__ = ["Comparison", "Group", "compare", "pca"]
