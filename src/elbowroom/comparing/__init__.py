"""Comparisons of runs: one table and one page, metrics as means over seeds, with baselines."""

from typing import TYPE_CHECKING

from elbowroom.comparing.comparison import Comparison, Group, compare
from elbowroom.comparing.pca import pca
from elbowroom.deprecation import deprecated_getattr

__all__ = ["Comparison", "Group", "compare", "pca"]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
