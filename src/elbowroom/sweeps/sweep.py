"""Hyper-parameter sweeps: one training for each point of a grid, by one process or several, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elbowroom import distributed
from elbowroom.deprecation import upgrade_settings
from elbowroom.formatting import format_fixed
from elbowroom.runs.run import Run
from elbowroom.runs.settings import Settings, planned_length
from elbowroom.serialization import atomic_path
from elbowroom.sweeps.claims import HEARTBEAT_S, ClaimLostError, Claims, HeldClaim, Holder
from elbowroom.sweeps.grid import name_points, parameter_grid
from elbowroom.training import checkpoint
from elbowroom.training.interrupts import RunLockedError, guard_training
from elbowroom.workbench.fit import resume
from elbowroom.workbench.monitoring.pruning import UnknownMetricError

#: The file of a sweep's folder with the settings of each point, and the errors of those that failed.
SWEEP_FILE = "sweep.json"
#: The journal of a search, beside its ``sweep.json``; a sweep has none.
JOURNAL_FILE = "journal.log"
#: States of a run that was stopped from outside, and is to be resumed.
STOPPED_STATES = ("interrupted", "terminated")
#: States of a point that still has something to train.
PENDING_STATES = ("training", "failed", "to train", "unfinished", "damaged")
#: Time between two looks at the points that other processes hold, at most.
MAX_POLL_S = 2.0
#: Points that are looked at before a sweep begins, at most.
MAX_CHECKED = 8


@dataclass(frozen=True)
class SweepPoint:
    """One training of a sweep.

    Attributes:
        name: the settings that differ from other points; also the name of its directory.
        settings: all its settings.
        run: its run, which may not exist yet.
        error: the error it failed with, in one line; empty if it did not fail.
        holder: who is training it at this moment; None if nobody is.
    """

    name: str
    settings: Settings
    run: Run
    error: str = ""
    holder: Holder | None = None

    @property
    def state(self) -> str:
        """``training``, ``finished``, ``failed``, ``unfinished``, ``to train``, ``damaged``, or why it ended early."""
        if self.holder:
            return "training"
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
    heartbeat_s: float = HEARTBEAT_S,
    waits: bool = True,
) -> list[SweepPoint]:
    """Train a model for every combination of some settings, one after another.

    Each point has a directory in ``out``, named by the settings that differ. A sweep that is called again continues:
    finished runs are kept, interrupted ones resumed from their last checkpoint, failed ones tried again. A point that
    fails is reported and skipped. A grid may grow: points that exist already keep their names.

    Several processes, of several machines that share the folder, may call it at once: each takes points that nobody
    holds (:class:`~elbowroom.sweeps.claims.Claims`). The point of one that was killed is taken over and resumed, once
    its holder has given no sign of life for six heartbeats, and ends with the same weights as one never interrupted.

    Args:
        start: trains one point; called with its settings, and with its directory as ``out``.
        axes: the values of each setting.
        out: the folder of the sweep.
        log: called with a line when a point begins, and one when it ends.
        defaults: the values of settings that an earlier version, which began the sweep, did not have.
        heartbeat_s: seconds between two signs of life of this process.
        waits: whether to wait for points that other processes hold, to take them over if need be.

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
    return run_all(start, parameter_grid(axes), out, log, defaults, heartbeat_s, waits)


def plan(points: Sequence[Settings], out: str | Path, defaults: Mapping[str, Any] | None = None) -> list[SweepPoint]:
    """Return the points of a sweep, each with its run and state, without training any.

    Args:
        points: the settings of each point.
        out: the folder of the sweep.
        defaults: the values of settings that the points of an earlier version lack.

    Raises:
        ValueError: the folder is that of a run, its ``sweep.json`` is damaged, or is that of a search.
    """
    refuse_run(out)
    if (Path(out) / JOURNAL_FILE).is_file():
        raise ValueError(f"{out} is the folder of a search (elbowroom tune): give a sweep another --out")
    known, errors = read_sweep(out)
    known = {name: {**(defaults or {}), **settings} for name, settings in known.items()}
    folder, holders = Path(out), Claims(out).find_holders()
    return [
        SweepPoint(name, settings, Run(folder / name), errors.get(name, ""), holders.get(name))
        for name, settings in name_points(points, known).items()
    ]


