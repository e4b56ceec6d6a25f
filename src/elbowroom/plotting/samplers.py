"""Figure of the prior's samples above those of a sampler that was fitted to the latents."""

from __future__ import annotations

import torch

from elbowroom.data import Batch
from elbowroom.doctor.prior_gap import PriorGap
from elbowroom.evaluation.suites.samplers import latent_log_densities
from elbowroom.formatting import format_number
from elbowroom.plotting import captions
from elbowroom.plotting.figure import FigureSpec, ImageGrid
from elbowroom.plotting.registry import register_figure
from elbowroom.plotting.sample_source import SampleSource, find_source
from elbowroom.plotting.style import grayscale_note
from elbowroom.runs.run_view import RunView
from elbowroom.samplers import PRIOR, current_samplers, default_sampler, load_sampler

#: Samples beside each other, and rows of them, of each of two densities.
SAMPLES_IN_ROW = 10
ROWS_OF_SOURCE = 3


@register_figure(
    "samplers",
    "samples of the prior above those of a fitted sampler",
    "Prior and sampler",
    "a sampler",
    is_special=True,
)
def samplers_figure(view: RunView) -> FigureSpec:
    """Return samples of the prior above those of a fitted sampler: of the one of the training, or another.

    The caption says how much more probable the latents of held-out examples are under the sampler.
    """
    current = current_samplers(view.run)
    if not (current and view.model.has_prior and view.has_images):
        raise ValueError("the run has no images to sample from both a prior and a fitted sampler")
    default = default_sampler(view.run, view.model)
    sources = [find_source(view, name) for name in (PRIOR, default if default in current else current[0])]
    grids = [source.image_grid(view, ROWS_OF_SOURCE, SAMPLES_IN_ROW) for source in sources]
    grid = ImageGrid(
        torch.cat([grid.images for grid in grids]),
        [source.name for source in sources for _ in range(ROWS_OF_SOURCE)],
        [""] * SAMPLES_IN_ROW,
        "density of the latents",
        captions.values_words(view.model.samples_are_draws),
        group_size=ROWS_OF_SOURCE,
    )
    n, (prior, fitted) = ROWS_OF_SOURCE * SAMPLES_IN_ROW, sources
    caption = f"Samples of the prior above those of {fitted.name}, a density fitted to training examples' latents."
    protocol = f"{prior.describe(view, n)}; and from {fitted.name}"
    gain = _describe_gain(view, fitted)
    return FigureSpec("Prior and sampler", join_sentences(caption, gain, grayscale_note(view)), protocol, [grid])


def join_sentences(*sentences: str) -> str:
    """Join the sentences that are not empty by spaces."""
    return " ".join(sentence.strip() for sentence in sentences if sentence)


def _describe_gain(view: RunView, source: SampleSource) -> str:
    """Return in a sentence how far the latents are from the prior; nothing without a density, or on a manifold."""
    sampler = load_sampler(view.run, source.name).to(view.device)
    if not (sampler.has_density and view.model.manifold.has_flat_volume):
        return ""
    with torch.no_grad():
        x, y, index = view.batch
        batch = Batch(x.to(view.device), None if y is None else y.to(view.device), index)
        logs = latent_log_densities(view.model, {source.name: sampler}, batch, view.seed)
    gap = PriorGap(logs[source.name] - logs[""])
    words = "The aggregate posterior is not the prior" if gap.is_large else "The aggregate posterior is near the prior"
    return (
        f"{words}: the log-density of latents of {view.split_words} is {format_number(abs(gap.nats))} ± "
        f"{format_number(gap.standard_error)} nats {'higher' if gap.nats > 0 else 'lower'} under the sampler."
    )
