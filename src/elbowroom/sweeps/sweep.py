"""A grid of trainings, one after another, that goes on where it was left."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elbowroom import distributed
from elbowroom.deprecation import upgrade_settings
from elbowroom.runs.run import Run
from elbowroom.runs.settings import Settings
from elbowroom.sweeps.grid import name_points, parameter_grid
from elbowroom.training import checkpoint
from elbowroom.workbench.fit import resume

#: Where a sweep keeps which point has which settings, and which failed.
SWEEP_FILE = "sweep.json"
#: Why a run has ended that is to be gone on with.
STOPPED_STATES = ("interrupted", "terminated")


@dataclass(frozen=True)
class SweepPoint:
    """One training of a sweep.

    Attributes:
        name: what differs from the others; its directory's, too.
        settings: all of them.
        run: where it is kept.
        error: why it failed, in one line; empty if it did not.
    """

    name: str
    settings: Settings
    run: Run
    error: str = ""

    @property
    def state(self) -> str:
        """``finished``, ``failed``, ``unfinished``, ``to train``; or why its training ended of itself."""
        if self.error:
            return "failed"
        if not self.run.exists:
            return "to train"
        return "unfinished" if self.run.state in STOPPED_STATES else self.run.state

    @property
    def is_done(self) -> bool:
        """Whether there is nothing left to train."""
        return self.state not in ("failed", "to train", "unfinished", "damaged")


def sweep(
    start: Callable[..., Run],
    axes: Mapping[str, Sequence[Any]],
    out: str | Path,
    log: Callable[[str], None] = print,
) -> list[SweepPoint]:
    """Train every combination of some settings, one after another.

    Each has a directory in ``out``, named by what differs. A sweep that is begun again goes on: what has finished is
    kept, what was cut off is resumed from its last checkpoint, what failed is tried again. One that fails is told of
    and skipped. A grid may grow: points that are there already keep their names.

    Args:
        start: trains one point; called with its settings, and with its directory as ``out``.
        axes: the values of each setting.
        out: the folder.
        log: gets a line for each point as it begins, and one as it ends.

    Returns:
        The points in order, up to the one under way if the sweep was stopped by Ctrl-C or a signal.

    Raises:
        ValueError: a setting without values, or a folder that cannot be used.

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
    return run_all(start, plan(parameter_grid(axes), out), out, log)


def plan(points: Sequence[Settings], out: str | Path) -> list[SweepPoint]:
    """Where each point is kept, and how it stands.

    Raises:
        ValueError: the folder's ``sweep.json`` is damaged.
    """
    known, failed = read_sweep(out)
    folder = Path(out)
    return [
        SweepPoint(name, settings, Run(folder / name), failed.get(name, ""))
        for name, settings in name_points(points, known).items()
    ]


def run_all(
    start: Callable[..., Run], points: Sequence[SweepPoint], out: str | Path, log: Callable[[str], None]
) -> list[SweepPoint]:
    """Train the points that are not done yet."""
    if distributed.under_torchrun():
        raise ValueError("a sweep trains one run at a time, without torchrun: start it as a program of one process")
    known, failed = read_sweep(out)
    known |= {point.name: point.settings for point in points}
    _write_sweep(out, known, failed)
    ended = []
    for number, point in enumerate(points, 1):
        begun = f"[{number}/{len(points)}] {point.name}"
        if point.is_done:
            log(f"{begun}  {point.state} before")
            ended.append(point)
            continue
        log(begun)
        point = _train_point(start, point)
        ended.append(point)
        log(f"{' ' * begun.index(' ')} {_summarize_point(point)}")
        failed.pop(point.name, None)
        if point.error:
            failed[point.name] = point.error
        _write_sweep(out, known, failed)
        if point.run.state in STOPPED_STATES:
            break
    return ended


def _train_point(start: Callable[..., Run], point: SweepPoint) -> SweepPoint:
    """One point, begun or gone on with; whatever goes wrong is a line of it."""
    run = point.run
    try:
        if _has_all_steps(run):
            # Cut off between its last step and its last line.
            rows = run.metrics()
            run.log({"event": "end", "reason": "finished", "step": rows[-1]["step"], "epoch": rows[-1]["epoch"]})
        elif run.exists:
            resume(run)
        else:
            start(out=run.path, **point.settings)
    except Exception as error:
        said = " ".join(str(error).split())
        kind = "" if isinstance(error, ValueError) and said else type(error).__name__
        return SweepPoint(point.name, point.settings, Run(run.path), ": ".join(filter(None, (kind, said))))
    return SweepPoint(point.name, point.settings, Run(run.path))


def _has_all_steps(run: Run) -> bool:
    """Whether a run that does not say so has made all its steps."""
    if not run.exists or run.is_damaged or not run.metrics() or run.state in STOPPED_STATES:
        return False
    asked, sizes = run.record["training"], run.record["data"].get("sizes") or {}
    saved = checkpoint.list_checkpoints(run)
    if not saved or not (asked["steps"] or sizes.get("train")):
        return False
    steps = asked["steps"] or asked["epochs"] * -(-sizes["train"] // asked["batch_size"])
    return int(saved[0].name.partition("-")[0]) >= steps


def _summarize_point(point: SweepPoint) -> str:
    if point.error:
        return f"failed: {point.error}"
    rows = point.run.metrics("validation") or point.run.metrics("train")
    loss = f", {rows[-1]['split']} loss {rows[-1]['loss']:.2f}" if rows else ""
    return f"{point.state}{loss}, {point.run.seconds:.0f} s"


def read_sweep(out: str | Path) -> tuple[dict[str, Settings], dict[str, str]]:
    """What a sweep's folder says of its points: their settings by name, and why some failed.

    Raises:
        ValueError: the file is damaged.
    """
    file = Path(out) / SWEEP_FILE
    if not file.is_file():
        return {}, {}
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        points, failed = dict(held["points"]), dict(held["failed"])
        if all(isinstance(settings, dict) for settings in points.values()):
            points = {str(name): upgrade_settings(settings) for name, settings in points.items()}
            return points, {str(name): str(error) for name, error in failed.items()}
    except OSError as error:
        raise ValueError(f"cannot read {file} ({error.strerror}): mend its permissions") from None
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f"{file} is damaged: restore it, or remove it and give the same grid again")


def _write_sweep(out: str | Path, points: dict[str, Settings], failed: dict[str, str]) -> None:
    file = Path(out) / SWEEP_FILE
    beside = file.with_name(SWEEP_FILE + ".part")
    text = json.dumps({"points": points, "failed": failed}, indent=2, ensure_ascii=False, default=repr)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text + "\n", encoding="utf-8")
        os.replace(beside, file)
    except OSError as error:
        raise ValueError(f"cannot write {file} ({error.strerror or error}): give another --out") from None
