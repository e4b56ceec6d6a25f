"""The callbacks that come along."""

from elbowroom.training.callbacks.best import BestWeights
from elbowroom.training.callbacks.gradients import GradientClipping, SkipStep
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.callbacks.optimization import LRSchedule
from elbowroom.training.callbacks.progress import ProgressBar
from elbowroom.training.callbacks.selection import EarlyStopping
from elbowroom.training.callbacks.weights import EMA

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
