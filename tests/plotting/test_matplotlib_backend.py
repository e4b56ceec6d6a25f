"""The layout of a grid of images, and what figures name."""

import pytest
import torch

from elbowroom.plotting.figure import Bars, FigureSpec, ImageGrid, PriorOnPlane, Scatter
from elbowroom.plotting.matplotlib_backend import draw_figure, tile_images


def test_a_grid_is_laid_out_where_its_labels_say():
    images = torch.arange(6.0).reshape(2, 3, 1, 1, 1).expand(2, 3, 1, 4, 5) / 6
    array, lefts, tops, size = tile_images(ImageGrid(images, ["a", "b"], ["1", "2", "3"], "rows", "columns"))
    assert size == (4, 5)
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            assert (array[top : top + 4, left : left + 5] == images[i, j, 0, 0, 0].item()).all()
    seamless, *_ = tile_images(ImageGrid(images, ["a", "b"], ["1", "2", "3"], "rows", "columns", is_seamless=True))
    assert seamless.shape == (8, 15)


def _small_grid(rows):
    titles = [f"z{i}" for i in range(rows)]
    name = "dimension and its variance over the data"
    return ImageGrid(
        torch.rand(rows, 11, 1, 8, 8), titles, [""] * 11, name, "offset, standard deviations of the latents"
    )


@pytest.mark.parametrize(
    "mark",
    [
        *(_small_grid(rows) for rows in (1, 2, 3, 10)),
        Bars("variance", [0.1, 0.2], ["z1", "z2"], "dimension", "variance, (standard deviations of the prior)²"),
    ],
    ids=["row", "rows-2", "rows-3", "rows-10", "bars"],
)
def test_the_name_of_a_vertical_axis_is_between_title_and_protocol(mark):
    figure = draw_figure(FigureSpec("Traversals", "", "all 359 test examples of digits", [mark]))
    figure.draw_without_rendering()
    title, protocol = (text.get_window_extent() for text in (figure._suptitle, figure._supxlabel))
    name = figure.axes[0].yaxis.label
    assert " ".join(name.get_text().split()) == (mark.y_axis if isinstance(mark, Bars) else mark.row_axis)
    box = name.get_window_extent()
    assert box.x0 >= 0, "nothing is cut off"
    assert protocol.y1 <= box.y0 < box.y1 <= title.y0


@pytest.mark.parametrize(
    ("prior", "names"),
    [
        (PriorOnPlane(torch.zeros(2), None, ""), ["1 and 2 standard deviations of the prior"]),
        (PriorOnPlane(None, torch.rand(9, 2), ""), ["draws from the prior"]),
        (PriorOnPlane(None, None, ""), []),
    ],
    ids=["rings", "crosses", "none"],
)
def test_what_is_drawn_of_the_prior_has_a_name(prior, names):
    figure = draw_figure(FigureSpec("Latents", "", "", [Scatter("two", torch.rand(5, 2), "z1", "z2", prior=prior)]))
    assert [text.get_text() for legend in figure.legends for text in legend.get_texts()] == names
