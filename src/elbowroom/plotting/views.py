"""Figure of examples of several views: each view generated from the others."""

from __future__ import annotations

import torch

from elbowroom.plotting.figure import FigureSpec, ImageGrid
from elbowroom.plotting.montage import to_images
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView


@register_figure(
    "views", "all views, reconstructed from all and from each alone", "Views", "several views", is_special=True
)
def views_figure(view: RunView, n: int = 10) -> FigureSpec:
    """Return n examples, their reconstructions, and all views generated from each view alone."""
    views = view.model.views
    if views is None:
        raise ValueError("the examples are one view each: this figure is for multimodal data")
    if not view.has_images:
        raise ValueError("none of the views is an image")
    x = view.batch.x[:n]
    inputs = [x, x, *(views.keep(x, [name]) for name in views.names)]
    titles = ["data", "from all views", *(f"from {name} alone" for name in views.names)]
    decoded = [view.model.reconstruct(one.to(view.device)).cpu() for one in inputs[1:]]
    images = to_images(torch.stack([x, *decoded]), views)
    grid = ImageGrid(images, titles, [""] * len(x), "the views that are given", view.split_words)
    names = ", ".join(views.names)
    caption = (
        f"The views {names} of {view.split_words} side by side, and under each all views as the model decodes them: "
        "means of p(x|z) at the posterior mean of z, given all views, and given each alone."
    )
    return FigureSpec("Views", caption, view.describe_examples(len(x)), [grid])
