"""Training: one step, one loop, and what may be hung on it."""

from elbowroom.training.callback import Callback, every, on, once, only_if
from elbowroom.training.callbacks import Average, Clip, EarlyStopping, FreeBits, Rate, Skip, Warmup
from elbowroom.training.divergence import Diverged
from elbowroom.training.state import State, state_key
from elbowroom.training.step import Losses, Step

__all__ = [
    "Average",
    "Callback",
    "Clip",
    "Diverged",
    "EarlyStopping",
    "FreeBits",
    "Losses",
    "Rate",
    "Skip",
    "State",
    "Step",
    "Warmup",
    "every",
    "on",
    "once",
    "only_if",
    "state_key",
]
