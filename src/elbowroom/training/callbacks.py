"""What may be hung on the loop, and what always is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from elbowroom import weights
from elbowroom.training import checkpoint
from elbowroom.training.state import DATA, DEVICE, EPOCH, EPOCHS, MODEL, ROW, RUN, STEP, STEPS, State


class Callback:
    """Override the hooks you want; each gets the :class:`State`. One that is not overridden costs nothing.

    >>> class Stop(Callback):
    ...     def row(self, state):
    ...         if state[ROW]["loss"] < 200:
    ...             state[STOP] = "good enough"
    """

    def start(self, state: State) -> None:
        """Before the first step."""

    def step(self, state: State) -> None:
        """After every optimiser step."""

    def row(self, state: State) -> None:
        """After a row was written to the metrics: ``state[ROW]``."""

    def epoch(self, state: State) -> None:
        """After an epoch and its validation."""

    def end(self, state: State) -> None:
        """After the last step, also of a training that was asked to stop; not after an error."""

    def close(self, state: State) -> None:
        """Last of all, also after an error."""


class Hooks:
    """The callbacks, sorted by what they hook."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._by_name = {
            name: [getattr(c, name) for c in callbacks if getattr(type(c), name) is not getattr(Callback, name)]
            for name in ("start", "step", "row", "epoch", "end", "close")
        }

    def __call__(self, name: str, state: State) -> None:
        """Call everyone who hooks ``name``."""
        for hook in self._by_name[name]:
            hook(state)


class Checkpoints(Callback):
    """Weights and the whole state, after every epoch and at the end."""

    def epoch(self, state: State) -> None:  # noqa: D102
        run = state[RUN]
        checkpoint.save(run.checkpoint, state)
        weights.save(run.weights, weights.of(state[MODEL]))

    def end(self, state: State) -> None:  # noqa: D102
        self.epoch(state)


class Pictures(Callback):
    """Reconstructions and samples after every epoch, the curves at the end, for data that are pictures.

    Args:
        n: examples in a row.
    """

    def __init__(self, n: int = 10) -> None:
        self.n = n

    def epoch(self, state: State) -> None:  # noqa: D102
        from elbowroom.pictures import is_picture, reconstructions, samples

        data, model = state[DATA], state[MODEL]
        if not is_picture(data.shape):
            return
        folder, suffix = state[RUN].images, f"{state[EPOCH]:04d}.png"
        split = "validation" if data.validation is not None else "train"
        x = getattr(data, split).first(self.n).x.to(state[DEVICE])
        model.eval()
        # The same codes at every epoch, so that one sees the model change and not the draw.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            about = f"epoch {state[EPOCH]}, {data.name} {split}"
            reconstructions(x, model.reconstruct(x), about).save(folder / f"reconstructions-{suffix}")
            if getattr(model, "prior", None) is not None:
                samples(model.sample(self.n**2), f"epoch {state[EPOCH]}").save(folder / f"samples-{suffix}")
        model.train()

    def end(self, state: State) -> None:  # noqa: D102
        from elbowroom.pictures import curves

        curves(state[RUN]).savefig(state[RUN].images / "curves.png")


class Bar(Callback):
    """A progress bar: epoch, loss and its terms, examples per second, time left. Silent where there is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[terms]}"),
            _Rate(),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._shown = 0.0

    def start(self, state: State) -> None:  # noqa: D102
        self._task = self._progress.add_task("epoch", total=state[STEPS], completed=state[STEP], terms="", rate=0.0)
        self._progress.start()

    def step(self, state: State) -> None:  # noqa: D102
        if (now := time.monotonic()) - self._shown > 0.1:
            self._shown = now
            epoch = f"epoch {min(state[STEP] * state[EPOCHS] // state[STEPS] + 1, state[EPOCHS])}/{state[EPOCHS]}"
            self._progress.update(self._task, completed=state[STEP], description=epoch)

    def row(self, state: State) -> None:  # noqa: D102
        row: dict[str, Any] = state[ROW]
        if row["split"] == "train":
            shown = {k: row[k] for k in ("loss", "reconstruction", "kl") if k in row}
            terms = "  ".join(f"{name} {value:.2f}" for name, value in shown.items())
            self._progress.update(self._task, completed=state[STEP], terms=terms, rate=row["examples_per_second"])

    def close(self, state: State) -> None:  # noqa: D102
        self._progress.update(self._task, completed=state[STEP])
        self._progress.stop()


class _Rate(ProgressColumn):
    def render(self, task: Any) -> Text:
        rate = task.fields["rate"]
        return Text(f"{rate:,.0f} examples/s" if rate else "", style="dim")
