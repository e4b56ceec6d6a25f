"""Images of reconstructions and samples during a training."""

from __future__ import annotations

import torch
from torch import nn

from elbowroom.models.adapter import adapt
from elbowroom.models.base import GenerativeModel
from elbowroom.training.budget import BUDGET
from elbowroom.training.callback import Callback
from elbowroom.training.state import DATA, DEVICE, EPOCH, MODEL, RUN, State


class SampleImages(Callback):
    """Save reconstructions and samples after an epoch, and the curves at the end, for image data.

    A model changes most at first: images are of epochs 1, 2, 4, 8, …, or the next after each for which there is time,
    and of the last; of every epoch where everything is done after every epoch (``max_overhead`` 1).

    Args:
        n: examples a row.
    """

    is_on_every_rank = False
    is_monitor = True
    sees_first_epoch = True

    def __init__(self, n: int = 8) -> None:
        self.n = n
        self._next_epoch = 1

    def is_due(self, state: State) -> bool:
        return state[EPOCH] >= self._next_epoch or state[BUDGET].share >= 1

    def state_dict(self) -> dict[str, int]:
        return {"next_epoch": self._next_epoch}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self._next_epoch = state_dict.get("next_epoch", 1)

    def epoch(self, state: State) -> None:
        self._next_epoch = 1 << state[EPOCH].bit_length()
        self._save_images(state, f"epoch {state[EPOCH]}")

    def end(self, state: State) -> None:
        """Save the curves; and images of the weights that the training ends with, if those are not of its last step."""
        final = state[RUN].record.get("weights", {"kind": "last"})
        if final["kind"] != "last":
            with torch.random.fork_rng():
                self._save_images(state, f"{final['kind']} weights, epoch {final['epoch']}")
        if state[RUN].record["training"]["report"]:
            from elbowroom.plotting import plot_curves

            plot_curves(state[RUN]).savefig(state[RUN].images / "curves.png")

    def _adapt(self, module: nn.Module, shape: tuple[int, ...]) -> GenerativeModel | None:
        """Return the model, or a module of your own as one; ``None`` where its outputs do not allow it."""
        try:
            model = adapt(module, shape)
        except ValueError:
            return None
        return model if model.can_decode else None

    def _save_images(self, state: State, when: str) -> None:
        from elbowroom.plotting import captions, is_image, reconstruction_grid, sample_grid

        data = state[DATA]
        model = self._adapt(state[MODEL], data.shape) if is_image(data.shape) else None
        if model is None:
            return
        folder, suffix = state[RUN].images, f"{state[EPOCH]:04d}.png"
        split = "validation" if data.validation is not None else "train"
        batch = getattr(data, split).first(self.n)
        x = batch.x.to(state[DEVICE])
        y = None if batch.y is None else batch.y.to(state[DEVICE])
        # Gray images are written as such: a quarter fewer bytes.
        mode = "L" if data.shape[0] == 1 else "RGB"
        # The same latents at every epoch, so that differences are those of the model.
        torch.manual_seed(0)
        posterior = captions.posterior_words(model, is_drawn=False)
        title = captions.output_caption(False, posterior, f"{when}, {data.name} {split}")
        grid = reconstruction_grid(x, model.reconstruct(x, y), title)
        grid.convert(mode).save(folder / f"reconstructions-{suffix}")
        if model.can_sample:
            c = model.as_condition(y)
            n, c = (self.n**2, None) if c is None else (len(c) * self.n, c.repeat_interleave(self.n, 0))
            title = captions.output_caption(False, captions.FROM_PRIOR, when)
            sample_grid(model.sample(n, c), title).convert(mode).save(folder / f"samples-{suffix}")
