"""Figures of a run: images, curves, latents."""

from typing import TYPE_CHECKING

from elbowroom.data.image import is_image
from elbowroom.deprecation import deprecated_getattr
from elbowroom.plotting.curves import plot_curves
from elbowroom.plotting.gif import write_gif
from elbowroom.plotting.image_grid import reconstruction_grid, sample_grid
from elbowroom.plotting.registry import PLOTS, Plot, plot
from elbowroom.runs.run_view import RunView

__all__ = [
    "PLOTS",
    "Plot",
    "RunView",
    "is_image",
    "plot",
    "plot_curves",
    "reconstruction_grid",
    "sample_grid",
    "write_gif",
]

if not TYPE_CHECKING:
    __getattr__ = deprecated_getattr(__name__)
