"""Training with the default callbacks: fit, resume, and the registry that records callbacks."""

from elbowroom.workbench.callback_registry import described, made_again
from elbowroom.workbench.fit import fit, resume
from elbowroom.workbench.monitoring.doctor import Doctor
from elbowroom.workbench.monitoring.sample_images import Pictures

__all__ = ["Doctor", "Pictures", "described", "fit", "made_again", "resume"]
