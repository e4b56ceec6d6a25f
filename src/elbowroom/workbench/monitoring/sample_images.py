"""Images of reconstructions and samples during a training."""

from __future__ import annotations

import torch

from elbowroom.models.base import GenerativeModel
from elbowroom.training.callback import Callback
from elbowroom.training.state import DATA, DEVICE, EPOCH, MODEL, RUN, State


class SampleImages(Callback):
    """Save reconstructions and samples after an epoch, and the curves at the end, for image data.

    Args:
        n: examples a row.
    """

    is_on_every_rank = False
    is_monitor = True

    def __init__(self, n: int = 10) -> None:
        self.n = n

    def epoch(self, state: State) -> None:
        from elbowroom.plotting import captions, is_image, reconstruction_grid, sample_grid

        data, model = state[DATA], state[MODEL]
        if not (is_image(data.shape) and isinstance(model, GenerativeModel)):
            return
        folder, suffix = state[RUN].images, f"{state[EPOCH]:04d}.png"
        split = "validation" if data.validation is not None else "train"
        batch = getattr(data, split).first(self.n)
        x = batch.x.to(state[DEVICE])
        y = None if batch.y is None else batch.y.to(state[DEVICE])
        # The same latents at every epoch, so that differences are those of the model.
        torch.manual_seed(0)
        when = f"epoch {state[EPOCH]}"
        posterior = captions.posterior_words(model, is_drawn=False)
        title = captions.output_caption(False, posterior, f"{when}, {data.name} {split}")
        reconstruction_grid(x, model.reconstruct(x, y), title).save(folder / f"reconstructions-{suffix}")
        if model.has_prior:
            c = model.as_condition(y)
            n, c = (self.n**2, None) if c is None else (len(c) * self.n, c.repeat_interleave(self.n, 0))
            title = captions.output_caption(False, captions.FROM_PRIOR, when)
            sample_grid(model.sample(n, c, draw=False), title).save(folder / f"samples-{suffix}")

    def end(self, state: State) -> None:
        if not state[RUN].record["training"]["report"]:
            return
        from elbowroom.plotting import plot_curves

        plot_curves(state[RUN]).savefig(state[RUN].images / "curves.png")
