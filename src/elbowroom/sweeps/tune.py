"""Hyper-parameter search: trainings whose settings Optuna chooses, by one process or several, resumable."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom.runs.run import Run
from elbowroom.runs.settings import UNCOMPARED_SETTINGS, canonical_json
from elbowroom.sweeps.claims import HEARTBEAT_S, ClaimLostError, Claims, HeldClaim
from elbowroom.sweeps.space import Space, fixed_settings, make_distributions, settings_of
from elbowroom.sweeps.sweep import (
    JOURNAL_FILE,
    MAX_POLL_S,
    STOPPED_STATES,
    SWEEP_FILE,
    SweepPoint,
    add_points,
    read_sweep,
    refuse_run,
    summarize_point,
    train_point,
    write_error,
)
from elbowroom.training.interrupts import RunLockedError, guard_training
from elbowroom.workbench.monitoring.pruning import HIGHER_IS_BETTER, Pruning, UnknownMetricError, open_study

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Search:
    """A search as far as it has come.

    Attributes:
        points: its trials in order.
        values: the metric of each completed trial, by the name of its point.
        metric: the validation metric that is optimized.
    """

    points: list[SweepPoint]
    values: dict[str, float]
    metric: str

    @property
    def best(self) -> SweepPoint | None:
        """The best of the completed trials; None before one is."""
        return min((point for point in self.points if point.name in self.values), key=self.rank, default=None)

    def rank(self, point: SweepPoint) -> float:
        """Return the number by which points are ordered, the best first, those without a value last."""
        if point.name not in self.values:
            return math.inf
        return -self.values[point.name] if self.metric in HIGHER_IS_BETTER else self.values[point.name]


def tune(
    start: Callable[..., Run],
    space: Space,
    out: str | Path,
    n_trials: int = 50,
    metric: str = "elbo",
    log: Callable[[str], None] = print,
    seed: int = 0,
    heartbeat_s: float = HEARTBEAT_S,
    waits: bool = True,
) -> Search:
    """Search settings for the best validation metric, by the tree of Parzen estimators, and prune what is behind.

    Optuna chooses the settings of each trial from those before (Bergstra et al. 2011, Algorithms for hyper-parameter
    optimization). A trial is a point of a sweep: a run directory in ``out``, its settings in ``sweep.json``; what
    Optuna knows is in ``journal.log`` beside it. It is pruned where the median of others was better at its epoch
    (:class:`~elbowroom.workbench.monitoring.pruning.Pruning`).

    A search that is called again goes on to ``n_trials``. Several processes may call it at once; the trial of one that
    was killed is taken over and resumed, as in a :func:`sweep`. A trial's value is that of the weights it ends with.

    Args:
        start: trains one trial; called with its settings, its directory as ``out`` and ``callbacks`` for ``fit``.
        space: for each setting a :class:`~elbowroom.sweeps.space.Range`, or its values; one value is the same in all.
        out: the folder of the search.
        n_trials: the trials of all processes together, pruned and failed ones included.
        metric: the validation metric: ``"elbo"``, higher is better, or another of the metrics, lower is better.
        log: called with a line when a trial begins, and one when it ends.
        seed: of the choices; with several processes they depend on which is first.
        heartbeat_s: seconds between two signs of life of this process.
        waits: whether to wait for trials that other processes hold, to take them over if need be.

    Raises:
        ValueError: optuna is not installed, nothing is searched, the folder has another search or cannot be used, or
            the trainings have no such metric.

    >>> import tempfile, torch, elbowroom as er
    >>> data = er.load_data("digits")
    >>> def start(out, callbacks, lr, latent):
    ...     torch.manual_seed(0)
    ...     model, objective = er.recipes.vae(data.shape, latent=latent)
    ...     return er.fit(model, objective, data, steps=20, lr=lr, out=out, callbacks=callbacks)
    >>> space = {"lr": er.Range(1e-4, 1e-2, is_log=True), "latent": (2, 5)}
    >>> search = er.tune(start, space, tempfile.mkdtemp(), n_trials=2, log=lambda line: None)
    >>> search.best.settings.keys(), len(search.values)
    (dict_keys(['lr', 'latent']), 2)
    """
    tuner = _Tuner(start, space, Path(out), metric, log, seed, heartbeat_s)
    tuner.begin()
    while not tuner.train_trials(n_trials) and waits and tuner.n_running:
        time.sleep(min(heartbeat_s, MAX_POLL_S))
    return tuner.search


def has_begun(out: str | Path) -> bool:
    """Whether there is a search in a folder."""
    return (Path(out) / JOURNAL_FILE).is_file()


def read_search(out: str | Path, metric: str = "elbo") -> Search:
    """Read a search's folder."""
    study = open_study(str(Path(out) / JOURNAL_FILE), metric)
    points, errors = read_sweep(out)
    holders = Claims(out).find_holders()
    return Search(
        [
            SweepPoint(name, settings, Run(Path(out) / name), errors.get(name, ""), holders.get(name))
            for name, settings in points.items()
        ],
        {
            _name(one): one.value
            for one in study.get_trials(deepcopy=False)
            if _is_complete(one) and one.value is not None
        },
        metric,
    )


