"""Training: one step, one loop, and what may be hung on it."""

from elbowroom.training.callbacks import Callback
from elbowroom.training.loop import fit, resume
from elbowroom.training.state import State, state_key
from elbowroom.training.step import Losses, Step

__all__ = ["Callback", "Losses", "State", "Step", "fit", "resume", "state_key"]
