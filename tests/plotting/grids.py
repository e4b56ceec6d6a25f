"""The grid of images of a figure."""

from elbowroom.plotting.figure import ImageGrid


def get_grid(spec):
    (grid,) = spec.marks
    assert isinstance(grid, ImageGrid)
    return grid
