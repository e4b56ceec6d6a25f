"""The curves and the report at the end of a training."""

from __future__ import annotations

import warnings

import torch

from elbowroom import distributed
from elbowroom.training.state import DATA, MODEL, RUN, STOP, State

#: Examples in the report, at most: these take a second or two; ``elbowroom report`` shows more.
MAX_REPORT_EXAMPLES = 500


def write_final_report(state: State) -> None:
    """Write ``images/curves.png`` and ``report.html`` at the end of a training.

    No report if a signal interrupted it and it will be resumed. Any error in the report is only a warning: the training
    itself is complete and saved.
    """
    if not distributed.is_main_process():
        return
    from elbowroom.plotting import plot_curves

    run = state[RUN]
    plot_curves(run).savefig(run.images / "curves.png")
    if state[STOP] in ("interrupted", "terminated"):
        return
    from elbowroom import reporting

    try:
        # Samples of the report must not change the caller's random state.
        with torch.random.fork_rng():
            reporting.write_report(run, state[DATA], state[MODEL], examples=MAX_REPORT_EXAMPLES)
    except (Exception, KeyboardInterrupt) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        warnings.warn(f"there is no report ({reason}): 'elbowroom report {run.path}' tries again", stacklevel=2)
