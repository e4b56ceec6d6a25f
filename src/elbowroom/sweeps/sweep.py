"""Hyper-parameter sweeps: one training for each point of a grid, in sequence, resumable."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elbowroom import distributed
from elbowroom.deprecation import upgrade_settings
from elbowroom.runs.run import Run
from elbowroom.runs.settings import Settings, planned_length
from elbowroom.serialization import atomic_path
from elbowroom.sweeps.grid import name_points, parameter_grid
from elbowroom.training import checkpoint
from elbowroom.workbench.fit import resume

#: The file of a sweep's folder with the settings of each point, and the errors of those that failed.
SWEEP_FILE = "sweep.json"
#: States of a run that was stopped from outside, and is to be resumed.
STOPPED_STATES = ("interrupted", "terminated")
#: States of a point that still has something to train.
PENDING_STATES = ("failed", "to train", "unfinished", "damaged")


@dataclass(frozen=True)
class SweepPoint:
    """One training of a sweep.

    Attributes:
        name: the settings that differ from other points; also the name of its directory.
        settings: all its settings.
        run: its run, which may not exist yet.
        error: the error it failed with, in one line; empty if it did not fail.
    """

    name: str
    settings: Settings
    run: Run
    error: str = ""

    @property
    def state(self) -> str:
        """``finished``, ``failed``, ``unfinished``, ``to train``, ``damaged``, or why the training stopped early."""
        if self.error:
            return "failed"
        if not self.run.exists:
            return "to train"
        return "unfinished" if self.run.state in STOPPED_STATES else self.run.state

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.state not in PENDING_STATES


def sweep(
    start: Callable[..., Run],
    axes: Mapping[str, Sequence[Any]],
    out: str | Path,
    log: Callable[[str], None] = print,
    defaults: Mapping[str, Any] | None = None,
) -> list[SweepPoint]:
    """Train a model for every combination of some settings, one after another.

    Each point has a directory in ``out``, named by the settings that differ. A sweep that is called again continues:
    finished runs are kept, interrupted ones resumed from their last checkpoint, failed ones tried again. A point that
    fails is reported and skipped. A grid may grow: points that exist already keep their names.

    Args:
        start: trains one point; called with its settings, and with its directory as ``out``.
        axes: the values of each setting.
        out: the folder of the sweep.
        log: called with a line when a point begins, and one when it ends.
        defaults: the values of settings that an earlier version, which began the sweep, did not have.

    Returns:
        The points in order; if a callback interrupted a training, those up to that one. A signal that stops it is let
        through once the point is saved, as :func:`~elbowroom.fit` does.

    Raises:
        ValueError: a setting has no values, or the folder cannot be used.

    >>> import tempfile, torch, elbowroom as er
    >>> data = er.load_data("digits")
    >>> def start(out, latent, seed):
    ...     torch.manual_seed(seed)
    ...     return er.fit(*er.recipes.vae(data.shape, latent=latent), data, steps=2, seed=seed, out=out)
    >>> points = sweep(start, {"latent": (0, 2), "seed": (0,)}, tempfile.mkdtemp())
    [1/2] latent=0
          failed: recipe vae(latent=0): DiagonalNormal needs sizes of at least 1, got (0,): give a larger latent
    [2/2] latent=2
          finished...
    """
    return run_all(start, plan(parameter_grid(axes), out, defaults), out, log)


def plan(points: Sequence[Settings], out: str | Path, defaults: Mapping[str, Any] | None = None) -> list[SweepPoint]:
    """Return the points of a sweep, each with its run and state, without training any.

    Args:
        points: the settings of each point.
        out: the folder of the sweep.
        defaults: the values of settings that the points of an earlier version lack.

    Raises:
        ValueError: the folder's ``sweep.json`` is damaged.
    """
    known, errors = read_sweep(out)
    known = {name: {**(defaults or {}), **settings} for name, settings in known.items()}
    folder = Path(out)
    return [
        SweepPoint(name, settings, Run(folder / name), errors.get(name, ""))
        for name, settings in name_points(points, known).items()
    ]


def run_all(
    start: Callable[..., Run], points: Sequence[SweepPoint], out: str | Path, log: Callable[[str], None]
) -> list[SweepPoint]:
    """Train the points that are not done yet, and return all points up to an interrupted one.

    Raises:
        ValueError: several processes were started with torchrun, or the folder cannot be used.
    """
    if distributed.under_torchrun():
        raise ValueError("a sweep trains one run at a time, without torchrun: start it as a program of one process")
    known, errors = read_sweep(out)
    known |= {point.name: point.settings for point in points}
    _write_sweep(out, known, errors)
    done = []
    for number, point in enumerate(points, 1):
        line = f"[{number}/{len(points)}] {point.name}"
        if point.is_done:
            log(f"{line}  {point.state} before")
            done.append(point)
            continue
        log(line)
        point = _train_point(start, point)
        done.append(point)
        log(f"{' ' * line.index(' ')} {_summarize_point(point)}")
        errors.pop(point.name, None)
        if point.error:
            errors[point.name] = point.error
        _write_sweep(out, known, errors)
        if point.run.state in STOPPED_STATES:
            break
    return done


def _train_point(start: Callable[..., Run], point: SweepPoint) -> SweepPoint:
    """Start or resume the training of a point; an exception becomes its ``error``, in one line."""
    run = point.run
    try:
        if _has_all_steps(run):
            # The process ended between the last step and the last line of metrics.jsonl.
            rows = run.metrics()
            run.log({"event": "end", "reason": "finished", "step": rows[-1]["step"], "epoch": rows[-1]["epoch"]})
        elif run.exists:
            resume(run)
        else:
            start(out=run.path, **point.settings)
    except Exception as error:
        message = " ".join(str(error).split())
        kind = "" if isinstance(error, ValueError) and message else type(error).__name__
        return SweepPoint(point.name, point.settings, Run(run.path), ": ".join(filter(None, (kind, message))))
    return SweepPoint(point.name, point.settings, Run(run.path))


def _has_all_steps(run: Run) -> bool:
    """Whether a run without a final line in its metrics has taken all its steps, by its last checkpoint."""
    if not run.exists or run.is_damaged or not run.metrics() or run.state in STOPPED_STATES:
        return False
    checkpoints, (_, steps) = checkpoint.list_checkpoints(run), planned_length(run.record, [])
    return bool(checkpoints) and steps is not None and int(checkpoints[0].name.partition("-")[0]) >= steps


def _summarize_point(point: SweepPoint) -> str:
    if point.error:
        return f"failed: {point.error}"
    rows = point.run.metrics("validation") or point.run.metrics("train")
    loss = f", {rows[-1]['split']} loss {rows[-1]['loss']:.2f}" if rows else ""
    return f"{point.state}{loss}, {point.run.seconds:.0f} s"


def read_sweep(out: str | Path) -> tuple[dict[str, Settings], dict[str, str]]:
    """Read a sweep's folder: the settings of its points by name, and the errors of those that failed.

    Raises:
        ValueError: the file is damaged, or cannot be read.
    """
    file = Path(out) / SWEEP_FILE
    if not file.is_file():
        return {}, {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        points, errors = dict(content["points"]), dict(content["failed"])
        if all(isinstance(settings, dict) for settings in points.values()):
            points = {str(name): upgrade_settings(settings) for name, settings in points.items()}
            return points, {str(name): str(error) for name, error in errors.items()}
    except OSError as error:
        raise ValueError(f"cannot read {file} ({error.strerror}): mend its permissions") from None
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"{file} is damaged: restore it, or remove it and give the same grid again")


def _write_sweep(out: str | Path, points: dict[str, Settings], errors: dict[str, str]) -> None:
    file = Path(out) / SWEEP_FILE
    text = json.dumps({"points": points, "failed": errors}, indent=2, ensure_ascii=False, default=repr)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {file} ({error.strerror or error}): give another --out") from None
