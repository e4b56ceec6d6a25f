"""Progress of a training: a row of losses for every epoch, and where it is."""

from __future__ import annotations

import math
import time
from typing import Any

from rich.console import Console

from elbowroom.formatting import format_clock, format_metric
from elbowroom.training.callback import Callback
from elbowroom.training.progress_display import Display, Row, Status, open_display
from elbowroom.training.state import DATA, EPOCH, EPOCHS, ROW, RUN, STEP, STEPS, State

#: Rows of epochs that take less than a second, at most; a training of more epochs shows every n-th of them.
MAX_FAST_ROWS = 100
#: Time after which the next epoch has a row, whichever it is.
MAX_ROW_INTERVAL_S = 1.0
#: Length of a training after which it is said what follows it.
LONG_TRAINING_S = 120.0
#: The splits whose loss is shown, the first that is watched.
HELD_OUT_SPLITS = ("validation", "test")
#: Terms of a row, in this order.
SHOWN_TERMS = ("loss", "reconstruction", "kl")


class ProgressBar(Callback):
    """Progress bar: a row for every epoch, the held-out loss included, and below it epoch, losses and time left.

    In a terminal it is a bar, in a notebook an output that is updated; elsewhere, as in the log of a cluster, it is
    lines on stderr, one for every epoch and one at least every 30 seconds. Where epochs take less than a second, at
    most a hundred of them have a row, the first and the last among them. A held-out loss of an earlier epoch has that
    beside it: not every epoch is validated.

    Args:
        console: where it is shown; stderr if not given.
        is_shown: whether it is shown at all.
        has_curves: whether a notebook shows the run below the table, its curves included.
    """

    is_on_every_rank = False

    def __init__(self, console: Console | None = None, is_shown: bool = True, has_curves: bool = False) -> None:
        self._console, self._is_shown, self._has_curves = console or Console(stderr=True), is_shown, has_curves
        self._display: Display | None = None
        self._figures = _EpochFigures(None)
        self._last_row: Row = {}
        self._last_row_time = self._last_update = self._start_time = 0.0
        self._start_step = 0

    def start(self, state: State) -> None:
        if not self._is_shown:
            return
        self._display = open_display(self._console, state[RUN] if self._has_curves else None)
        self._last_row_time = self._last_update = self._start_time = time.monotonic()
        self._start_step = state[STEP]
        watched = [name for name in state[RUN].record["training"]["watch"] if getattr(state[DATA], name) is not None]
        self._figures = _EpochFigures(next((name for name in HELD_OUT_SPLITS if name in watched), None))
        for name in ("plan", "held_out_note"):
            if note := state[RUN].record["training"].get(name):
                self._display.show_note(note)

    def step(self, state: State) -> None:
        if self._display is None or (now := time.monotonic()) - self._last_update < self._display.interval_s:
            return
        self._last_update = now
        self._display.update(self._status(state, now))

    def validation_batch(self, state: State) -> None:
        self.step(state)

    def row(self, state: State) -> None:
        self._figures.add(state[ROW])

    def epoch(self, state: State) -> None:
        is_first_or_last = not self._last_row or state[STEP] == state[STEPS]
        is_nth = state[EPOCH] % math.ceil(state[EPOCHS] / MAX_FAST_ROWS) == 0
        if is_first_or_last or is_nth or time.monotonic() - self._last_row_time >= MAX_ROW_INTERVAL_S:
            self._show_row(state)
        self._figures.end_epoch()

    def end(self, state: State) -> None:
        """Show the last row, if it has not been shown: the training was stopped, or validated once more."""
        if self._figures.to_row(state) != self._last_row:
            self._show_row(state)

    def close(self, state: State) -> None:
        if self._display is not None:
            self._show_final_findings(state)
            self._display.close()

    def announce(self, text: str) -> None:
        """Show what comes after a training that has taken long: of a short one it takes seconds."""
        if self._display is not None and time.monotonic() - self._start_time > LONG_TRAINING_S:
            self._display.show_note(text)

    def _show_final_findings(self, state: State) -> None:
        """Show what callbacks found at the end of the training, after all of them have ended."""
        assert self._display is not None
        for row in state[RUN].metrics():
            if row.get("event") == "finding" and row.get("at_end") and not row["cause"]:
                self._display.show_note(f"{row['title']}: {row['evidence']}; {row['advice']}")

    def _show_row(self, state: State) -> None:
        if self._display is None:
            return
        self._last_row_time = self._last_update = time.monotonic()
        self._last_row = self._figures.to_row(state)
        self._display.show_row(self._last_row | {"time": format_clock(self._last_row_time - self._start_time)})

    def _status(self, state: State, now: float) -> Status:
        done = state[STEP] - self._start_step
        left = (now - self._start_time) * (state[STEPS] - state[STEP]) / max(done, 1)
        figures, rate = self._figures.to_text(state[EPOCH]), self._figures.rate
        return Status(
            f"{state[EPOCH]}/{state[EPOCHS]}",
            state[STEP],
            state[STEPS],
            figures,
            f"{rate:,.0f} examples/s" if rate else "",
            f"{format_clock(left)} left",
        )


class _EpochFigures:
    """The means of an epoch's terms so far, and the newest loss of a held-out split, with its epoch.

    Args:
        split: the held-out split; None if none is watched.
    """

    def __init__(self, split: str | None) -> None:
        self._split, self._examples, self._has_ended = split, 0, False
        self._terms: dict[str, float] = {}
        self._held_out, self._held_out_epoch = "", 0
        self.rate = 0.0

    def add(self, row: dict[str, Any]) -> None:
        """Add a row of the metrics."""
        if row["split"] == "train":
            self._add_training_row(row)
        elif row["split"] == self._split:
            self._held_out, self._held_out_epoch = _format_value(row["loss"]), row["epoch"]

    def _add_training_row(self, row: dict[str, Any]) -> None:
        if self._has_ended:
            self._examples, self._has_ended = 0, False
        is_first, self._examples = not self._examples, self._examples + row["examples"]
        share = row["examples"] / self._examples
        for name in SHOWN_TERMS:
            if name in row:
                mean = row[name] if is_first else self._terms[name]
                self._terms[name] = mean + share * (row[name] - mean)
        self.rate = row["examples_per_second"]

    def end_epoch(self) -> None:
        """Begin new means with the next row of training metrics."""
        self._has_ended = True

    def to_row(self, state: State) -> Row:
        """Return the figures as cells of a table."""
        row = {"epoch": f"{state[EPOCH]}/{state[EPOCHS]}"}
        row |= {name: _format_value(value) for name, value in self._terms.items()}
        return row | ({} if self._split is None else {self._split: self._held_out_text(state[EPOCH])})

    def to_text(self, epoch: int) -> str:
        """Return the losses in words."""
        loss = f"loss {_format_value(self._terms['loss'])}" if self._terms else ""
        held_out = f"{self._split} {self._held_out_text(epoch)}" if self._held_out else ""
        return "  ".join(filter(None, (loss, held_out)))

    def _held_out_text(self, epoch: int) -> str:
        """Return the held-out loss; that of an earlier epoch has the epoch beside it."""
        is_of_epoch = self._held_out_epoch in (0, epoch)
        return self._held_out if is_of_epoch else f"{self._held_out} (epoch {self._held_out_epoch})"


def _format_value(value: float) -> str:
    """Format a loss in ASCII, which any terminal and file can show."""
    return f"{value:.3g}" if 0 < abs(value) < 0.1 else format_metric(value).replace("−", "-")
