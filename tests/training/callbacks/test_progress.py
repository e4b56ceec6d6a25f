"""Progress: a row for every epoch with the held-out loss, in files, terminals and notebooks."""

import io
import re
import time

import pytest
from rich.console import Console

import elbowroom as er
from elbowroom.formatting import format_metric
from elbowroom.training import state
from elbowroom.training.callbacks.progress import MAX_FAST_ROWS, ProgressBar
from elbowroom.training.progress_display import LineDisplay, NotebookDisplay, TerminalDisplay, open_display
from tests.training.helpers import train


class Clock:
    """A clock that moves on whenever it is read."""

    def __init__(self, monkeypatch, interval_s):
        self._now, self._interval_s = 0.0, interval_s
        monkeypatch.setattr(time, "monotonic", self.read)

    def read(self):
        self._now += self._interval_s
        return self._now


def show(digits, path, **settings):
    """Train with a progress bar on a file; return the run and the lines."""
    file = io.StringIO()
    settings = {"steps": None, "epochs": 3, "progress": False, "max_overhead": 0.1} | settings
    run = train(digits, path, ProgressBar(Console(file=file)), **settings)
    return run, file.getvalue().splitlines()


def test_a_file_has_a_line_for_every_epoch_with_its_held_out_loss(digits, tmp_path):
    run, lines = show(digits, tmp_path / "run", epochs=4, validate_every=2)
    assert [line.split()[:2] for line in lines] == [["epoch", f"{n}/4"] for n in (1, 2, 3, 4)]
    losses = {row["epoch"]: format_metric(row["loss"]) for row in run.metrics("validation")}
    found = [re.search(r"validation (\S+)(?: \(epoch (\d)\))?", line) for line in lines]
    assert found[0] is None
    assert [match.groups() for match in found[1:]] == [(losses[2], None), (losses[2], "2"), (losses[4], None)]


@pytest.mark.parametrize(("watch", "split"), [(("validation", "test"), "validation"), (("test",), "test"), ((), None)])
def test_the_held_out_loss_is_of_the_first_split_that_is_watched(digits, tmp_path, watch, split):
    _, lines = show(digits, tmp_path / "run", epochs=1, watch=watch)
    assert [name for name in ("validation", "test") if name in lines[-1]] == ([split] if split else [])


def test_the_loss_of_an_epoch_is_the_mean_over_its_examples(digits, tmp_path):
    run, lines = show(digits, tmp_path / "run", epochs=1)
    rows = run.metrics("train")
    mean = sum(row["loss"] * row["examples"] for row in rows) / len(digits.train)
    assert len(rows) > 1
    assert f"loss {format_metric(mean)} " in lines[-1]


def test_a_long_epoch_has_a_line_every_thirty_seconds(digits, tmp_path, monkeypatch):
    Clock(monkeypatch, 7.0)
    _, lines = show(digits, tmp_path / "run", epochs=2)
    between = [line for line in lines if "step " in line]
    # Five readings of the clock make 35 seconds; an epoch of ten steps is validated at its end.
    assert len(between) >= 3
    assert re.search(r"epoch 1/2  step \d+/20  loss \S+  .*examples/s  \d:\d\d left", between[0])


def test_epochs_that_take_no_time_have_a_hundred_rows_at_most(digits, monkeypatch):
    Clock(monkeypatch, 0.001)
    epochs = 1234
    file, now = io.StringIO(), state.State()
    progress = ProgressBar(Console(file=file))
    now[state.RUN], now[state.DATA] = er.Run("none"), digits
    now[state.RUN].record = {"training": {"watch": ["validation"], "plan": "1,234 epochs are planned"}}
    now[state.STEPS] = now[state.EPOCHS] = epochs
    now[state.STEP] = 0
    progress.start(now)
    for epoch in range(1, epochs + 1):
        now[state.STEP] = now[state.EPOCH] = epoch
        now[state.ROW] = {"split": "train", "loss": 1.0, "examples": 9, "examples_per_second": 1e3, "epoch": epoch}
        progress.row(now)
        progress.epoch(now)
    progress.end(now)
    plan, *rows = file.getvalue().splitlines()
    assert plan == "1,234 epochs are planned"
    assert rows[0].startswith("epoch 1/1234 ")
    assert rows[-1].startswith("epoch 1234/1234 ")
    assert 0.8 * MAX_FAST_ROWS <= len(rows) <= MAX_FAST_ROWS + 2


def test_a_training_that_is_stopped_shows_its_last_epoch(digits, tmp_path):
    file = io.StringIO()

    @er.on.epoch
    def stop(now):
        if now[state.EPOCH] == 2:
            now[state.STOP] = "good enough"

    settings = {"steps": None, "epochs": 9, "validate_every": 9, "progress": False, "max_overhead": 0.1}
    run = train(digits, tmp_path / "run", ProgressBar(Console(file=file)), stop, **settings)
    last = file.getvalue().splitlines()[-1]
    assert last.startswith("epoch 2/9 ")
    assert f"validation {format_metric(run.metrics('validation')[-1]['loss'])} " in last


def test_a_terminal_of_80_columns_holds_a_bar_and_keeps_aligned_rows(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(TerminalDisplay, "interval_s", 0.0)
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None)
    train(digits, tmp_path / "run", ProgressBar(console), steps=None, epochs=3, progress=False, validate_every=1)
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue()))
    header = next(line for line in lines if "reconstruction" in line)
    rows = [line for line in lines if re.match(r" +\d/3 ", line)]
    assert max(map(len, lines)) <= 80
    assert [row.split()[0] for row in rows] == ["1/3", "2/3", "3/3"]
    assert header.split() == ["epoch", "loss", "reconstruction", "kl", "validation", "time"]
    for column in ("epoch", "loss", "reconstruction", "kl"):
        end = header.index(column) + len(column)
        assert all(row[end - 1].isdigit() and row[end] == " " for row in rows)
    assert any(line.startswith("epoch 2/3 ") and "validation" in line and "left" in line for line in lines)


def test_where_progress_is_shown_follows_the_console(monkeypatch):
    kinds = [Console(file=io.StringIO(), force_terminal=terminal) for terminal in (False, True)]
    assert [type(open_display(console)) for console in kinds] == [LineDisplay, TerminalDisplay]
    assert isinstance(open_display(Console(force_jupyter=True)), NotebookDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_display(Console(file=io.StringIO(), force_terminal=True)), LineDisplay)


def test_without_progress_nothing_is_shown(digits, tmp_path, capsys):
    train(digits, tmp_path / "run", progress=False)
    assert capsys.readouterr() == ("", "")
    train(digits, tmp_path / "shown")
    assert capsys.readouterr().err.count("epoch") == 2


def test_a_long_training_says_what_follows(digits, tmp_path, capsys, monkeypatch):
    """The report of a run of large images takes a minute, in which nothing else is shown."""
    monkeypatch.setattr("elbowroom.training.callbacks.progress.LONG_TRAINING_S", 0.0)
    train(digits, tmp_path / "run")
    assert "report is being written" in capsys.readouterr().err.splitlines()[-1]


def test_a_reader_that_has_gone_ends_no_training(digits, tmp_path):
    class Pipe(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    run = train(digits, tmp_path / "run", ProgressBar(Console(file=Pipe())), progress=False)
    assert run.state == "finished"
