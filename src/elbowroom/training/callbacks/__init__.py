"""The callbacks that come along."""

from elbowroom.training.callbacks.best import Best
from elbowroom.training.callbacks.gradients import Clip, Skip
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.training.callbacks.optimization import Rate
from elbowroom.training.callbacks.progress import Bar
from elbowroom.training.callbacks.selection import EarlyStopping
from elbowroom.training.callbacks.weights import Average

__all__ = [
    "Average",
    "Bar",
    "Best",
    "Clip",
    "EarlyStopping",
    "FreeBits",
    "Rate",
    "Skip",
    "Warmup",
]
