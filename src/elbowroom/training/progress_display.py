"""Where the progress of a training is shown: a bar in a terminal, a table in a notebook, plain lines elsewhere."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from elbowroom.display import Displayed

#: Widths of the columns of a table of epochs, by label, in characters; others are as wide as their label.
COLUMN_WIDTHS = {"epoch": 9, "loss": 10, "reconstruction": 14, "kl": 8, "validation": 19, "test": 19, "time": 8}
#: Columns of a terminal from which the examples per second are beside the bar.
WIDE_TERMINAL_COLUMNS = 100
#: Characters beside the bar of a terminal.
TEXT_COLUMNS = 74

Row = dict[str, str]


class Status(NamedTuple):
    """Where a training is within an epoch.

    Attributes:
        epoch: the epoch of how many.
        step: the step, of how many.
        n_steps: the steps of the whole run.
        figures: loss and held-out loss.
        rate: examples per second.
        left: the time that is left.
    """

    epoch: str
    step: int
    n_steps: int
    figures: str
    rate: str
    left: str


class Display(Protocol):
    """Where progress is shown.

    Attributes:
        interval_s: the seconds between two updates.
    """

    interval_s: float

    def show_note(self, text: str) -> None:
        """Show a line."""

    def show_row(self, row: Row) -> None:
        """Show the row of an epoch."""

    def update(self, status: Status) -> None:
        """Show where the training is."""

    def close(self) -> None:
        """Show nothing more."""


def open_display(console: Console, shown: Displayed | None = None) -> Display:
    """Return the display for a console: that of a terminal, a notebook or a file.

    Args:
        console: where it is.
        shown: what a notebook shows below the table, anew after every row: the run.
    """
    if console.is_jupyter:
        return NotebookDisplay(shown)
    return TerminalDisplay(console) if console.is_terminal and not console.is_dumb_terminal else LineDisplay(console)


def format_header(row: Row) -> str:
    """Return the labels of a table of epochs, above their columns."""
    return "  ".join(label.rjust(_width(label)) for label in row)


def format_row(row: Row) -> str:
    """Return a row of a table of epochs, its columns aligned.

    >>> format_row({"epoch": "3/10", "loss": "153.20"})
    '     3/10      153.20'
    """
    return "  ".join(text.rjust(_width(label)) for label, text in row.items())


def _width(label: str) -> int:
    return max(COLUMN_WIDTHS.get(label, 0), len(label))


class LineDisplay:
    """Plain lines, for a file: one for each row, and one at least every 30 seconds."""

    interval_s = 30.0

    def __init__(self, console: Console) -> None:
        self._console = console

    def show_note(self, text: str) -> None:
        # A file that can no longer be written to, as a pipe whose reader has gone, must not end the training.
        with suppress(OSError, ValueError):
            print(text, file=self._console.file, flush=True)

    def show_row(self, row: Row) -> None:
        cells = [f"{label} {text}".ljust(_line_width(label)) for label, text in row.items() if text]
        self.show_note("  ".join(cells).rstrip())

    def update(self, status: Status) -> None:
        step = f"step {status.step:,}/{status.n_steps:,}"
        self.show_note(
            "  ".join(filter(None, (f"epoch {status.epoch}", step, status.figures, status.rate, status.left)))
        )

    def close(self) -> None:
        pass


def _line_width(label: str) -> int:
    return len(label) + 1 + min(COLUMN_WIDTHS.get(label, 0), COLUMN_WIDTHS["loss"])


class TerminalDisplay:
    """A bar that fits 80 columns, above it a row for every epoch, which stays."""

    interval_s = 0.1

    def __init__(self, console: Console) -> None:
        self._console, self._has_header = console, False
        width = max(4, min(40, console.width - TEXT_COLUMNS))
        columns = (
            TextColumn("[bold]epoch {task.fields[status].epoch}"),
            BarColumn(bar_width=width),
            TextColumn("{task.fields[status].figures}"),
            *(
                [TextColumn("{task.fields[status].rate}", style="dim")]
                if console.width >= WIDE_TERMINAL_COLUMNS
                else []
            ),
            TextColumn("{task.fields[status].left}", style="cyan"),
        )
        # drawn by update, which is called often enough: no thread draws in between
        self._progress = Progress(*columns, console=console, transient=True, auto_refresh=False)
        self._task: Any = None

    def show_note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def show_row(self, row: Row) -> None:
        for line in (() if self._has_header else (format_header(row),)) + (format_row(row),):
            self._console.print(line, markup=False, highlight=False, no_wrap=True, overflow="ellipsis")
        self._has_header = True

    def update(self, status: Status) -> None:
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task("", total=status.n_steps, status=status)
        self._progress.update(self._task, completed=status.step, status=status, refresh=True)

    def close(self) -> None:
        self._progress.stop()


class NotebookDisplay:
    """The output of a notebook's cell, that is updated: a row for every epoch, below it where the training is.

    Args:
        shown: what is shown below, anew after every row; nothing by default.
    """

    interval_s = 0.5

    def __init__(self, shown: Displayed | None = None) -> None:
        self._lines: list[str] = []
        self._has_header, self._shown = False, shown
        self._handle: Any = None
        self._shown_handle: Any = None

    def show_note(self, text: str) -> None:
        self._lines.append(text)
        self._draw()

    def show_row(self, row: Row) -> None:
        self._lines += [format_row(row)] if self._has_header else [format_header(row), format_row(row)]
        self._has_header = True
        self._draw()
        self._draw_shown()

    def update(self, status: Status) -> None:
        words = (f"epoch {status.epoch}", _draw_bar(status.step / status.n_steps), *status[3:])
        self._draw("  ".join(filter(None, words)))

    def close(self) -> None:
        self._draw()
        self._draw_shown()

    def _draw(self, status: str = "") -> None:
        lines = filter(None, [*self._lines, status])
        self._handle = _update({"text/plain": "\n".join(lines)}, self._handle)

    def _draw_shown(self) -> None:
        html = None if self._shown is None else self._shown._repr_html_()
        if html is not None:
            content = {"text/html": html, "text/plain": repr(self._shown)}
            self._shown_handle = _update(content, self._shown_handle)


def _update(content: dict[str, str], handle: Any) -> Any:
    """Show a content in the place of a handle, or in a new one; return its handle."""
    if handle is not None:
        handle.update(content, raw=True)
        return handle
    return importlib.import_module("IPython.display").display(content, raw=True, display_id=True)


def _draw_bar(share: float, width: int = 20) -> str:
    """Return a bar of characters.

    >>> _draw_bar(0.4, 5)
    '━━╌╌╌'
    """
    done = min(width, round(share * width))
    return "━" * done + "╌" * (width - done)
