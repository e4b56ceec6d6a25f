"""Pictures of data, of models and of runs."""

from elbowroom.pictures.curves import curves
from elbowroom.pictures.grid import is_picture, reconstructions, samples

__all__ = ["curves", "is_picture", "reconstructions", "samples"]
