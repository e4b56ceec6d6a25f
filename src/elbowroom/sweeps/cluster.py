"""Jobs of a cluster that train a sweep's points together: submitted by submitit, requeued where they are preempted."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elbowroom.sweeps.sweep import SweepPoint
from elbowroom.training.interrupts import hold_signals, stop_on_signals

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

#: The clusters that jobs are submitted to: Slurm, or processes of this machine.
CLUSTERS = ("slurm", "local")
#: The folder of the jobs' scripts and output, in that of the sweep.
JOBS_FOLDER = ".jobs"
#: Time limits of a job, where none is given: one that reaches it is requeued, and goes on.
TIMEOUT_MIN = {"slurm": 240, "local": 7 * 24 * 60}
#: How often a job may reach its time limit.
MAX_TIMEOUTS = 100


class SweepJob:
    """A job that trains points of a sweep, saves where it is when the cluster wants the machine back, and is requeued.

    Slurm sends the job a signal (SIGUSR2, or what ``SUBMITIT_PREEMPT_SIGNAL`` names) before its time is over and when
    it is preempted. It stops the training after the current step, which is saved, and the job is queued again.

    Args:
        work: trains the points, and returns them; a function that can be pickled.
    """

    def __init__(self, work: Callable[[], list[SweepPoint]]) -> None:
        self.work = work

    def __call__(self) -> dict[str, int]:
        """Train until nothing is left, and return the number of points in each state."""
        requeue_signal = _requeue_signal()
        with hold_signals(), stop_on_signals(signal.SIGINT, requeue_signal):
            points = self.work()
        if points and points[-1].state == "unfinished":
            # Now that all is saved, the signal does what it would have done: submitit requeues the job.
            signal.raise_signal(requeue_signal)
        return dict(Counter(point.state for point in points))

    def checkpoint(self) -> DelayedSubmission:
        """Return the job that goes on: the same, as all that it has done is in its runs."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def submit_jobs(
    work: Callable[[], list[SweepPoint]],
    out: str | Path,
    n_jobs: int,
    cluster: str = "slurm",
    options: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Submit jobs that train the points of a sweep together, and return them, as submitit has them.

    Args:
        work: trains the points that nobody holds, in each job: :func:`~elbowroom.sweep` with all its arguments.
        out: the folder of the sweep, which all machines share.
        n_jobs: the number of jobs.
        cluster: ``"slurm"``, or ``"local"`` for processes of this machine.
        options: parameters of submitit's executor: ``timeout_min``, ``gpus_per_node``, ``slurm_partition``, ….

    Raises:
        ValueError: submitit is not installed, there is no Slurm, or it does not know an option.
    """
    try:
        import submitit
    except ImportError:
        raise ValueError("jobs of a cluster need submitit: pip install 'elbowroom[slurm]'") from None
    timeouts: dict[str, Any] = {f"{name}_max_num_timeout": MAX_TIMEOUTS for name in CLUSTERS}
    settings = {"name": "elbowroom", "timeout_min": TIMEOUT_MIN[cluster], **(options or {})}
    try:
        executor = submitit.AutoExecutor(Path(out) / JOBS_FOLDER / "%j", cluster=cluster, **timeouts)
        executor.update_parameters(**settings)
        with executor.batch():
            jobs = [executor.submit(SweepJob(work)) for _ in range(n_jobs)]
    except (RuntimeError, NameError, TypeError, ValueError, submitit.core.utils.FailedJobError) as error:
        message = " ".join(str(error).split())
        raise ValueError(
            f"no job was submitted to {cluster} ({message}): mend the options, or try --cluster local"
        ) from None
    return list(jobs)


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """Return the options of a job, given as ``NAME=VALUE``.

    Raises:
        ValueError: one has no ``=``.

    >>> parse_options(["timeout_min=60", "slurm_partition=gpu"])
    {'timeout_min': 60, 'slurm_partition': 'gpu'}
    """
    options: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ValueError(f"--job-option {text} is not NAME=VALUE: give it as timeout_min=60")
        options[name] = int(value) if value.lstrip("-").isdigit() else value
    return options


def _requeue_signal() -> int:
    """The signal by which a cluster tells a job to save where it is and to be requeued."""
    return int(signal.Signals[f"SIG{os.environ.get('SUBMITIT_PREEMPT_SIGNAL', 'USR2')}"])
