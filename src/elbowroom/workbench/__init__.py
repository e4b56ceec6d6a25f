"""Training with the default callbacks: fit, resume, and the registry that records callbacks."""

from elbowroom.workbench.callback_registry import from_record, to_record
from elbowroom.workbench.monitoring.doctor import Doctor
from elbowroom.workbench.monitoring.sample_images import SampleImages

__all__ = ["Doctor", "SampleImages", "from_record", "to_record"]