def refuse_run(out: str | Path) -> None:
    """Raise ValueError if the folder for many runs is that of one, inside which none of them belongs."""
    if Run(out).exists:
        raise ValueError(f"{out} already holds a run, and each training needs a folder of its own: give another --out")


def settings_to_begin(points: Sequence[SweepPoint]) -> list[Settings]:
    """Return the settings of a sweep's points before any of them has a run, and none of a sweep that goes on."""
    has_begun = any(point.run.exists or point.holder for point in points)
    return [] if has_begun else [point.settings for point in points]


def require_trainable(check: Callable[..., object], points: Iterable[Settings]) -> None:
    """Raise the refusal of the first point, if each is refused; one that can be trained is enough for a sweep to begin.

    Of many points the first :data:`MAX_CHECKED` are looked at, as each reads the data: if others are left, it begins.

    Args:
        check: called with the settings of a point; raises a ValueError where no training can begin with them.
        points: the settings of each.
    """
    first = None
    for n, settings in enumerate(points):
        if n == MAX_CHECKED:
            return
        try:
            check(**settings)
        except ValueError as error:
            first = first or error.with_traceback(None)  # whose frames hold model and data
        except Exception:  # it is no refusal, and the training keeps it as the error of its point
            return
        else:
            return
    if first is not None:
        raise first


def register_points(
    points: Sequence[Settings],
    out: str | Path,
    defaults: Mapping[str, Any] | None = None,
    heartbeat_s: float = HEARTBEAT_S,
) -> list[SweepPoint]:
    """Write the points into the sweep's file, and return them: other processes that add points give other names.

    Raises:
        ValueError: several processes were started with torchrun, or the folder cannot be used.
    """
    if distributed.under_torchrun():
        raise ValueError("a sweep trains one run at a time, without torchrun: start it as a program of one process")
    refuse_run(out)
    with Claims(out, heartbeat_s).hold(SWEEP_FILE):
        planned = plan(points, out, defaults)
        add_points(out, {point.name: point.settings for point in planned})
    return planned


def run_all(
    start: Callable[..., Run],
    points: Sequence[Settings],
    out: str | Path,
    log: Callable[[str], None],
    defaults: Mapping[str, Any] | None = None,
    heartbeat_s: float = HEARTBEAT_S,
    waits: bool = True,
) -> list[SweepPoint]:
    """Train the points that are not done yet, and return all points up to an interrupted one.

    The arguments are those of :func:`sweep`, with the settings of each point in place of the axes.

    Raises:
        ValueError: several processes were started with torchrun, or the folder cannot be used.
    """
    planned = register_points(points, out, defaults, heartbeat_s)
    worker = Worker(start, planned, out, log, heartbeat_s)
    while not worker.visit_points() and waits and worker.n_open:
        time.sleep(min(heartbeat_s, MAX_POLL_S))
    return worker.points


