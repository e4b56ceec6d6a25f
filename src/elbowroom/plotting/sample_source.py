"""The density that samples of a run are drawn from: its prior, or a sampler fitted to its latents."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from elbowroom.models.base import GenerativeModel
from elbowroom.plotting import captions
from elbowroom.plotting.figure import ImageGrid
from elbowroom.plotting.montage import to_images
from elbowroom.runs.run_view import RunView
from elbowroom.samplers import PRIOR, default_sampler, describe_sampler, sampling_model


class SampleSource(NamedTuple):
    """A density that a run can sample latents from.

    Attributes:
        name: of the sampler, or "prior".
        model: the run's, which draws latents from it.
    """

    name: str
    model: GenerativeModel

    @property
    def words(self) -> str:
        """Where the latents come from, as captions have it."""
        return captions.sampler_words(self.name)

    def samples(self, view: RunView, n: int) -> Tensor:
        """Return n samples of the run, (n, *shape)."""
        return view.samples(n, self.model)

    def describe(self, view: RunView, n: int) -> str:
        """Return how n samples were drawn, as text."""
        return view.describe_samples(n, "the prior" if self.name == PRIOR else describe_sampler(self.name))

    def image_grid(self, view: RunView, rows: int, columns: int) -> ImageGrid:
        """Return samples of images in rows and columns."""
        n = rows * columns
        images = to_images(self.samples(view, n).reshape(rows, columns, *view.model.shape), view.model.views)
        what = captions.output_caption(view.model.samples_are_draws, self.words)
        return ImageGrid(images, [""] * rows, [""] * columns, f"{n} samples", what)


def find_source(view: RunView, name: str | None = None) -> SampleSource:
    """Return the density of this name as one to sample from; without a name that which the run samples from."""
    name = default_sampler(view.run, view.model) if name is None else name
    return SampleSource(name, sampling_model(view.run, view.model, name))
