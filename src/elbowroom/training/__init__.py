"""Training: one step, one loop, and what may be hung on it."""

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
