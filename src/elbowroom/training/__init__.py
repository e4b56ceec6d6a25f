"""Training: one step, the loop above it, and callbacks."""

from typing import TYPE_CHECKING

from elbowroom.deprecation import deprecated_getattr
from elbowroom.training.backward import DivergedError
from elbowroom.training.callback import Callback, every, on, once, only_if
from elbowroom.training.callbacks import EMA, EarlyStopping, FreeBits, GradientClipping, LRSchedule, SkipStep, Warmup
from elbowroom.training.state import State, state_key
from elbowroom.training.step import Losses, Step

__all__ = [
    "EMA",
    "Callback",
    "DivergedError",
    "EarlyStopping",
    "FreeBits",
    "GradientClipping",
    "LRSchedule",
    "Losses",
    "SkipStep",
    "State",
    "Step",
    "Warmup",
    "every",
    "on",
    "once",
    "only_if",
    "state_key",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
