"""The progress bar."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from elbowroom.training.callback import Callback
from elbowroom.training.state import EPOCHS, ROW, STEP, STEPS, State


class ProgressBar(Callback):
    """Progress bar in the terminal: epoch, loss and its terms, examples per second, time left."""

    is_on_every_rank = False

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[terms]}"),
            _ThroughputColumn(),
            TimeRemainingColumn(compact=True),
        )
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._last_update = 0.0

    def start(self, state: State) -> None:
        self._task = self._progress.add_task("epoch", total=state[STEPS], completed=state[STEP], terms="", rate=0.0)
        self._progress.start()

    def step(self, state: State) -> None:
        if (now := time.monotonic()) - self._last_update > 0.1:
            self._last_update = now
            epoch = f"epoch {min(state[STEP] * state[EPOCHS] // state[STEPS] + 1, state[EPOCHS])}/{state[EPOCHS]}"
            self._progress.update(self._task, completed=state[STEP], description=epoch)

    def row(self, state: State) -> None:
        row: dict[str, Any] = state[ROW]
        if row["split"] == "train":
            shown = {k: row[k] for k in ("loss", "reconstruction", "kl") if k in row}
            terms = "  ".join(f"{name} {value:.2f}" for name, value in shown.items())
            self._progress.update(self._task, completed=state[STEP], terms=terms, rate=row["examples_per_second"])

    def close(self, state: State) -> None:
        self._progress.update(self._task, completed=state[STEP])
        self._progress.stop()


class _ThroughputColumn(ProgressColumn):
    def render(self, task: Any) -> Text:
        rate = task.fields["rate"]
        return Text(f"{rate:,.0f} examples/s" if rate else "", style="dim")
