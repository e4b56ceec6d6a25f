"""Pictures of data, of models and of runs."""

from elbowroom.plotting.curves import curves
from elbowroom.plotting.gif import film
from elbowroom.plotting.image_grid import is_picture, reconstructions, samples
from elbowroom.plotting.registry import PLOTS, Plot, plot
from elbowroom.plotting.run_view import Look

__all__ = ["PLOTS", "Look", "Plot", "curves", "film", "is_picture", "plot", "reconstructions", "samples"]
