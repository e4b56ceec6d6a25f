"""Callbacks of the package: progress, KL, optimisation, and selection of weights."""

from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.callbacks.optimization import GradientClipping, LRSchedule, SkipStep
from elbowroom.training.callbacks.progress import ProgressBar
from elbowroom.training.callbacks.selection import EMA, BestWeights, EarlyStopping

__all__ = [
    "EMA",
    "BestWeights",
    "EarlyStopping",
    "FreeBits",
    "GradientClipping",
    "LRSchedule",
    "ProgressBar",
    "SkipStep",
    "Warmup",
]