class _Tuner:
    """One of the processes of a search; the arguments are those of :func:`tune`."""

    def __init__(
        self,
        start: Callable[..., Run],
        space: Space,
        out: Path,
        metric: str,
        log: Callable[[str], None],
        seed: int,
        heartbeat_s: float,
    ) -> None:
        self._start, self._space, self._out, self._metric = start, space, out, metric
        self._log, self._seed = log, seed
        self._claims = Claims(out, heartbeat_s)
        self._journal = str(out / JOURNAL_FILE)

    @property
    def n_running(self) -> int:
        """The number of trials that have not ended."""
        return len(self._running(self._study()))

    @property
    def search(self) -> Search:
        """The search as far as it has come."""
        return read_search(self._out, self._metric)

    def begin(self) -> None:
        """Make the study, with what all its trials share; or check that it is the same one.

        Raises:
            ValueError: the folder is that of a run, or the search in it is another one.
        """
        refuse_run(self._out)
        make_distributions(self._space)
        unshared = {*UNCOMPARED_SETTINGS} - {"seed"}
        fixed = {name: value for name, value in fixed_settings(self._space).items() if name not in unshared}
        about = canonical_json({"metric": self._metric, **fixed})
        with self._claims.hold(SWEEP_FILE):
            if not has_begun(self._out) and read_sweep(self._out)[0]:
                raise ValueError(f"{self._out} is the folder of a sweep: give a search another --out")
            study = self._study()
            if (before := study.user_attrs.setdefault("shared", about)) != about:
                raise ValueError(
                    f"the search in {self._out} has other settings that are not searched "
                    f"({_describe_changes(before, about)}): give the same again, or another --out"
                )
            study.set_user_attr("shared", about)

    def train_trials(self, n_trials: int) -> bool:
        """Train trials until none is free and none is left to begin; whether a signal or a callback has stopped it."""
        while (taken := self._take_free() or self._begin_next(n_trials)) is not None:
            trial, claim = taken
            with claim:
                point = self._train(trial, claim, f"[{trial.number + 1}/{max(n_trials, trial.number + 1)}]")
            if point is not None and point.run.state in STOPPED_STATES and not point.error:
                return True
        return False

    def _study(self) -> Study:
        return open_study(self._journal, self._metric)

    def _running(self, study: Study) -> list[FrozenTrial]:
        return [trial for trial in study.get_trials(deepcopy=False) if not trial.state.is_finished()]

    def _take_free(self) -> tuple[FrozenTrial, HeldClaim] | None:
        """Claim a trial that was begun and that nobody holds."""
        for trial in self._running(self._study()):
            if (claim := self._claims.take(_name(trial))) is not None:
                # It may have ended between the two looks.
                trial = self._study().get_trials(deepcopy=False)[trial.number]
                if not trial.state.is_finished():
                    return trial, claim
                claim.release()
        return None

    def _begin_next(self, n_trials: int) -> tuple[FrozenTrial, HeldClaim] | None:
        """Begin a new trial, unless there are as many as there shall be.

        Raises:
            ValueError: the values of a setting have changed since the search began.
        """
        distributions = make_distributions(self._space)
        with self._claims.hold(SWEEP_FILE):
            n_before = len(self._study().get_trials(deepcopy=False))
            if n_before >= n_trials:
                return None
            study = open_study(self._journal, self._metric, self._seed + n_before)
            try:
                number = study.ask(distributions).number
            except ValueError as error:
                raise ValueError(
                    f"the search in {self._out} began with other values ({error}): give another --out"
                ) from None
            trial = study.get_trials(deepcopy=False)[number]
            add_points(self._out, {_name(trial): settings_of(self._space, trial.params)})
        claim = self._claims.take(_name(trial))
        return None if claim is None else (trial, claim)

    def _train(self, trial: FrozenTrial, claim: HeldClaim, count: str) -> SweepPoint | None:
        """Train a trial and tell the study how it ended; None where another process has taken it."""
        settings = settings_of(self._space, trial.params)
        error = read_sweep(self._out)[1].get(_name(trial), "")
        point = SweepPoint(_name(trial), settings, Run(self._out / _name(trial)), error)
        shown = ", ".join(f"{name} {_format(value)}" for name, value in trial.params.items())
        self._log(f"{count} {point.name}  {shown}")
        indent = " " * len(count)
        try:
            with guard_training(claim.check):
                point = train_point(self._start_trial(trial), point)
        except (ClaimLostError, RunLockedError) as left:
            self._log(f"{indent} left: {left}")
            return None
        except UnknownMetricError as error:
            self._tell(trial, replace(point, error=str(error)))
            advice = f"It is the metric of the search in {self._out}: give another --out too"
            raise ValueError(f"{error}. {advice}") from None
        self._log(f"{indent} {summarize_point(point)}")
        write_error(self._claims, self._out, point)
        if point.error or point.run.state not in STOPPED_STATES:
            self._tell(trial, point)
        return point

    def _start_trial(self, trial: FrozenTrial) -> Callable[..., Run]:
        pruning = Pruning(self._journal, trial.number, self._metric)
        return lambda out, **settings: self._start(out=out, callbacks=[pruning], **settings)

    def _tell(self, trial: FrozenTrial, point: SweepPoint) -> None:
        from optuna.trial import TrialState

        study = self._study()
        if point.error:
            study.tell(trial.number, state=TrialState.FAIL)
        elif point.run.state.startswith("pruned"):
            study.tell(trial.number, state=TrialState.PRUNED)
        else:
            study.tell(trial.number, point.run.rows_until_weights("validation")[-1][self._metric])


def _is_complete(trial: FrozenTrial) -> bool:
    return trial.state.name == "COMPLETE"


def _describe_changes(before: str, after: str) -> str:
    """Return in words how settings differ, given as canonical JSON.

    >>> _describe_changes('{"epochs": 1, "lr": 0.1, "seed": 0}', '{"epochs": 2, "seed": 0}')
    'epochs was 1 and is 2, lr was 0.1 and is searched'
    """
    old, new = json.loads(before), json.loads(after)
    shown = {name: [json.dumps(one[name]) if name in one else "searched" for one in (old, new)] for name in old | new}
    return ", ".join(f"{name} was {was} and is {now}" for name, (was, now) in shown.items() if was != now)


def _name(trial: FrozenTrial) -> str:
    return f"trial-{trial.number:04d}"


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
