"""The callbacks that come along."""

from elbowroom.training.callbacks.bar import Bar
from elbowroom.training.callbacks.best import Best
from elbowroom.training.callbacks.charging import FreeBits, Warmup
from elbowroom.training.callbacks.doctor import Doctor
from elbowroom.training.callbacks.gradients import Clip, Skip
from elbowroom.training.callbacks.pictures import Pictures
from elbowroom.training.callbacks.rates import Rate
from elbowroom.training.callbacks.stopping import EarlyStopping
from elbowroom.training.callbacks.table import described, made_again
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
