"""Images of reconstructions and samples during a training."""

from __future__ import annotations

import torch
from torch import nn

from elbowroom.data import Split
from elbowroom.models.adapter import adapt
from elbowroom.models.base import GenerativeModel
from elbowroom.training.budget import BUDGET
from elbowroom.training.callback import Callback
from elbowroom.training.state import DATA, DEVICE, EPOCH, MODEL, RUN, State

#: Examples, and samples, in a row.
IMAGES_PER_ROW = 8


class SampleImages(Callback):
    """Save reconstructions and samples after an epoch, for image data.

    A model changes most at first: images are of epochs 1, 2, 4, 8, …, or the next after each for which there is time,
    and of the last; of every epoch where everything is done after every epoch (``max_overhead`` 1).

    Args:
        n: examples a row.
    """

    is_on_every_rank = False
    is_monitor = True
    sees_first_epoch = True

    def __init__(self, n: int = IMAGES_PER_ROW) -> None:
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
        """Save images of the weights that the training ends with, if those are not of its last step."""
        final = state[RUN].record.get("weights", {"kind": "last"})
        if final["kind"] != "last":
            with torch.random.fork_rng():
                self._save_images(state, f"{final['kind']} weights, epoch {final['epoch']}")

    def _adapt(self, module: nn.Module, shape: tuple[int, ...]) -> GenerativeModel | None:
        """Return the model, or a module of your own as one; ``None`` where its outputs do not allow it."""
        try:
            model = adapt(module, shape)
        except ValueError:
            return None
        return model if model.can_decode else None

    def _save_images(self, state: State, when: str) -> None:
        from elbowroom.plotting import captions, reconstruction_grid
        from elbowroom.plotting.montage import can_show, to_images

        data = state[DATA]
        model = self._adapt(state[MODEL], data.shape) if can_show(data.shape) else None
        if model is None or not can_show(model.views or model.shape):
            return
        batch = _held_out(state).first(self.n)
        x = batch.x.to(state[DEVICE])
        y = None if batch.y is None else batch.y.to(state[DEVICE])
        split = "train" if data.validation is None else "validation"
        posterior = captions.posterior_words(model, is_drawn=False)
        title = captions.output_caption(False, posterior, f"{when}, {data.name} {split}")
        shown, reconstructed = (to_images(one, model.views) for one in (x, model.reconstruct(x, y)))
        grid = reconstruction_grid(shown, reconstructed, title).convert(_image_mode(state))
        grid.save(state[RUN].images / f"reconstructions-{state[EPOCH]:04d}.png")
        if model.can_sample:
            save_samples(state, model, captions.FROM_PRIOR, when, self.n)


def save_final_samples(state: State, model: GenerativeModel, source: str) -> None:
    """Save samples of images at the end of a training from a density fitted to its latents.

    Args:
        state: of the training.
        model: the trained one, which draws latents from that density.
        source: where its latents come from, as captions have it.
    """
    from elbowroom.plotting.montage import can_show

    if can_show(state[DATA].shape) and can_show(model.views or model.shape):
        save_samples(state, model, source, f"epoch {state[EPOCH]}")


def save_samples(state: State, model: GenerativeModel, source: str, when: str, n: int = IMAGES_PER_ROW) -> None:
    """Save n rows of n samples of the current epoch; of a conditional model a row for each of n held-out labels."""
    from elbowroom.plotting import captions, sample_grid
    from elbowroom.plotting.montage import to_images

    y = _held_out(state).first(n).y
    c = model.as_condition(None if y is None else y.to(state[DEVICE]))
    count, c = (n**2, None) if c is None else (len(c) * n, c.repeat_interleave(n, 0))
    # The same latents at every epoch, so that differences are those of the model.
    torch.manual_seed(0)
    samples = to_images(model.sample(count, c), model.views)
    grid = sample_grid(samples, captions.output_caption(False, source, when))
    grid.convert(_image_mode(state)).save(state[RUN].images / f"samples-{state[EPOCH]:04d}.png")


def _held_out(state: State) -> Split:
    """Return the validation split, or the training split where there is none."""
    data = state[DATA]
    return data.train if data.validation is None else data.validation


def _image_mode(state: State) -> str:
    """Return the mode that images are written in: gray ones as such, a quarter fewer bytes."""
    return "L" if state[DATA].shape[0] == 1 else "RGB"
