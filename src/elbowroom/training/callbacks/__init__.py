"""The callbacks that come along."""

from elbowroom.training.callbacks.progress import Bar
from elbowroom.training.callbacks.best import Best
from elbowroom.training.callbacks.kl import FreeBits, Warmup
from elbowroom.workbench.monitoring.doctor import Doctor
from elbowroom.training.callbacks.gradients import Clip, Skip
from elbowroom.workbench.monitoring.sample_images import Pictures
from elbowroom.training.callbacks.optimization import Rate
from elbowroom.training.callbacks.selection import EarlyStopping
from elbowroom.workbench.callback_registry import described, made_again
from elbowroom.training.callbacks.weights import Average

__all__ = [
    "Average",
    "Bar",
    "Best",
    "Clip",
    "Doctor",
    "EarlyStopping",
    "FreeBits",
    "Pictures",
    "Rate",
    "Skip",
    "Warmup",
    "described",
    "made_again",
]
