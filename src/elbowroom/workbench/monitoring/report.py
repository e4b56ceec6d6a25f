"""The report that a training leaves behind."""

from __future__ import annotations

import warnings

import torch

from elbowroom import distributed
from elbowroom.training.state import DATA, MODEL, RUN, STOP, State

#: Examples in it, at most: so many take a second or two; ``elbowroom report`` shows more.
MAX_REPORT_EXAMPLES = 500


def write_final_report(state: State) -> None:
    """Write ``report.html`` at the end of a training, unless it was cut off by a signal and will be gone on with.

    Whatever goes wrong here is a warning: the training is done, and kept.
    """
    run = state[RUN]
    if not distributed.is_main_process() or state[STOP] in ("interrupted", "terminated"):
        return
    from elbowroom import reporting

    try:
        # What is drawn for it is drawn from a copy of the random streams.
        with torch.random.fork_rng():
            reporting.write_report(run, state[DATA], state[MODEL], examples=MAX_REPORT_EXAMPLES)
    except (Exception, KeyboardInterrupt) as error:
        why = " ".join(str(error).split()) or type(error).__name__
        warnings.warn(f"there is no report ({why}): 'elbowroom report {run.path}' tries again", stacklevel=2)