class Worker:
    """One of the processes that train the points of a sweep.

    Args:
        start: trains one point.
        points: all of them, in order.
        out: the folder of the sweep.
        log: called with a line when a point begins, and one when it ends.
        heartbeat_s: seconds between two signs of life of this process.
    """

    def __init__(
        self,
        start: Callable[..., Run],
        points: Sequence[SweepPoint],
        out: str | Path,
        log: Callable[[str], None],
        heartbeat_s: float,
    ) -> None:
        self._start, self._planned, self._out, self._log = start, points, out, log
        self._claims = Claims(out, heartbeat_s)
        self._takes_before = {point.name: self._claims.count_takes(point.name) for point in points}
        self._ended: dict[str, SweepPoint] = {}
        self._stopped: SweepPoint | None = None

    @property
    def n_open(self) -> int:
        """The number of points that other processes hold."""
        return len(self._planned) - len(self._ended)

    @property
    def points(self) -> list[SweepPoint]:
        """The points in order, those of other processes as they are now; if one was stopped, the ended ones and it."""
        if self._stopped is not None:
            return [*(self._ended[one.name] for one in self._planned if one.name in self._ended), self._stopped]
        return [self._ended.get(one.name) or self._read(one) for one in self._planned]

    def visit_points(self) -> bool:
        """Train those that nobody holds; whether a signal or a callback has stopped it."""
        n_waiting = 0
        for number, planned in enumerate(self._planned, 1):
            if planned.name in self._ended:
                continue
            point = self._visit(planned, f"[{number}/{len(self._planned)}] {planned.name}")
            if point is None:
                n_waiting += 1
            elif point.run.state in STOPPED_STATES and not point.error:
                self._stopped = point
                return True
            else:
                self._ended[point.name] = point
        return False

    def _visit(self, planned: SweepPoint, line: str) -> SweepPoint | None:
        """Return a point that has nothing left to train, or train it; None where another process holds it."""
        point = self._read(planned)
        if point.holder is None and not self._has_ended(point) and (claim := self._claims.take(point.name)):
            with claim:
                # Another process may have trained it between the two looks.
                point = self._read(planned, is_held=True)
                if not self._has_ended(point, n_own_takes=1):
                    return self._train(point, claim, line)
        if point.holder is not None or not self._has_ended(point):
            return None
        self._log(f"{line}  {point.state} {'elsewhere' if self._count_new_takes(point) else 'before'}")
        return point

    def _read(self, point: SweepPoint, is_held: bool = False) -> SweepPoint:
        """Return a point as it is now; without its holder, where that is this process."""
        error = read_sweep(self._out)[1].get(point.name, "")
        holder = None if is_held else self._claims.find_holder(point.name)
        return SweepPoint(point.name, point.settings, Run(point.run.path), error, holder)

    def _has_ended(self, point: SweepPoint, n_own_takes: int = 0) -> bool:
        """Whether this process has nothing to train of a point: it is done, or another has tried it and failed."""
        return point.is_done or (bool(point.error) and self._count_new_takes(point) > n_own_takes)

    def _count_new_takes(self, point: SweepPoint) -> int:
        return self._claims.count_takes(point.name) - self._takes_before[point.name]

    def _train(self, point: SweepPoint, claim: HeldClaim, line: str) -> SweepPoint | None:
        self._log(line)
        indent = " " * line.index(" ")
        try:
            with guard_training(claim.check):
                trained = train_point(self._start, point)
        except (ClaimLostError, RunLockedError) as error:
            self._log(f"{indent} left: {error}")
            return None
        self._log(f"{indent} {summarize_point(trained)}")
        write_error(self._claims, self._out, trained)
        return trained


def add_points(out: str | Path, points: Mapping[str, Settings]) -> None:
    """Add points to a sweep's file; the caller holds it."""
    known, errors = read_sweep(out)
    _write_sweep(out, {**known, **points}, errors)


def write_error(claims: Claims, out: str | Path, point: SweepPoint) -> None:
    """Write the error of a point into the sweep's file, or remove one that it no longer has."""
    if read_sweep(out)[1].get(point.name, "") == point.error:
        return
    with claims.hold(SWEEP_FILE):
        known, errors = read_sweep(out)
        errors.pop(point.name, None)
        _write_sweep(out, known, errors | ({point.name: point.error} if point.error else {}))


def train_point(start: Callable[..., Run], point: SweepPoint) -> SweepPoint:
    """Start or resume the training of a point; an exception becomes its ``error``, in one line.

    Raises:
        ClaimLostError: another process has taken it over.
        RunLockedError: another process trains into its directory.
        UnknownMetricError: the search that it is a trial of is for a metric that there is not.
    """
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
    except (ClaimLostError, RunLockedError, UnknownMetricError):
        raise
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


def summarize_point(point: SweepPoint) -> str:
    """Return in a line how the training of a point ended."""
    if point.error:
        return f"failed: {point.error}"
    rows = point.run.metrics("validation") or point.run.metrics("train")
    loss = f", {rows[-1]['split']} loss {format_fixed(rows[-1]['loss'])}" if rows else ""
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


def _write_sweep(out: str | Path, points: Mapping[str, Settings], errors: dict[str, str]) -> None:
    file = Path(out) / SWEEP_FILE
    text = json.dumps({"points": points, "failed": errors}, indent=2, ensure_ascii=False, default=repr)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(f"cannot write {file} ({error.strerror or error}): give another --out") from None
