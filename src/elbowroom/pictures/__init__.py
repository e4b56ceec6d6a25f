"""Pictures of data, of models and of runs."""

from elbowroom.pictures.curves import curves
from elbowroom.pictures.film import film
from elbowroom.pictures.grid import is_picture, reconstructions, samples
from elbowroom.pictures.look import Look
from elbowroom.pictures.plots import PLOTS, Plot, plot

__all__ = ["PLOTS", "Look", "Plot", "curves", "film", "is_picture", "plot", "reconstructions", "samples"]
