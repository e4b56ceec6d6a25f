"""Pruning: a training that is one trial of a search ends where its validation metric is behind that of others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from elbowroom import errors
from elbowroom.formatting import format_metric
from elbowroom.training.callback import Callback
from elbowroom.training.state import EPOCH, METRICS, STOP, State

if TYPE_CHECKING:
    from optuna.study import Study

#: The name of the study in a journal, which has no other.
STUDY_NAME = "elbowroom"
#: Metrics that are better when they are higher; others when they are lower.
HIGHER_IS_BETTER = ("elbo",)
#: Trials that are completed before any is pruned, and epochs before a trial may be.
MIN_COMPLETE_TRIALS = 4
MIN_EPOCHS = 2


class UnknownMetricError(ValueError):
    """Trainings have no such metric: a mistake of the whole search, not of one trial."""


class Pruning(Callback):
    """Pruning of a trial: it ends after an epoch in which the median of the completed trials was better.

    Each validation is reported to the journal of the search, which all its processes read. The rule is Optuna's median
    stopping: the best value so far is compared with the median of the values of others at that epoch (Golovin et al.
    2017, Google Vizier, doi 10.1145/3097983.3098043). The first four trials, and the first two epochs, are not pruned.

    Args:
        journal: the file of the search.
        trial: the number of this trial in it.
        metric: the validation metric: ``"elbo"``, higher is better, or another, lower is better.

    Raises:
        ValueError: optuna is not installed; while it trains, there is no such metric (:class:`UnknownMetricError`).
    """

    is_on_every_rank = False

    def __init__(self, journal: str, trial: int, metric: str = "elbo") -> None:
        self.journal, self.trial, self.metric = journal, trial, metric

    def validation(self, state: State) -> None:
        metrics = state[METRICS].get("validation", {})
        require_metric(self.metric, metrics)
        trial = load_trial(open_study(self.journal, self.metric), self.trial)
        # A trial that is resumed comes to some epochs again.
        if state[EPOCH] not in trial.storage.get_trial(trial._trial_id).intermediate_values:
            trial.report(metrics[self.metric], state[EPOCH])
        if trial.should_prune():
            value = format_metric(metrics[self.metric])
            state[STOP] = f"pruned at epoch {state[EPOCH]}, validation {self.metric} {value}"


def require_metric(metric: str, known: Iterable[str]) -> None:
    """Raise an UnknownMetricError for a metric that is not among those of the validation split."""
    names = list(known)
    if metric not in names:
        reason = "" if names else " (no validation split is watched: hold some examples out)"
        raise UnknownMetricError(str(errors.unknown_name("validation metric of the search", metric, names, reason)))


def open_study(journal: str, metric: str, seed: int | None = None) -> Study:
    """Open the study of a search, which is made where there is none.

    Args:
        journal: its file; the lock beside it is an exclusive file too.
        metric: the validation metric that is optimized.
        seed: of the choice of new trials.

    Raises:
        ValueError: optuna is not installed.
    """
    try:
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
    except ImportError:
        raise ValueError("a search needs optuna: pip install 'elbowroom[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.JournalStorage(JournalFileBackend(journal, lock_obj=JournalFileOpenLock(journal)))
    return optuna.create_study(
        storage=storage,
        study_name=STUDY_NAME,
        direction="maximize" if metric in HIGHER_IS_BETTER else "minimize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(MIN_COMPLETE_TRIALS, n_warmup_steps=MIN_EPOCHS),
        load_if_exists=True,
    )


def load_trial(study: Study, number: int) -> Any:
    """Return a trial of a study by its number, to which any process may report."""
    from optuna.trial import Trial

    storage = study._storage
    study_id = storage.get_study_id_from_name(study.study_name)
    return Trial(study, storage.get_trial_id_from_study_id_trial_number(study_id, number))
